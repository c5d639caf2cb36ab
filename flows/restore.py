"""Brings a backup back into an empty place, compares every byte of it, and ends what was under way when it was made."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import dagster as dg
from sqlalchemy import URL, create_engine, delete, make_url, select, update

from evergrow.flows.backup import EVENTS, HOME, LEDGER, LEDGER_FILE, named_files, postgres_url
from evergrow.flows.restore_place import (
    CONFIGURATION,
    PART,
    held_by,
    instance_of,
    require_empty,
    require_fit,
    require_own_events,
)
from evergrow.flows.runs import UNFINISHED
from evergrow.resources.backup.archive import Backup, BackupError, BackupStore, Entry
from evergrow.resources.backup.postgres import Tables
from evergrow.resources.host.files import digest_of, sync_folder
from evergrow.resources.host.home import Home
from evergrow.resources.host.progress import Progress
from evergrow.resources.lake.content_files import Files
from evergrow.resources.ledger.database import connect, database_url, sqlite_file, writing
from evergrow.resources.ledger.migrations import make
from evergrow.resources.ledger.registry_schema import exports, leases
from evergrow.resources.registry.registry import as_text
from evergrow.resources.settings import Settings

OVER = "it was under way when the backup was made that is restored here; the next command goes on with what it did"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back.

    Attributes:
        backup: which one.
        ended: the runs that were under way when it was made.
        missing: files of the lake that the event log names and the backup does not hold.
    """

    backup: Backup
    ended: list[str]
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a backup goes: `part` becomes the home's content at the end; a SQLite ledger lies in `file` until then."""

    home: Path
    part: Path
    lake: Files
    ledger: URL
    file: Path | None


def restore(settings: Settings, store: BackupStore, name: str | None, progress: Progress) -> Restored:
    """Bring a backup, the latest if none is named, to where the settings say that home, database and lake are.

    Everything is written beside its place, compared with the backup, and moved there at the end.

    Raises:
        BackupError: the place is not empty, a content is damaged, or the backup does not fit these versions.
    """
    backup = store.read(name)
    require_fit(settings, backup)
    require_empty(settings, backup)
    require_own_events(settings.home, backup)
    settings.home.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=settings.home, prefix=PART)).resolve()
    try:
        target = _target(settings, backup, part)
        _give_home(store, backup, target, progress)
        with instance_of(target.home, part / "dagster", backup) as instance:
            events = postgres_url(instance)
        if backup.lake_held:
            _give_lake(store, backup, target.lake, progress)
        if target.file:
            store.give_file(backup.files[LEDGER_FILE], target.file)
            _require_equal(target.file, backup.files[LEDGER_FILE])
        else:
            _make_tables(target.ledger, backup)
            _give_tables(store, Tables(target.ledger), _below(backup, LEDGER), progress)
        if events:
            _give_tables(store, Tables(events), _below(backup, EVENTS), progress)
        _move_on(target, backup)
        with instance_of(target.home, part / "dagster", backup) as instance:
            ended = _end_runs(instance)
            named = set(named_files(instance, instance.get_asset_keys()))
        _move_in(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    Home(settings.home).ensure()
    return Restored(backup, ended, sorted(named - set(backup.lake)) if backup.lake_held else [])


def _target(settings: Settings, backup: Backup, part: Path) -> Target:
    url = make_url(database_url(settings))
    own = settings.ledger_url is None
    lake = Files(settings.lake_url or part / "lake", part / "copies")
    file = part / "ledger.sqlite" if own else Path(f"{sqlite_file(url)}.restored")
    if backup.ledger == "postgresql":
        return Target(settings.home.resolve(), part, lake, url, None)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    return Target(settings.home.resolve(), part, lake, url, file)


def _give_home(store: BackupStore, backup: Backup, target: Target, progress: Progress) -> None:
    files = _below(backup, HOME)
    with progress.track("home", len(files)) as advance:
        for name, entry in files.items():
            store.give_file(entry, target.part / name)
            _require_equal(target.part / name, entry)
            advance()
    if (own := target.home / CONFIGURATION).exists():
        (target.part / CONFIGURATION).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own, target.part / CONFIGURATION)


