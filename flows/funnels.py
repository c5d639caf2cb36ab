"""Where rows went, stage by stage: by the tables as they are now, or by those that a release was made from."""

from collections.abc import Iterable, Iterator, Sequence

import dagster as dg
import polars as pl

from evergrow.assets.dataset.funnel import SCHEMA, counted, made_rounds
from evergrow.assets.names import CLEAN, COLLECTED, MAIN, RELEASE, RESPONSES, VERIFIED, round_name, stage_key
from evergrow.flows.release import release_command
from evergrow.flows.workspace import Workspace
from evergrow.resources.lake.lake import Damaged
from evergrow.resources.lake.versions import (
    TAKEN_FROM,
    Key,
    Read,
    data_version,
    latest_materialization,
    made_from,
    noted,
    record_of,
)
from evergrow.resources.settings.growth import MAX_ROUNDS

ANSWERED = (RESPONSES, VERIFIED, CLEAN)


def release_funnel(workspace: Workspace, batches: Sequence[str], name: str = MAIN) -> pl.DataFrame:
    """Where the rows of these batches went, one below another, each row with its batch; the release last."""
    return _below([(batch, workspace.funnel(batch, name)) for batch in batches])


def run_funnel(workspace: Workspace, batch: str) -> tuple[pl.DataFrame, str | None]:
    """Where the rows of a batch went; up to its collection, and why, where a table after that is damaged.

    What was answered of it, and releases, are not what a run of the batch is about: it must not fail by them.

    Raises:
        Damaged: a table of its rounds, or its collection, is.
    """
    try:
        return workspace.funnel(batch), None
    except Damaged as damaged:
        return workspace.funnel(batch, None), str(damaged)


def funnel_as_made(workspace: Workspace, batches: Sequence[str], name: str) -> pl.DataFrame | None:
    """The funnel of the very tables that a release was made from, whatever was made since; columns as `release_funnel`.

    None where one of them is not known any more: the event log was pruned, or its file is gone.
    """
    release = latest_materialization(workspace.instance, RELEASE, name)
    versions: dict[Key, dg.EventLogRecord] = {}
    if release is None or not _ancestors(workspace, made_from(release).read, versions):
        return None
    try:
        return _below([(batch, _of_versions(workspace, batch, versions, release)) for batch in batches])
    except Damaged:
        return None


def changed_since(workspace: Workspace, name: str, batches: Sequence[str]) -> tuple[str, ...]:
    """Those of `batches` of which a table is not any more what a release was made from, with what follows for readers.

    The rows of a release are a snapshot, and its funnel is that of the tables that it was made from, where they are
    known; its gates are read of the tables as they are now.
    """
    record = latest_materialization(workspace.instance, RELEASE, name)
    same: set[Key] = set()
    changed: set[str | None] = set()
    if record is None:
        return ()
    for read in made_from(record).read:
        _compare(workspace, read, same, changed)
    since = noted(record, TAKEN_FROM) or record.storage_id
    for batch in batches:  # of rounds that were made since nothing is made yet
        rounds = [(stage_key(n, "accepted"), batch) for n in made_rounds(workspace.instance, batch)]
        latest = [latest_materialization(workspace.instance, *place) for place in rounds if place not in same]
        changed |= {batch for found in latest if found and found.storage_id > since}
    again = release_command(workspace, name, batches)
    return tuple(
        f"batch {batch!r} has changed since release {name!r} was made: gates that have judged other tables since are "
        f"stale, and say nothing of these rows; `{again}` makes the release anew"
        for batch in batches
        if batch in changed
    )


def of_an_older_collection(workspace: Workspace, batches: Iterable[str]) -> Iterator[str]:
    """A sentence for each batch whose answers were made of other samples than are collected now."""
    for batch in batches:
        now = latest_materialization(workspace.instance, COLLECTED, batch)
        made = [(key, latest_materialization(workspace.instance, key, batch)) for key in ANSWERED]
        of = next(
            (read for _, record in made if record for read in made_from(record).read if read.key == COLLECTED), None
        )
        if now and of and of.version != data_version(now):
            stages = ", ".join(key.path[-1] for key, record in made if record)
            yield (
                f"batch {batch!r}: {stages} were made of an older collection than the one above them; "
                f"`evergrow release --batch {batch}` makes them anew"
            )


def _below(funnels: Iterable[tuple[str, pl.DataFrame]]) -> pl.DataFrame:
    stages = [funnel.select(pl.lit(batch).alias("batch"), pl.all()) for batch, funnel in funnels]
    return pl.concat([pl.DataFrame(schema={"batch": pl.String, **SCHEMA}), *stages])


def _ancestors(workspace: Workspace, reads: Sequence[Read], versions: dict[Key, dg.EventLogRecord]) -> bool:
    """Find the events of all versions that were read, and of what these were made from; False if one is not found."""
    for read in reads:
        known = versions.get(read.place)
        if known is not None and data_version(known) == read.version:
            continue
        now = latest_materialization(workspace.instance, *read.place)
        record = now if now and data_version(now) == read.version else record_of(workspace.instance, read)
        if known is not None or record is None:  # two versions of one table: which of them counts is not known
            return False
        versions[read.place] = record
        if not _ancestors(workspace, made_from(record).read, versions):
            return False
    return True


def _of_versions(
    workspace: Workspace, batch: str, versions: dict[Key, dg.EventLogRecord], release: dg.EventLogRecord
) -> pl.DataFrame:
    rounds = [(round_name(n), stage_key(n, "accepted")) for n in range(1, MAX_ROUNDS + 1)]
    stages = [*rounds, *((key.path[-1], key) for key in (COLLECTED, *ANSWERED))]
    rows = [
        counted(name, workspace.lake.version(record, "all"))
        for name, key in stages
        if (record := versions.get((key, batch)))
    ]
    released = counted(RELEASE.path[-1], workspace.lake.version(release, "all").filter(pl.col("batch") == batch))
    return pl.DataFrame([*rows, *([released] if released[1] else [])], schema=SCHEMA, orient="row")


def _compare(workspace: Workspace, read: Read, same: set[Key], changed: set[str | None]) -> None:
    """Note what `read` and all that it was made from are: the same as now, or of a partition that has changed."""
    if read.place in same:
        return
    now = latest_materialization(workspace.instance, *read.place)
    if now is None or data_version(now) != read.version:
        changed.add(read.partition)
        return
    same.add(read.place)
    for source in made_from(now).read:
        _compare(workspace, source, same, changed)
