"""Dagster's event log by SQL: current versions and verdicts, without Dagster's own storage.

Opening a Dagster instance imports its daemons and migrations, which takes longer than most commands that only read; and
it answers for one partition at a time, over five connections, which takes too long for all batches at once and for
runs, which ask of dozens of partitions what is due. What is known here of Dagster's
tables and of how it writes events is private to it: tests/resources/host/test_event_log.py compares each answer with
that of Dagster's own interface. All else that is asked is passed on to the instance, which is opened then.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

if TYPE_CHECKING:
    import dagster as dg

INDEX = "history/runs/index.db"  # below the DAGSTER_HOME: the events of all assets
RUNS = "history/runs.db"
STORAGE = ("storage", "event_log_storage", "run_storage", "local_artifact_storage")  # in dagster.yaml: it is elsewhere
# Where Dagster keeps the value of a piece of metadata.
VALUES = ("text", "value", "data", "path", "md_str", "url", "records")
MADE = "ASSET_MATERIALIZATION"
# So many events may be seen before one that has a lower number, and for so long; SQLite has one writer, and none.
LATE, LATE_FOR = 1_000, timedelta(hours=1)
Connect = Callable[[], AbstractContextManager[sa.Connection]]
Place = tuple[str, str | None]  # a table's key as Dagster writes it, and the partition

_LIVE = "(w.wipe_timestamp IS NULL OR e.timestamp > w.wipe_timestamp)"
_EVENTS = "event_logs e LEFT JOIN asset_keys w ON w.asset_key = e.asset_key"
_ROW = "SELECT e.id, e.run_id, e.asset_key, e.partition, e.event"
_NEWEST = sa.text(
    f"{_ROW} FROM {_EVENTS} WHERE e.asset_key = :key "
    f"AND e.dagster_event_type = '{MADE}' AND (:partition IS NULL OR e.partition = :partition) AND {_LIVE} "
    "ORDER BY e.id DESC LIMIT 1"
)
_ALL_NEWEST = sa.text(
    f"{_ROW} FROM event_logs e JOIN (SELECT max(e.id) AS id FROM {_EVENTS} "
    f"WHERE e.dagster_event_type = '{MADE}' AND {_LIVE} GROUP BY e.asset_key, e.partition) newest ON newest.id = e.id"
)
_NEWEST_OF_TABLE = sa.text(
    f"{_ROW} FROM event_logs e JOIN (SELECT max(e.id) AS id FROM {_EVENTS} WHERE e.asset_key = :key "
    f"AND e.dagster_event_type = '{MADE}' AND {_LIVE} GROUP BY e.partition) newest ON newest.id = e.id"
)
_MADE = sa.text(
    f"SELECT DISTINCT e.asset_key FROM {_EVENTS} WHERE e.asset_key IN :keys "
    f"AND e.dagster_event_type = '{MADE}' AND e.partition = :partition AND {_LIVE}"
).bindparams(sa.bindparam("keys", expanding=True))
_LAST = sa.text("SELECT coalesce(max(id), 0) FROM event_logs")
_MADE_SINCE = sa.text(
    f"SELECT DISTINCT asset_key, partition FROM event_logs WHERE dagster_event_type = '{MADE}' "
    "AND id <= :upto AND (id > :since OR (id > :late AND timestamp > :young))"
)
_LAST_MADE = sa.text(
    f"{_ROW} FROM event_logs e WHERE e.id = (SELECT max(e.id) FROM {_EVENTS} WHERE e.asset_key IN :keys "
    f"AND e.dagster_event_type = '{MADE}' AND e.partition IN :partitions AND {_LIVE})"
).bindparams(sa.bindparam("keys", expanding=True), sa.bindparam("partitions", expanding=True))
_JUDGED = "SELECT asset_key, check_name, partition, evaluation_event FROM asset_check_executions"
_SETTLED = "execution_status IN ('SUCCEEDED', 'FAILED')"
_VERDICT = sa.text(
    f"{_JUDGED} WHERE asset_key = :key AND check_name = :name AND {_SETTLED} "
    "AND (partition = :partition OR (:partition IS NULL AND partition IS NULL)) ORDER BY id DESC LIMIT 1"
)
_ALL_VERDICTS = sa.text(
    f"{_JUDGED} WHERE id IN (SELECT max(id) FROM asset_check_executions WHERE {_SETTLED} "
    "GROUP BY asset_key, check_name, partition)"
)
_PARTITIONS = sa.text("SELECT partition FROM dynamic_partitions WHERE partitions_def_name = :name ORDER BY id")
_UNFINISHED = sa.text(
    "SELECT run_id, pipeline_name, status, partition, run_body FROM runs "
    "WHERE status IN ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING') ORDER BY id"
)


class Noted(NamedTuple):
    """A piece of metadata."""

    value: Any


class Metadata(Mapping[str, Noted]):
    """Metadata by name, read off the event as it is asked for: of dozens of pieces one or two are.

    Args:
        entries: what Dagster wrote of each piece.
    """

    def __init__(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        self._entries = entries

    def __getitem__(self, name: str) -> Noted:
        entry = self._entries[name]
        return Noted(next((entry[kind] for kind in VALUES if kind in entry), None))

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries


@dataclass(frozen=True, slots=True)
class Content:
    """What was noted of a version: metadata by name, and tags."""

    metadata: Mapping[str, Noted]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Version:
    """A materialization, with the names of `dg.EventLogRecord`; its event is read when something of it is asked."""

    storage_id: int
    run_id: str
    path: str  # of the table's key, as Dagster writes it
    partition_key: str | None
    event: str

    @cached_property
    def asset_materialization(self) -> Content:
        """What was noted of it."""
        made = self._entry["dagster_event"]["event_specific_data"]["materialization"]
        noted = {one["label"]: one["entry_data"] for one in made["metadata_entries"]}
        return Content(Metadata(noted), made.get("tags") or {})

    @property
    def asset_key(self) -> "dg.AssetKey":
        """Of which table it is a version."""
        import dagster as dg  # noqa: PLC0415 - a command may get by without it

        return dg.AssetKey(json.loads(self.path))

    @property
    def timestamp(self) -> float:
        """When it was made, epoch seconds."""
        return float(self._entry["timestamp"])

    @cached_property
    def _entry(self) -> dict[str, Any]:
        return dict(json.loads(self.event))


class CheckResult(NamedTuple):
    """What a check said last of a partition; `version` is the storage id of the materialization that it judged."""

    passed: bool
    blocks: bool
    description: str | None
    version: int | None
    metadata: Mapping[str, Noted]


class Run(NamedTuple):
    """A run that is not over; one that a killed process has left says so, too, until somebody closes it."""

    run_id: str
    job: str
    status: str
    partition: str | None
    assets: frozenset[str]


class EventLog:
    """What is asked of a Dagster instance. One that is kept knows what was so when it was asked first.

    Args:
        connect: to the database that holds the events.
        runs: to the database that holds the runs.
        instance: opens Dagster's own instance.
    """

    def __init__(self, connect: Connect, runs: Connect, instance: Callable[[], Any]) -> None:
        self._connect, self._runs, self._open = connect, runs, instance
        self._made: dict[Place, Version | None] = {}
        self._judged: dict[tuple[str, str, str | None], CheckResult | None] = {}
        self._names: dict[str, list[str]] = {}
        self._whole = False

    @classmethod
    def now(cls, instance: Any) -> "EventLog":  # noqa: ANN401 - Dagster is imported late
        """The event log of an instance as it is now; a log that stands in for an instance is that itself."""
        if isinstance(instance, EventLog):
            return instance
        return cls(instance.event_log_storage.index_connection, instance.run_storage.connect, lambda: instance)

    def read_all(self) -> None:
        """Read the current version of every partition of every table, and the verdicts on them, at once."""
        with self._connect() as connection:
            for row in connection.execute(_ALL_NEWEST):
                self._made[row.asset_key, row.partition] = _version(row)
            for row in connection.execute(_ALL_VERDICTS):
                self._judged[row.asset_key, row.check_name, row.partition] = _verdict(row.evaluation_event)
        self._whole = True

    def read_table(self, path: Sequence[str]) -> set[str | None]:
        """Read the current version of every partition of the table of that key at once; which partitions it has."""
        key = json.dumps(list(path))
        with self._connect() as connection:
            found = {row.partition: _version(row) for row in connection.execute(_NEWEST_OF_TABLE, {"key": key})}
        self._made |= {(key, partition): version for partition, version in found.items()}
        return set(found)

    def latest(self, path: Sequence[str], partition: str | None) -> Version | None:
        """The current version of a partition of the table of that key; None if it was never made."""
        place = (json.dumps(list(path)), partition)
        if place not in self._made and (partition is None or not self._whole):  # None: of whatever partition
            with self._connect() as connection:
                row = connection.execute(_NEWEST, {"key": place[0], "partition": partition}).one_or_none()
            self._made[place] = _version(row) if row else None
        return self._made.get(place)

    def made(self, paths: Sequence[Sequence[str]], partition: str) -> list[bool]:
        """Which of the tables of those keys have the partition."""
        keys = [json.dumps(list(path)) for path in paths]
        if self._whole:
            return [self._made.get((key, partition)) is not None for key in keys]
        with self._connect() as connection:
            found = {row.asset_key for row in connection.execute(_MADE, {"keys": keys, "partition": partition})}
        return [key in found for key in keys]

    def verdict(self, path: Sequence[str], check: str, partition: str | None) -> CheckResult | None:
        """What a check of a table said last of a partition; None if it never came to say anything."""
        place = (json.dumps(list(path)), check, partition)
        if place not in self._judged and not self._whole:
            values = {"key": place[0], "name": check, "partition": partition}
            with self._connect() as connection:
                row = connection.execute(_VERDICT, values).one_or_none()
            self._judged[place] = _verdict(row.evaluation_event) if row else None
        return self._judged.get(place)

    def last_made(self, paths: Sequence[Sequence[str]], partitions: Sequence[str]) -> Version | None:
        """The version that was made last of any of these partitions of the tables of those keys."""
        values = {"keys": [json.dumps(list(path)) for path in paths], "partitions": list(partitions)}
        with self._connect() as connection:
            row = connection.execute(_LAST_MADE, values).one_or_none()
        return _version(row) if row else None

    def made_since(self, event: int) -> tuple[list[tuple[list[str], str | None]], int]:
        """What was made after an event, each table's key with the partition; and the id of the latest event.

        Where many write at once, what came shortly before the event is told again for an hour: an event has its number
        before it can be seen, so one with a lower number may come to light after one with a higher.
        """
        with self._connect() as connection:
            late = event if connection.dialect.name == "sqlite" else event - LATE
            young = (datetime.now(UTC) - LATE_FOR).replace(tzinfo=None)  # as Dagster writes them: of UTC, unsaid
            upto = int(connection.execute(_LAST).scalar_one())
            values = {"since": event, "late": late, "young": young, "upto": upto}
            rows = connection.execute(_MADE_SINCE, values).all()
        return [(json.loads(row.asset_key), row.partition) for row in rows], upto

    def unfinished(self) -> list[Run]:
        """The runs that are not over, the oldest first."""
        with self._runs() as connection:
            rows = connection.execute(_UNFINISHED).all()
        return [Run(row.run_id, row.pipeline_name, row.status, row.partition, _selected(row.run_body)) for row in rows]

    def get_dynamic_partitions(self, partitions_def_name: str) -> list[str]:
        """As Dagster's."""
        if partitions_def_name not in self._names:
            with self._connect() as connection:
                rows = connection.execute(_PARTITIONS, {"name": partitions_def_name})
                self._names[partitions_def_name] = [row.partition for row in rows]
        return self._names[partitions_def_name]

    def add_dynamic_partitions(self, partitions_def_name: str, partition_keys: Sequence[str]) -> None:
        """As Dagster's; what is known already is not written again."""
        if not set(partition_keys) <= set(self.get_dynamic_partitions(partitions_def_name)):
            self._instance.add_dynamic_partitions(partitions_def_name, partition_keys)
            self._names.clear()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the instance has
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._instance, name)

    @cached_property
    def _instance(self) -> Any:  # noqa: ANN401 - Dagster is imported late
        return self._open()


