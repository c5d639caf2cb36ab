"""PostgreSQL databases in a backup: every table by COPY in its binary form, all of one transaction's view.

`pg_dump` would do as well, where it is installed and not older than the server, which slim images and a client's
machine rarely are; COPY is in the driver that evergrow needs anyway, and its bytes can be compared after a restore.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import IO, Any, NamedTuple

from sqlalchemy import URL, Engine, Inspector, String, create_engine, inspect, literal, make_url, select, table
from sqlalchemy.exc import SQLAlchemyError

from evergrow.resources.backup.archive import BackupError, BackupStore, Entry
from evergrow.resources.ledger.database import shown

SUFFIX = ".copy"


class Columns(NamedTuple):
    """The columns of a table as SQL names them: all, and those that its rows are ordered by."""

    all: str
    order: str


class Tables:
    """The tables of one database.

    Args:
        url: of the database; whichever driver it names, psycopg is used.
    """

    def __init__(self, url: str | URL) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")

    def take(self, store: BackupStore) -> dict[str, Entry]:
        """Keep every table as all of them are at one moment; writers do not wait. Returns it by file name."""
        with self._driver("REPEATABLE READ") as (connection, tables):
            return {
                f"{name}{SUFFIX}": store.take(partial(_copy_into, connection, name, columns))
                for name, columns in tables.items()
            }

    def names(self) -> list[str]:
        """The tables that there are."""
        with self._engine() as engine:
            return sorted(inspect(engine).get_table_names())

    def filled(self, but: Collection[str] = ()) -> list[str]:
        """The tables that hold a row, `but` some."""
        with self._engine() as engine, engine.connect() as connection:
            return [
                name
                for name in sorted(inspect(connection).get_table_names())
                if name not in but and connection.execute(select(literal(1)).select_from(table(name)).limit(1)).first()
            ]

    def give(self, store: BackupStore, entries: Mapping[str, Entry]) -> None:
        """Fill the tables, which must have been made, in one transaction; what they hold is replaced.

        Raises:
            BackupError: a table or a column of the backup is not there, a content is damaged; nothing was changed.
        """
        with self._driver("READ COMMITTED") as (connection, tables):
            known = {path.removesuffix(SUFFIX): entry for path, entry in entries.items()}
            if unknown := sorted(set(known) - set(tables)):
                where = f"{shown(self._url)} has no table {unknown[0]!r}"
                raise BackupError(f"{where}: restore with the versions that made the backup")
            for name in known:
                connection.execute(f'TRUNCATE "{name}" CASCADE')
            for name in (name for name in tables if name in known):
                with connection.cursor().copy(f'COPY "{name}" ({tables[name].all}) FROM STDIN (FORMAT BINARY)') as copy:
                    store.give(known[name], copy.write)
            _advance_sequences(connection)
            connection.commit()

    def differing(self, entries: Mapping[str, Entry]) -> list[str]:
        """The tables whose bytes are not those that were kept."""
        wrong = []
        with self._driver("REPEATABLE READ") as (connection, tables):
            for path, entry in entries.items():
                name, digest = path.removesuffix(SUFFIX), hashlib.sha256()
                _copy_out(connection, name, tables[name], digest.update)
                if digest.hexdigest() != entry.sha256:
                    wrong.append(name)
        return wrong

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        try:
            engine = create_engine(self._url)
        except (SQLAlchemyError, ModuleNotFoundError) as error:
            raise BackupError(
                f"{shown(self._url)} cannot be used: {error}; pip install 'evergrow[postgres]'"
            ) from error
        try:
            yield engine
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).strip()
            raise BackupError(f"{shown(self._url)} cannot be used: {cause}; mend that and run again") from error
        finally:
            engine.dispose()

    @contextmanager
    def _driver(self, isolation: str) -> Iterator[tuple[Any, dict[str, Columns]]]:
        """The driver's connection in a transaction, and the columns of each table, by name."""
        with self._engine() as engine, engine.connect().execution_options(isolation_level=isolation) as connection:
            import psycopg  # noqa: PLC0415 - an extra; `_engine` says so where it is not installed

            raw = connection.connection.driver_connection
            inspector = inspect(connection)
            # What keys point to, first.
            order = [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name]
            found = {name: _columns(inspector, name) for name in order}
            try:
                yield raw, found
            except psycopg.Error as error:
                raise BackupError(
                    f"{shown(self._url)} cannot be used: {str(error).strip()}; mend that and run again"
                ) from error


def _columns(inspector: Inspector, name: str) -> Columns:
    columns = {column["name"]: column["type"] for column in inspector.get_columns(name)}
    key = inspector.get_pk_constraint(name)["constrained_columns"] or sorted(columns)
    # By bytes: the order of a server's own language may differ from the next one's.
    order = [f'"{one}" COLLATE "C"' if isinstance(columns[one], String) else f'"{one}"' for one in key]
    return Columns(", ".join(f'"{one}"' for one in sorted(columns)), ", ".join(order))


def _copy_into(connection: Any, name: str, columns: Columns, file: IO[bytes]) -> None:  # noqa: ANN401
    _copy_out(connection, name, columns, file.write)


def _copy_out(connection: Any, name: str, columns: Columns, write: Callable[[bytes], object]) -> None:  # noqa: ANN401
    """A table in an order that does not depend on where its rows lie."""
    query = f'SELECT {columns.all} FROM "{name}" ORDER BY {columns.order}'
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as copy:
        for block in copy:
            write(bytes(block))


def _advance_sequences(connection: Any) -> None:  # noqa: ANN401
    """Have each sequence go on after the largest number that its column holds."""
    cursor = connection.cursor()
    cursor.execute(
        "SELECT table_name, column_name, pg_get_serial_sequence('\"' || table_name || '\"', column_name) "
        "FROM information_schema.columns WHERE table_schema = current_schema() AND column_default LIKE 'nextval%'"
    )
    for name, column, sequence in cursor.fetchall():
        cursor.execute(
            f'SELECT setval(%s, greatest(coalesce(max("{column}"), 0), 1), max("{column}") IS NOT NULL) FROM "{name}"',
            (sequence,),
        )
