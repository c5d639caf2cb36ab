"""What a place must be so that a backup can be restored there: these versions, empty, with events of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as version_of
from pathlib import Path

import dagster as dg
from sqlalchemy import make_url

from evergrow.flows.backup import in_one_place, postgres_url
from evergrow.resources.backup.archive import Backup, BackupError
from evergrow.resources.backup.postgres import Tables
from evergrow.resources.lake.content_files import Files
from evergrow.resources.ledger.database import database_url, shown, sqlite_file
from evergrow.resources.ledger.migrations import revisions
from evergrow.resources.resource_words import lake_url
from evergrow.resources.settings import Settings

CONFIGURATION = Path("dagster") / "dagster.yaml"  # may lie in an empty home, and then stays: where events are to go
BOOKKEEPING = {"alembic_version", "secondary_indexes", "instance_info", "kvs"}  # what Dagster fills when it is opened
PART = ".restored-"


def require_fit(settings: Settings, backup: Backup) -> None:
    """Do nothing if these versions, and this kind of database, can hold the backup.

    Raises:
        BackupError: they cannot.
    """
    dagster = version_of("dagster")
    if backup.revision not in revisions():
        raise BackupError(
            f"backup {backup.name} holds a database of version {backup.revision}, which this evergrow does not know: "
            f"restore it with evergrow {backup.evergrow}"
        )
    if backup.dagster.split(".")[:2] != dagster.split(".")[:2]:
        raise BackupError(
            f"backup {backup.name} holds events of Dagster {backup.dagster}, and {dagster} is installed: restore it "
            "with that version, then upgrade and run `dagster instance migrate`"
        )
    kind = make_url(database_url(settings)).get_backend_name()
    if kind != backup.ledger:
        raise BackupError(
            f"backup {backup.name} holds a ledger of {backup.ledger}, and ledger_url names {kind}: set ledger_url to "
            f"an empty database of {backup.ledger}"
        )


def require_empty(settings: Settings, backup: Backup) -> None:
    """Do nothing if home, ledger and lake are empty, but for what a restore of this backup has left.

    Raises:
        BackupError: one is not.
    """
    home, url = settings.home, make_url(database_url(settings))
    if held := next((path for path in held_by(home)), None):
        raise BackupError(
            f"{home} is not empty, it holds {held}: set EVERGROW_HOME to a new folder; nothing was changed"
        )
    if file := sqlite_file(url):
        if file.exists():
            raise BackupError(f"the ledger {file} exists: name another place with ledger_url; nothing was changed")
    elif names := Tables(url).names():
        raise BackupError(
            f"the database {shown(url)} is not empty, it holds the table {names[0]!r}: create an empty one and name it "
            "with ledger_url; nothing was changed"
        )
    if settings.lake_url and backup.lake_held:
        # What the backup holds as well is of a restore that was cut off: files are what their names say.
        other = next((path for path in Files.of(settings).walk() if path not in backup.lake), None)
        if other:
            raise BackupError(
                f"the lake {lake_url(settings)} is not empty, it holds {other}: name an empty place with lake_url; "
                "nothing was changed"
            )


def require_own_events(home: Path, backup: Backup) -> None:
    """Do nothing if the event log is nobody's; a backup's own configuration names the one it was made of.

    Raises:
        BackupError: somebody uses it.
    """
    own = home / CONFIGURATION
    if not own.exists():
        if backup.events == "postgresql":
            raise BackupError(
                f"backup {backup.name} holds events of postgresql: create an empty database, put a dagster.yaml that "
                f"names it into {own}, then restore; nothing was changed"
            )
        return
    with tempfile.TemporaryDirectory(prefix="evergrow-") as folder:
        shutil.copyfile(own, Path(folder) / own.name)
        with instance_of(home, Path(folder), backup) as instance:
            url = postgres_url(instance)
        if url and (names := Tables(url).filled(BOOKKEEPING)):
            raise BackupError(
                f"the database {shown(make_url(url))} of {own} is in use, it holds rows in the table {names[0]!r}: "
                "create an empty one and name it there; nothing was changed"
            )


def held_by(home: Path) -> Iterator[Path]:
    """What a home holds, besides folders, where events are to go and what a restore has left that was cut off.

    A link counts, wherever it leads: what lies there is not this home's, and would not be replaced.
    """
    for path in sorted(home.rglob("*")) if home.exists() else []:
        place, folder = path.relative_to(home), path.is_dir() and not path.is_symlink()
        if place == CONFIGURATION and path.is_file():
            continue
        if not folder and not (place.parts[0].startswith(PART) and len(place.parts) > 1):
            yield place


@contextmanager
def instance_of(home: Path, folder: Path, backup: Backup) -> Iterator[dg.DagsterInstance]:
    """The instance of `home` as the configuration in `folder` says.

    Raises:
        BackupError: it keeps runs and events in another kind of database than the backup has, or in other places.
    """
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        kind = "postgresql" if postgres_url(instance) else "sqlite"
        if kind != backup.events:
            raise BackupError(
                f"backup {backup.name} holds events of {backup.events}, and {home / CONFIGURATION} names "
                f"{kind}: let it name an empty database of {backup.events}"
            )
        if not in_one_place(instance, folder):
            raise BackupError(
                f"the dagster.yaml for {home} keeps runs or events outside of the home, or in several databases: put "
                f"one into {home / CONFIGURATION} that names one empty database of PostgreSQL, or nothing, under "
                "`storage`"
            )
        yield instance
