"""Makes a backup of a project while runs go on.

What names is copied before what is named: the event log first (it names runs, requests and files), then the database
(it names requests and registered files), then the lake. Files are immutable and replies are only added, so that
whatever the earlier copy names is still there when the later one is made. In the other order a table that is made
meanwhile would stand in the event log without its file, and the requests behind it would be paid again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version as version_of
from pathlib import Path

import dagster as dg
from sqlalchemy import make_url

from evergrow.flows.workspace import Workspace
from evergrow.resources.backup.archive import Backup, BackupError, BackupStore, Entry, Kind
from evergrow.resources.backup.postgres import Tables
from evergrow.resources.backup.sqlite import BESIDE, is_sqlite, take_sqlite
from evergrow.resources.lake.content_files import is_named_by
from evergrow.resources.lake.versions import LAKE_PATH, noted
from evergrow.resources.ledger.database import revision_of, sqlite_file
from evergrow.resources.registry.batches import staged_batches
from evergrow.resources.registry.trees import tree_files
from evergrow.resources.settings.load import settings_file

HOME_FOLDERS = ("inbox", "exports", "benchmarks")
LEDGER, EVENTS, HOME = "database", "events", "home"  # folders of a backup
LEDGER_FILE, SETTINGS = f"{LEDGER}/ledger.sqlite", f"{HOME}/evergrow.yaml"
PAGE = 1000  # events read at once
FEW = 3  # lake files that a message names


@dataclass
class Copied:
    """What is copied so far, by path; `damaged` names files of the lake that were left out, and why."""

    files: dict[str, Entry] = field(default_factory=dict)
    lake: dict[str, Entry] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)


Part = Callable[[Workspace, BackupStore, Copied], None]


def backup(workspace: Workspace, folder: Path, *, lake: bool = True, check: bool = False) -> tuple[Backup, list[str]]:
    """Add a backup to `folder`; what it holds already is not copied again.

    Args:
        workspace: what is backed up.
        folder: of backups, empty or not yet there for the first one.
        lake: False leaves out the lake's files, where a bucket's own versions keep them.
        check: read again what earlier backups brought, and replace what is damaged.

    Returns:
        The backup, and what it had to leave out: files of the lake that are damaged, each with the reason.

    Raises:
        BackupError: it cannot be made; earlier ones stay as they are.
    """
    store = BackupStore(folder)
    store.begin()
    needed = {*named_files(workspace.instance, workspace.frontier.tables), *_registered(workspace)} if lake else set()
    copied = Copied(lake=_known(store, check=check) if lake else {})
    parts: list[tuple[str, Part]] = [("event log", copy_events), ("database", copy_database)]
    parts += [("lake", copy_lake)] if lake else []
    for label, part in [*parts, ("home", copy_home)]:
        with workspace.progress.track(label, 1) as advance:
            part(workspace, store, copied)
            advance()
    damaged = [f"{path} {copied.damaged.get(path, 'is gone')}" for path in sorted(needed - set(copied.lake))]
    made = Backup(
        name=store.new_name(), evergrow=version_of("evergrow"), dagster=version_of("dagster"),
        revision=revision_of(workspace.registry.engine), ledger=ledger_kind(workspace), events=events_kind(workspace),
        home=workspace.settings.home.resolve(), lake_held=lake, files=copied.files, lake=copied.lake,
    )  # fmt: skip
    store.finish(made)
    return made, damaged


def named_files(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]) -> Iterator[str]:
    """The files of the lake that hold the current version of each partition of these tables."""
    for key in keys:
        seen: set[str | None] = set()
        cursor = None
        while True:
            found = instance.fetch_materializations(key, limit=PAGE, cursor=cursor)
            for record in found.records:
                if record.partition_key not in seen and (path := noted(record, LAKE_PATH)):
                    seen.add(record.partition_key)
                    yield str(path)
            if not found.has_more:
                break
            cursor = found.cursor


def ledger_kind(workspace: Workspace) -> Kind:
    """Which database holds the ledger."""
    return "postgresql" if workspace.registry.engine.dialect.name == "postgresql" else "sqlite"


def events_kind(workspace: Workspace) -> Kind:
    """Which database holds runs, events and ticks.

    Raises:
        BackupError: none that is known, several, or files outside of the home: no restore would take such a backup.
    """
    if not in_one_place(workspace.instance, workspace.home.dagster):
        raise BackupError(
            f"Dagster keeps runs, events or schedules outside of {workspace.home.dagster}, or in several databases: "
            "back them up by their own means, or let dagster.yaml name one database of PostgreSQL, or nothing, under "
            "`storage`"
        )
    return "postgresql" if postgres_url(workspace.instance) else "sqlite"


def in_one_place(instance: dg.DagsterInstance, folder: Path) -> bool:
    """Whether runs, events and ticks lie in one database of PostgreSQL, or all of them below `folder`."""
    storages = (instance.event_log_storage, instance.run_storage, instance.schedule_storage)
    if url := postgres_url(instance):
        return all(getattr(storage, "postgres_url", "") == url for storage in storages)
    shard: Callable[[str], str] | None = getattr(storages[0], "path_for_shard", None)
    places = [shard("index") if shard else ""]
    places += [make_url(getattr(storage, "_conn_string", "sqlite://")).database or "" for storage in storages[1:]]
    return all(Path(place).is_relative_to(folder.absolute()) for place in places)


def postgres_url(instance: dg.DagsterInstance) -> str:
    """The database of an instance that keeps its events in PostgreSQL, else ""."""
    return str(getattr(instance.event_log_storage, "postgres_url", ""))


def copy_events(workspace: Workspace, store: BackupStore, copied: Copied) -> None:
    """Dagster's folder, and its database.

    Of its SQLite files, those with cursors go first, then the index, then single runs, then the table of runs: each is
    named by the ones before.
    """
    if events_kind(workspace) == "postgresql":
        taken = Tables(postgres_url(workspace.instance)).take(store)
        copied.files |= {f"{EVENTS}/{name}": entry for name, entry in taken.items()}
    folder = workspace.home.dagster
    order = {"schedules.db": 0, "index.db": 1, "runs.db": 3}
    for path in sorted(_files(folder), key=lambda path: (order.get(path.name, 2), path)):
        _take(store, copied, path, f"{HOME}/dagster/{path.relative_to(folder).as_posix()}")


def copy_database(workspace: Workspace, store: BackupStore, copied: Copied) -> None:
    """Ledger and registry."""
    url = workspace.registry.engine.url
    if file := sqlite_file(url):
        copied.files[LEDGER_FILE] = take_sqlite(store, file)
    else:
        copied.files |= {f"{LEDGER}/{name}": entry for name, entry in Tables(url).take(store).items()}


def copy_lake(workspace: Workspace, store: BackupStore, copied: Copied) -> None:
    """Every file of the lake that is what its name says.

    A file may go while it is copied, when vectors are merged into another: that one lies there by then.
    """
    files = workspace.lake.files
    there: set[str] = set()
    while new := [path for path in files.walk() if path not in there]:
        with workspace.progress.track("files", len(new)) as advance:
            for path in new:
                there.add(path)
                if path not in copied.lake:
                    _take_lake_file(workspace, store, copied, path)
                advance()
    for path in set(copied.lake) - there:  # of an earlier backup, and deleted since
        del copied.lake[path]


def copy_home(workspace: Workspace, store: BackupStore, copied: Copied) -> None:
    """Inbox, exports, own benchmarks and the settings' file; logs and caches are not kept, keys never."""
    for name in HOME_FOLDERS:
        for path in _files(workspace.home.path / name):
            _take(store, copied, path, f"{HOME}/{path.relative_to(workspace.home.path).as_posix()}")
    if (settings := settings_file()).is_file():
        _take(store, copied, settings, SETTINGS)


