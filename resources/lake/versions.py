"""What a materialization holds, and what it was made from: one record, which every question of what is due is asked of.

Contents are told by data versions, hashes of what a file holds: a table that is made again alike has not changed. The
pointers to events that Dagster notes as well are no use: they name the latest event of any partition.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import dagster as dg

from evergrow.resources.host.dagster_private import DATA_VERSION_TAG
from evergrow.resources.host.event_log import EventLog

MADE_FROM = "made_from"  # metadata: the record
LAKE_PATH = "lake_path"  # metadata: the file of the lake that holds the rows
READ = "read"  # metadata: partitions that the asset looked up itself, beside its inputs
FILES = "files"  # metadata: digests of files as they were when the asset read them itself
STAYS_MADE_FROM = "stays_made_from"  # metadata: the record of the version whose rows the asset has kept
TAKEN_FROM = "taken_from"  # metadata: the event of the version that was made of other tables, of a takedown's
TAKEN_DOWN = "taken_down"  # metadata: how many rows were taken down that others could take the place of
OWED, OWED_WHY = "owed", "owed_why"  # metadata: requests without an answer that another run asks for, and why
UNTRIED, UNTRIED_WHY = "untried", "untried_why"  # metadata: programs that no sandbox was there to run, and why
REMEMBERED = 20  # versions of a partition that are looked through for one
Key = tuple[dg.AssetKey, str | None]


@dataclass(frozen=True, slots=True)
class Read:
    """A partition of a table that was read, and the data version that it had."""

    key: dg.AssetKey
    partition: str | None
    version: str

    @property
    def place(self) -> Key:
        """Which partition."""
        return self.key, self.partition


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What a materialization was made from.

    Attributes:
        values: the values that shaped its rows, by the path of the setting or the name of the prompt, as JSON text.
        files: digests of what it read beside tables, by name: a domain, benchmarks, bans, registered seeds.
        read: the partitions of other tables that it was made from.
        recipe: the version of the recipe; None where there is none.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    read: tuple[Read, ...] = ()
    recipe: int | None = None

    def as_metadata(self) -> dict[str, str]:
        """The metadata that `made_from` reads again."""
        return {MADE_FROM: self._as_text()}

    def kept(self) -> dict[str, str]:
        """The metadata by which rows of a version that is taken over stay made from what they were made from."""
        return {STAYS_MADE_FROM: self._as_text()}

    def _as_text(self) -> str:
        rows = [[read.key.to_user_string(), read.partition, read.version] for read in self.read]
        record = {"values": dict(self.values), "files": dict(self.files), "read": rows, "recipe": self.recipe}
        return json.dumps(record, sort_keys=True)


def latest_materialization(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None
) -> dg.EventLogRecord | None:
    """The event of the current version of a partition; None if it was never materialized."""
    return cast("dg.EventLogRecord | None", EventLog.now(instance).latest(key.path, partition))


def made(instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey], partition: str) -> list[bool]:
    """Which of the tables have the partition."""
    return EventLog.now(instance).made([key.path for key in keys], partition)


def data_version(record: dg.EventLogRecord) -> str:
    """The hash of what a materialization holds; `-` where none was noted."""
    made = record.asset_materialization
    return (made.tags or {}).get(DATA_VERSION_TAG, "-") if made else "-"


def noted(record: dg.EventLogRecord | None, name: str) -> Any:  # noqa: ANN401 - whatever was noted
    """A value of the metadata of a materialization; None if there is none."""
    made = record.asset_materialization if record else None
    return made.metadata[name].value if made and name in made.metadata else None


def made_from(record: dg.EventLogRecord) -> MadeFrom:
    """What a materialization was made from, as it was noted; nothing where it was not.

    What the asset itself has noted holds before what was so when its rows were stored.
    """
    text = noted(record, STAYS_MADE_FROM) or noted(record, MADE_FROM)
    found = json.loads(text) if text else {}
    looked_up = json.loads(noted(record, READ) or "[]")
    read_itself = json.loads(noted(record, FILES) or "{}")
    files = {name: digest for name, digest in found.get("files", {}).items() if name not in read_itself}
    files |= {name: digest for name, digest in read_itself.items() if digest is not None}
    read = [
        Read(dg.AssetKey.from_user_string(key), partition, version)
        for key, partition, version in [*found.get("read", ()), *looked_up]
    ]
    return MadeFrom(found.get("values", {}), files, tuple(read), found.get("recipe"))


def note_files(digests: Mapping[str, str | None]) -> dict[str, str]:
    """The metadata by which `made_from` finds what files were when the asset read them itself; None: there was none."""
    return {FILES: json.dumps(dict(digests), sort_keys=True)}


def note(records: Iterable[dg.EventLogRecord]) -> dict[str, str]:
    """The metadata by which `made_from` finds the partitions again that an asset looked up itself."""
    rows = [(r.asset_key.to_user_string(), r.partition_key, data_version(r)) for r in records if r.asset_key]
    return {READ: json.dumps(sorted(rows, key=str))}


def rows_of(instance: dg.DagsterInstance, read: Read) -> int | None:
    """How many rows the version had that was read; None where that is not known any more."""
    record = record_of(instance, read)
    found = noted(record, "dagster/partition_row_count" if read.partition is not None else "dagster/row_count")
    return None if found is None else int(found)


def record_of(instance: dg.DagsterInstance, read: Read) -> dg.EventLogRecord | None:
    """The latest event of the version that was read; None where that is not known any more."""
    wanted = dg.AssetRecordsFilter(
        asset_key=read.key, asset_partitions=[read.partition] if read.partition is not None else None
    )
    found = instance.fetch_materializations(wanted, limit=REMEMBERED).records
    return next((record for record in found if data_version(record) == read.version), None)
