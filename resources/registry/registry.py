"""The registry's place: tables beside the ledger's, files in the lake, and a number that every change raises."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from sqlalchemy import Connection, Engine, Select, delete, insert, select, update

from evergrow.resources.lake.content_files import Files
from evergrow.resources.ledger.database import connect, database_url, read, writing
from evergrow.resources.ledger.registry_schema import changes as changed
from evergrow.resources.ledger.registry_schema import sequence
from evergrow.resources.settings import Settings


class Registry:
    """The registry of one project. Several threads, processes and machines may use it at once.

    Attributes:
        files: of the lake, where registered seeds and datasets lie.
    """

    def __init__(self, engine: Engine, files: Files) -> None:
        self.engine, self.files = engine, files

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The registry that the settings name: in the ledger's database, by default `HOME/ledger.sqlite`.

        Raises:
            LedgerError: the database cannot be opened, or is of another version.
        """
        return cls(connect(database_url(settings)), Files.of(settings))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def read(self, query: Select[Any]) -> Sequence[Any]:
        """The rows of `query`.

        Raises:
            LedgerError: they cannot be read.
        """
        return read(self.engine, query)

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A transaction, committed at the end, while which nobody else changes the registry.

        Raises:
            LedgerError: nothing of it was written.
        """
        with writing(self.engine) as connection:
            connection.execute(update(sequence).values(value=sequence.c.value))
            yield connection


def touch(connection: Connection, kind: str, name: str) -> int:
    """Note, in the transaction that changes it, that something changed; returns the number of the change.

    kind: "batch", "tree", "release", "ban" or "export".
    """
    connection.execute(update(sequence).values(value=sequence.c.value + 1))
    number = int(connection.execute(select(sequence.c.value)).scalar_one())
    connection.execute(delete(changed).where(changed.c.kind == kind, changed.c.name == name))
    connection.execute(insert(changed).values(kind=kind, name=name, number=number))
    return number


def changes(registry: Registry, since: int) -> tuple[int, list[tuple[str, str]]]:
    """What changed after the change of number `since`: the number of the last, and `(kind, name)` of each, in order.

    0 is before all of them.
    """
    query = select(changed.c.number, changed.c.kind, changed.c.name).where(changed.c.number > since)
    rows = registry.read(query.order_by(changed.c.number))
    return (int(rows[-1][0]) if rows else since), [(row[1], row[2]) for row in rows]


def as_text(value: object) -> str:
    """`value` as ASCII JSON: text that a database takes whatever characters are in it."""
    return json.dumps(value, sort_keys=True)