def _take_lake_file(workspace: Workspace, store: BackupStore, copied: Copied, path: str) -> None:
    try:
        entry = store.take(workspace.lake.files.reader(path))
    except FileNotFoundError:
        return
    if is_named_by(path, entry.sha256):
        copied.lake[path] = entry
    else:
        copied.damaged[path] = "was changed or cut: its content is not what its name says"


def _take(store: BackupStore, copied: Copied, path: Path, name: str) -> None:
    """A file of the home; one that has gone meanwhile is not in the backup."""
    try:
        copied.files[name] = take_sqlite(store, path) if is_sqlite(path) else store.take_file(path)
    except FileNotFoundError:
        return


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and not path.name.endswith((*BESIDE, ".lock", ".part", ".tmp")):
            yield path


def _known(store: BackupStore, *, check: bool) -> dict[str, Entry]:
    """What the latest backup holds of the lake: the names say the content, so it need not be copied again."""
    if not store.names():
        return {}
    known = store.read().lake
    return {path: entry for path, entry in known.items() if store.holds(entry) and (not check or store.sound(entry))}


def _registered(workspace: Workspace) -> Iterator[str]:
    """The files of the lake that the registry names."""
    yield from (batch.file for batch in staged_batches(workspace.registry))
    yield from (file for _, file in tree_files(workspace.registry))


def shortened(damaged: list[str]) -> str:
    """The first of many, for a message."""
    more = f" and {len(damaged) - FEW:,} more" if len(damaged) > FEW else ""
    return f"{', '.join(damaged[:FEW])}{more}"
