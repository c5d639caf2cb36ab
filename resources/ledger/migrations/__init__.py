"""The schema of the database and how it came about: one file a revision, run by alembic, in one transaction each time.

A change of a table is a new revision here, and the same change in the table's declaration; HEAD names the last one. A
migration only goes forward: what goes back is the backup that is made before.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

HEAD = "0005"
VERSIONS = "alembic_version"


class MigrationError(Exception):
    """The database is of a version that this evergrow cannot use; the message says what to do."""


def migrate(connection: Connection, sqlite_file: Path | None = None) -> None:
    """Bring the schema to HEAD, in the connection's transaction; an empty database gets its tables.

    Args:
        connection: in a transaction that keeps everybody else out.
        sqlite_file: of a SQLite database: its backup is made beside it, before anything but an empty one is changed.

    Raises:
        MigrationError: a newer evergrow, or one from before the baseline, made it.
    """
    there = set(inspect(connection).get_table_names())
    found = connection.execute(text(f"SELECT version_num FROM {VERSIONS}")).scalar() if VERSIONS in there else None
    if found == HEAD:
        return
    if found is None and there & {"calls", "ledger_about"}:
        raise MigrationError(
            "it was made by an evergrow from before its schema had versions, which cannot be carried over: set "
            "EVERGROW_HOME (or ledger_url) to a new place, and keep this one for its replies"
        )
    if found is not None and found not in revisions():
        raise MigrationError(
            f"a newer evergrow made it (its schema has version {found}, this one knows {HEAD}): use that one; do not "
            "delete it, it holds paid replies"
        )
    if found is not None and sqlite_file is not None:
        back_up(sqlite_file, sqlite_file.with_name(f"{sqlite_file.name}.before-{HEAD}"))
    make(connection, HEAD)


def revisions() -> set[str]:
    """The versions of the schema that this evergrow knows."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - takes a while, and most openings need none of it

    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def make(connection: Connection, revision: str) -> None:
    """Bring the schema to a revision that is known, from an earlier one or from nothing."""
    from alembic import command  # noqa: PLC0415

    command.upgrade(_config(connection), revision)


def _config(connection: Connection | None = None) -> Any:  # noqa: ANN401 - alembic is imported late
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "evergrow.resources.ledger:migrations")
    return config


def back_up(source: Path, target: Path) -> None:
    """Copy a SQLite database as it is at this moment, whoever uses it; one that is there already stays.

    Raises:
        OSError, sqlite3.Error: it cannot be written; nothing lies under its name.
    """
    if target.exists():
        return
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(part)) as new:
            old.backup(new)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
