"""What no release may hold any more: seeds, models and licences that were taken down, until a person lifts it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, delete, insert, select

from evergrow.methods.text.ids import spellings
from evergrow.resources.ledger.registry_schema import bans as table
from evergrow.resources.registry.registry import Registry, as_text, touch

Kind = Literal["seed", "model", "licence"]


@dataclass(frozen=True, slots=True, order=True)
class Ban:
    """Everything that descends from a seed (by its root id), from what a model wrote, or from seeds of a licence."""

    kind: Kind
    value: str

    def __str__(self) -> str:
        return f"{self.kind} {self.value!r}"

    def means(self, other: "Ban") -> bool:
        """Whether both forbid the same: ids of a seed have spellings, and a licence has no case."""
        if self.kind != other.kind or self.kind == "model":
            return self == other
        if self.kind == "seed":
            return self.value in spellings(other.value)
        return self.value.strip().lower() == other.value.strip().lower()


def bans(registry: Registry) -> list[Ban]:
    """All that is banned, in order."""
    return sorted(Ban(row[0], json.loads(row[1])) for row in registry.read(select(table.c.kind, table.c.value)))


def remember(registry: Registry, new: Sequence[Ban]) -> list[Ban]:
    """Ban `new`, until it is lifted; returns all that is banned now.

    Raises:
        LedgerError: nothing of it was written.
    """
    with registry.alone() as connection:
        write_bans(connection, new)
    return bans(registry)


def write_bans(connection: Connection, new: Sequence[Ban]) -> None:
    """Ban `new`, in a transaction of others' making."""
    known = {tuple(row) for row in connection.execute(select(table.c.kind, table.c.value))}
    for kind, value in sorted({(ban.kind, as_text(ban.value)) for ban in new} - known):
        connection.execute(insert(table).values(kind=kind, value=value))
        touch(connection, "ban", kind)


def delete_bans(connection: Connection, old: Sequence[Ban]) -> None:
    """Ban `old` no more, in a transaction of others' making."""
    for ban in old:
        connection.execute(delete(table).where(table.c.kind == ban.kind, table.c.value == as_text(ban.value)))
        touch(connection, "ban", ban.kind)