@contextmanager
def event_log(folder: Path) -> Iterator[EventLog]:
    """The event log of a DAGSTER_HOME; Dagster's instance is opened if it keeps its events elsewhere, or if needed."""
    with ExitStack() as stack:

        def instance() -> Any:  # noqa: ANN401
            import dagster as dg  # noqa: PLC0415 - a command may get by without it

            return stack.enter_context(dg.DagsterInstance.from_config(str(folder)))

        if _elsewhere(folder):
            real = instance()
            yield EventLog(real.event_log_storage.index_connection, real.run_storage.connect, lambda: real)
            return
        events, runs = (sa.create_engine(f"sqlite:///{folder / name}") for name in (INDEX, RUNS))
        stack.callback(events.dispose)
        stack.callback(runs.dispose)
        yield EventLog(events.connect, runs.connect, instance)


def _elsewhere(folder: Path) -> bool:
    import yaml  # noqa: PLC0415 - only here

    told = yaml.safe_load((folder / "dagster.yaml").read_text(encoding="utf-8")) or {}
    return not (folder / INDEX).is_file() or any(name in told for name in STORAGE)


def _version(row: Any) -> Version:  # noqa: ANN401 - a row of a query
    return Version(row.id, row.run_id, row.asset_key, row.partition, row.event)


def _selected(body: str) -> frozenset[str]:
    """The assets that a run was launched for, or whose checks it was, of its record; none for a whole job."""
    found = []

    def look(value: object) -> None:
        if isinstance(value, dict):
            if value.get("__class__") == "AssetKey":
                found.append("/".join(value["path"]))
            value = list(value.values())
        for one in value if isinstance(value, list) else ():
            look(one)

    run = json.loads(body)
    look([run.get("asset_selection"), run.get("asset_check_selection")])
    return frozenset(found)


def _verdict(event: str | None) -> CheckResult | None:
    if event is None:
        return None
    found = json.loads(event)["dagster_event"]["event_specific_data"]
    judged = found.get("target_materialization_data") or {}
    passed, severity = bool(found["success"]), str(found["severity"]["__enum__"])
    blocks = not passed and severity.endswith(".ERROR")
    noted = Metadata(found["metadata"])
    return CheckResult(passed, blocks, found.get("description"), judged.get("storage_id"), noted)
