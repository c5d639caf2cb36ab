"""Takedowns that are ordered and not yet finished: written down first, done by whoever comes next."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from evergrow.resources.ledger.registry_schema import takedowns as table
from evergrow.resources.registry.bans import Ban, delete_bans, write_bans
from evergrow.resources.registry.registry import Registry, as_text, touch


@dataclass(frozen=True, slots=True)
class Takedown:
    """What was ordered, by the number of the change that ordered it; without bans, that some were lifted."""

    number: int
    bans: tuple[Ban, ...]

    def __str__(self) -> str:
        return f"the takedown of {', '.join(map(str, self.bans))}" if self.bans else "the lifting of bans"


def order_takedown(registry: Registry, wanted: Sequence[Ban]) -> None:
    """Ban `wanted`, and note that releases and exports are still to be made without them: both or neither.

    Raises:
        LedgerError: nothing of it was written.
    """
    told = as_text([[one.kind, one.value] for one in sorted(set(wanted))])
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
        connection.execute(insert(table).values(number=touch(connection, "takedown", as_text([])), bans=as_text([])))


def open_takedowns(registry: Registry) -> list[Takedown]:
    """Those that are not finished, oldest first."""
    rows = registry.read(select(table.c.number, table.c.bans).order_by(table.c.number))
    return [Takedown(int(row[0]), tuple(Ban(*one) for one in json.loads(row[1]))) for row in rows]


def close_takedowns(registry: Registry, finished: Sequence[Takedown]) -> None:
    """Note that these are finished; those that were ordered meanwhile stay.

    Raises:
        LedgerError: it was not noted.
    """
    with registry.alone() as connection:
        connection.execute(delete(table).where(table.c.number.in_([one.number for one in finished])))
