"""What each release, by its name, is to hold, and which version of it is clear of what is banned."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from evergrow.resources.ledger.registry_schema import releases as table
from evergrow.resources.registry.owner_names import fault
from evergrow.resources.registry.registry import Registry, as_text, touch


class ReleaseNameError(Exception):
    """The name cannot be a release's; the message suggests one that can."""


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """What a release is to hold: `batches`, evolved or as they are (`as_is`), `trees`, and exactly `rows` rows."""

    batches: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    rows: int | None = None
    as_is: bool = False


@dataclass(frozen=True, slots=True)
class Cleared:
    """A `version` of a release that holds nothing of what is banned, by the digest of all bans (`basis`).

    `back`: how many rows it left out that are banned no more.
    """

    version: str
    basis: str
    back: int


def set_wish(
    registry: Registry,
    name: str,
    batches: Sequence[str],
    trees: Sequence[str] = (),
    rows: int | None = None,
    as_is: bool = False,  # noqa: FBT001
) -> ReleaseRequest:
    """Write down what the release called `name` is to hold.

    Raises:
        ReleaseNameError: the name cannot be a release's.
        LedgerError: it was not written.
    """
    require_release_name(name)
    wanted = ReleaseRequest(tuple(batches), tuple(trees), rows, as_is)
    if wish(registry, name) == wanted:
        return wanted
    told = _as_text(wanted)
    with registry.alone() as connection:
        changed = connection.execute(update(table).where(table.c.name == name).values(wish=told))
        if not changed.rowcount:
            connection.execute(insert(table).values(name=name, wish=told))
        touch(connection, "release", name)
    return wanted


def require_release_name(name: str) -> None:
    """Refuse what cannot name a release.

    Raises:
        ReleaseNameError: it cannot.
    """
    if wrong := fault(name, "release"):
        raise ReleaseNameError(wrong)


def wish(registry: Registry, name: str) -> ReleaseRequest | None:
    """What the release called `name` is to hold; None if nobody has asked for it."""
    rows = registry.read(select(table.c.wish).where(table.c.name == name))
    return _request(rows[0][0]) if rows else None


def wishes(registry: Registry) -> dict[str, ReleaseRequest]:
    """What every release that was asked for is to hold, in order of their names."""
    rows = registry.read(select(table.c.name, table.c.wish))
    return {name: _request(told) for name, told in sorted(map(tuple, rows))}


def set_clear(registry: Registry, name: str, found: Cleared) -> None:
    """Write down which version of a release holds nothing of what is banned.

    Raises:
        LedgerError: it was not written.
    """
    told = as_text([found.version, found.basis, found.back])
    with registry.alone() as connection:
        changed = connection.execute(update(table).where(table.c.name == name).values(clear=told))
        if not changed.rowcount:  # made in the UI, of all that there is
            connection.execute(insert(table).values(name=name, wish=_as_text(ReleaseRequest()), clear=told))
        touch(connection, "release", name)


def cleared(registry: Registry, name: str) -> Cleared | None:
    """Which version of a release was looked through last and holds nothing of what is banned."""
    rows = registry.read(select(table.c.clear).where(table.c.name == name))
    return Cleared(*json.loads(rows[0][0])) if rows and rows[0][0] is not None else None


def release_names(registry: Registry) -> list[str]:
    """Names of all releases that were asked for, in order."""
    return sorted(row[0] for row in registry.read(select(table.c.name)))


def _as_text(wanted: ReleaseRequest) -> str:
    return as_text({"batches": wanted.batches, "trees": wanted.trees, "rows": wanted.rows, "as_is": wanted.as_is})


def _request(text: str) -> ReleaseRequest:
    told = json.loads(text)
    return ReleaseRequest(tuple(told["batches"]), tuple(told["trees"]), told["rows"], told["as_is"])
