"""Connects to SQLite or PostgreSQL, prepares the tables once, and explains what the database refuses."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Executable,
    Select,
    column,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy import table as sql_table
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from evergrow.resources.host.full_disk import full_disk, full_disk_message
from evergrow.resources.ledger.migrations import VERSIONS, MigrationError, migrate
from evergrow.resources.settings import Settings

SQLITE_BUSY_S = 60
LOOKED_UP = 500  # keys that one query names
_PREPARE_LOCK = 0x65766572  # any number of our own, the same in every process


class LedgerError(Exception):
    """The ledger cannot be opened, read or written; the message names it, the cause and the remedy."""


class LedgerUrlError(LedgerError):
    """`ledger_url` names no kind of database that can be used here."""


def database_url(settings: Settings) -> URL | str:
    """The database of ledger and registry: what the settings name, by default `HOME/ledger.sqlite`."""
    # Not as text: in a URL, `?` and `%` of a folder's name would mean something else.
    return settings.ledger_url or URL.create("sqlite", database=str(settings.home / "ledger.sqlite"))


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite database; None for one in memory, and for PostgreSQL."""
    named = url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:"
    return Path(str(url.database)) if named else None


def connect(url: str | URL) -> Engine:
    """An engine on the prepared ledger at `url`.

    Raises:
        LedgerError: no such database, no permission, no driver, or a ledger of another version.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise LedgerUrlError(f"ledger_url: {shown(url)} is neither sqlite:///FILE nor postgresql+psycopg://...")
        engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else create_engine(parsed, pool_pre_ping=True)
        with _alone(parsed), engine.begin() as connection:
            # The whole transaction, changes of the schema too: a kill amid a migration leaves what was before.
            alone = f"SELECT pg_advisory_xact_lock({_PREPARE_LOCK})"
            connection.exec_driver_sql(alone if engine.dialect.name == "postgresql" else "BEGIN IMMEDIATE")
            migrate(connection, sqlite_file(parsed))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise LedgerUrlError(explain(url, "opened", error)) from error
    except (SQLAlchemyError, OSError, sqlite3.Error) as error:
        raise LedgerError(explain(url, "opened", error)) from error
    except MigrationError as error:
        raise LedgerError(f"the ledger {shown(url)} cannot be used: {error}") from error
    return engine


def read(engine: Engine, query: Select[Any]) -> Sequence[Any]:
    """The rows of `query`.

    Raises:
        LedgerError: they cannot be read.
    """
    try:
        with engine.connect() as connection:
            return connection.execute(query).all()
    except DBAPIError as error:
        raise LedgerError(explain(engine.url, "read", error)) from error


def in_parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many of the keys together as one query names."""
    return (keys[start : start + LOOKED_UP] for start in range(0, len(keys), LOOKED_UP))


def write(engine: Engine, *statements: tuple[Executable, Any]) -> None:
    """All of `statements`, each with its values, in one transaction. Raises as `writing`."""
    with writing(engine) as connection:
        for statement, values in statements:
            connection.execute(statement, values)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that is committed at the end.

    Raises:
        LedgerError: nothing of it was written.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise LedgerError(explain(engine.url, "written", error)) from error


def now(connection: Connection) -> float:
    """The database's clock, epoch seconds: the clocks of hosts that share a PostgreSQL server may differ."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())


def clock(engine: Engine) -> float:
    """`now`, outside of a transaction.

    Raises:
        LedgerError: the database cannot be read.
    """
    try:
        with engine.connect() as connection:
            return now(connection)
    except DBAPIError as error:
        raise LedgerError(explain(engine.url, "read", error)) from error


def revision_of(engine: Engine) -> str:
    """The version of the schema.

    Raises:
        LedgerError: it cannot be read.
    """
    return str(read(engine, select(column("version_num")).select_from(sql_table(VERSIONS)))[0][0])


def shown(url: str | URL) -> str:
    """`url` without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "the setting's value"


def explain(url: str | URL, what: str, error: Exception) -> str:
    """One message: which ledger, why it cannot be `what`, and what helps."""
    if number := full_disk(error):
        return full_disk_message(f"the ledger {shown(url)}", number)
    cause = str(getattr(error, "orig", None) or error).strip()
    lower = cause.lower()
    if isinstance(error, ArgumentError | NoSuchModuleError):
        remedy = "set ledger_url to sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
    elif isinstance(error, ModuleNotFoundError):
        remedy = "install the driver: pip install 'evergrow[postgres]'"
    elif "readonly" in lower or "read-only" in lower or "permission" in lower or "unable to open" in lower:
        remedy = "make its folder writable, or set EVERGROW_HOME or ledger_url"
    elif "locked" in lower:
        remedy = f"another program has held it for more than {SQLITE_BUSY_S} s: end that one, or use PostgreSQL"
    else:
        remedy = "mend the cause and run again: what is saved is not asked twice"
    return f"the ledger {shown(url)} cannot be {what}: {cause}; {remedy}"


def _sqlite(url: URL) -> Engine:
    if file := sqlite_file(url):
        file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": SQLITE_BUSY_S})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's connection
        # WAL: readers and one writer at once. FULL: a committed reply survives a power cut, at one fsync a group.
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    return engine


@contextmanager
def _alone(url: URL) -> Iterator[None]:
    """Keep other processes out while a SQLite ledger is made: its switch to WAL does not wait for locks."""
    if file := sqlite_file(url):
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock"):
            yield
    else:
        yield