def _give_lake(store: BackupStore, backup: Backup, lake: Files, progress: Progress) -> None:
    with progress.track("lake", len(backup.lake)) as advance:
        for path, entry in backup.lake.items():
            place = Path(path)
            suffix = place.name.partition(".")[2]
            put, _ = lake.put(place.parent.as_posix(), f".{suffix}", partial(_write, store, entry))
            if damage := "lies elsewhere" if put != path else lake.damage(path):
                raise BackupError(
                    f"{lake.locate(path)} {damage}, after it was written: mend that disk, and restore again"
                )
            advance()


def _write(store: BackupStore, entry: Entry, file: IO[bytes]) -> None:
    store.give(entry, file.write)


def _make_tables(url: URL, backup: Backup) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        make(connection, backup.revision)
    engine.dispose()


def _give_tables(store: BackupStore, tables: Tables, entries: Mapping[str, Entry], progress: Progress) -> None:
    with progress.track("database", 1) as advance:
        tables.give(store, entries)
        if wrong := tables.differing(entries):
            raise BackupError(
                f"table {wrong[0]!r} does not hold what the backup does, after it was filled: restore again"
            )
        advance()


def _move_on(target: Target, backup: Backup) -> None:
    """Have the database say what is so here: nobody works on anything, and exports lie in this home."""
    engine = connect(f"sqlite:///{target.file}" if target.file else target.ledger)
    with writing(engine) as connection:
        connection.execute(delete(leases))
        for (folder,) in connection.execute(select(exports.c.folder)).all():
            path = Path(json.loads(folder))
            if path.is_relative_to(backup.home):
                here = as_text(str(target.home / path.relative_to(backup.home)))
                connection.execute(update(exports).where(exports.c.folder == folder).values(folder=here))
    engine.dispose()


def _end_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark as failed what nobody executes here; a run that waits would otherwise begin, and spend, by itself."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    for run in runs:
        instance.report_run_failed(run, OVER)
    return [run.run_id for run in runs]


def _move_in(target: Target) -> None:
    """Bring everything to its place; the configuration that the home had stays where it is.

    Raises:
        BackupError: somebody has put something there meanwhile; it was left.
    """
    if held := next(held_by(target.home), None):
        raise BackupError(
            f"{target.home} holds {held} by now: set EVERGROW_HOME to a new folder, let lake_url and ledger_url name "
            "nothing in it, and restore again"
        )
    own = target.home / CONFIGURATION
    kept = own.exists()
    for path in sorted(target.home.iterdir()):  # empty folders, and what an earlier restore has left
        if path != target.part and not (kept and path == own.parent):
            shutil.rmtree(path)
    if target.file and not target.file.is_relative_to(target.part):
        target.file.replace(str(sqlite_file(target.ledger)))
    if kept:
        for path in own.parent.iterdir():
            if path != own:
                shutil.rmtree(path)
        (target.part / CONFIGURATION).unlink()
        _move_all(target.part / CONFIGURATION.parent, own.parent)
        (target.part / CONFIGURATION.parent).rmdir()
    _move_all(target.part, target.home)


def _move_all(source: Path, folder: Path) -> None:
    for path in sorted(source.iterdir()):
        path.replace(folder / path.name)
    sync_folder(folder)


def _below(backup: Backup, folder: str) -> dict[str, Entry]:
    """What a backup holds in one of its folders, by the path below it."""
    start = f"{folder}/"
    return {path.removeprefix(start): entry for path, entry in backup.files.items() if path.startswith(start)}


def _require_equal(path: Path, entry: Entry) -> None:
    if digest_of(path) != entry.sha256:
        raise BackupError(f"{path} is not what was written there: mend that disk, and restore again")
