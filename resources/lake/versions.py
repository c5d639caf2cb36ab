"""Versions of tables: the content that a materialization holds, and the content that it was made from.

Both stand in the tags that Dagster writes. They depend on content only: a table that is made again alike has not
changed. The pointers to events that Dagster notes as well are no use: they name the latest event of any partition.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dagster as dg

from evergrow.resources.host.dagster_private import DATA_VERSION_TAG, INPUT_DATA_VERSION_TAG_PREFIX

LEFT_OUT = "left_out"  # metadata: inputs that Dagster takes note of, though nothing of them was read
READ = "read"  # metadata: partitions that the asset looked up itself, each with the content that it had then
DIGEST = "digest"  # metadata of seeds: which of those registered under the batch's name were loaded
UNANSWERED = "unanswered"  # metadata: rows whose request failed for a reason that may pass
UNMADE = "INITIAL"  # what Dagster notes of an input that was never made


def latest_materialization(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None
) -> dg.EventLogRecord | None:
    """The event of the current version of a partition; None if it was never materialized."""
    of_partition = [partition] if partition is not None else None
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=of_partition)
    records = instance.fetch_materializations(wanted, limit=1).records
    return records[0] if records else None


def tag(record: dg.EventLogRecord, name: str) -> str | None:
    """A tag of a materialization."""
    made = record.asset_materialization
    return (made.tags or {}).get(name) if made else None


def as_read(record: dg.EventLogRecord) -> str:
    """What a reader of this partition alone notes of its content: a hash, as of several partitions."""
    return hashlib.sha256((tag(record, DATA_VERSION_TAG) or "").encode()).hexdigest()


def inputs(record: dg.EventLogRecord) -> dict[dg.AssetKey, str]:
    """The tables of its own partition that a materialization was made from, each with the content that it had then."""
    made = record.asset_materialization
    if made is None:
        return {}
    tags, left_out = made.tags or {}, str(made.metadata[LEFT_OUT].value).split() if LEFT_OUT in made.metadata else []
    prefix = f"{INPUT_DATA_VERSION_TAG_PREFIX}/"
    noted = {name.removeprefix(prefix): version for name, version in tags.items() if name.startswith(prefix)}
    elsewhere = {read.key.to_user_string() for read in looked_up(record)}
    apart = {*left_out, *elsewhere}
    read = {key: version for key, version in noted.items() if version != UNMADE and key not in apart}
    return {dg.AssetKey.from_user_string(key): version for key, version in read.items()}


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A partition that an asset chose and read itself, and the data version that it had."""

    key: dg.AssetKey
    partition: str
    version: str

    def holds(self, instance: dg.DagsterInstance) -> bool:
        """Whether the partition holds today what it held then."""
        now = latest_materialization(instance, self.key, self.partition)
        return now is not None and tag(now, DATA_VERSION_TAG) == self.version


def looked_up(record: dg.EventLogRecord) -> list[LookedUp]:
    """The partitions of other tables that a materialization was made from, beside its `inputs`."""
    made = record.asset_materialization
    if made is None or READ not in made.metadata:
        return []
    rows = json.loads(str(made.metadata[READ].value))
    return [LookedUp(dg.AssetKey.from_user_string(key), partition, version) for key, partition, version in rows]


def note(records: Iterable[dg.EventLogRecord]) -> dict[str, str]:
    """The metadata by which `looked_up` finds these partitions again."""
    rows = [(r.asset_key.to_user_string(), r.partition_key, tag(r, DATA_VERSION_TAG)) for r in records if r.asset_key]
    return {READ: json.dumps(sorted(rows, key=str))}


def sources(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None
) -> list[tuple[str | None, dg.EventLogRecord]]:
    """The partitions of `key` that a table of this partition is made from, with their current versions.

    That is the partition of the same name; for a shard of a tree (`s00|t`) its tree; for a tree all shards of it.
    """
    if record := latest_materialization(instance, key, partition):
        return [(partition, record)]
    if partition is None:
        return []
    names = [partition.rpartition("|")[2]]
    if names == [partition]:
        names = sorted(n for n in instance.get_materialized_partitions(key) if n.endswith(f"|{partition}"))
    found = [(name, latest_materialization(instance, key, name)) for name in names]
    return [(name, record) for name, record in found if record]


def unchanged(found: Sequence[tuple[str | None, dg.EventLogRecord]], noted: str) -> bool:
    """Whether what a reader `noted` of an input is what `found`, its sources, hold now.

    A tree may have had more shards once: the first ones that were read together count.
    """
    versions = [tag(record, DATA_VERSION_TAG) or "" for _, record in found]
    return noted in {hashlib.sha256("".join(versions[:n]).encode()).hexdigest() for n in range(1, len(versions) + 1)}
