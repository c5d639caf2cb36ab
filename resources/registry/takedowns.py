"""Takedowns that are ordered and not yet finished: written down first, done by whoever comes next."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select

from evergrow.resources.ledger.registry_schema import takedowns as table
from evergrow.resources.registry.bans import Ban, delete_bans, write_bans
from evergrow.resources.registry.registry import Registry, as_text, touch


@dataclass(frozen=True, slots=True)
class Takedown:
    """What was ordered, by the number of the change that ordered it: bans, or that some were `lifted`."""

    number: int
    bans: tuple[Ban, ...]
    lifted: bool = False

    def __str__(self) -> str:
        return f"the {'lifting' if self.lifted else 'takedown'} of {', '.join(map(str, self.bans))}"


def order_takedown(registry: Registry, wanted: Sequence[Ban]) -> None:
    """Ban `wanted`, and note that releases and exports are still to be made without them: both or neither.

    Raises:
        LedgerError: nothing of it was written.
    """
    told = as_text(_rows(wanted))
    with registry.alone() as connection:
        write_bans(connection, wanted)
        number = touch(connection, "takedown", told)
        connection.execute(insert(table).values(number=number, bans=told))


def lift_bans(registry: Registry, wanted: Sequence[Ban]) -> None:
    """Ban `wanted` no more, and note that releases are still to be looked through under what is left: both or neither.

    Raises:
        LedgerError: nothing of it was written.
    """
    with registry.alone() as connection:
        delete_bans(connection, wanted)
        told = as_text({"lifted": _rows(wanted)})
        connection.execute(insert(table).values(number=touch(connection, "takedown", told), bans=told))


def open_takedowns(registry: Registry) -> list[Takedown]:
    """Those that are not finished, oldest first."""
    rows = registry.read(select(table.c.number, table.c.bans).order_by(table.c.number))
    return [_read(int(row[0]), json.loads(row[1])) for row in rows]


def close_takedowns(registry: Registry, finished: Sequence[Takedown]) -> None:
    """Note that these are finished; those that were ordered meanwhile stay.

    Raises:
        LedgerError: it was not noted.
    """
    with registry.alone() as connection:
        connection.execute(delete(table).where(table.c.number.in_([one.number for one in finished])))


def _rows(wanted: Sequence[Ban]) -> list[list[str]]:
    return [[one.kind, one.value] for one in sorted(set(wanted))]


def _read(number: int, told: Any) -> Takedown:  # noqa: ANN401 - as JSON has it
    lifted = isinstance(told, dict)
    return Takedown(number, tuple(Ban(*one) for one in (told["lifted"] if lifted else told)), lifted)
