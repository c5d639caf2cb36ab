"""What the gates on the way of some rows judged them by: the thresholds that a card and a manifest tell."""

from collections.abc import Iterable

import dagster as dg
import polars as pl

from evergrow.assets.gates.check import SETTING
from evergrow.assets.names import gate_name
from evergrow.flows.workspace import Workspace
from evergrow.resources.lake.readable import GateState, Judgement, judgement
from evergrow.resources.lake.versions import Key, Read, data_version, latest_materialization, made_from
from evergrow.resources.releases.facts import GATES


def judged(workspace: Workspace, tables: Iterable[Key]) -> pl.DataFrame:
    """The gates of tables and of all that they were made from, upstream first: the columns of `GATES`.

    `observed` is what it found of each figure that a setting bounds. A gate that has judged another version since than
    the one that was read is STALE, and neither its thresholds nor what it found are known.
    """
    rows: list[tuple[str, ...]] = []
    seen: set[Key] = set()
    for key, partition in tables:
        if record := latest_materialization(workspace.instance, key, partition):
            _visit(workspace, Read(key, partition, data_version(record)), seen, rows)
    return pl.DataFrame(rows, schema=GATES, orient="row")


def _visit(workspace: Workspace, read: Read, seen: set[Key], rows: list[tuple[str, ...]]) -> None:
    """Note the gates of what `read` was made from, then its own; each table once."""
    record = latest_materialization(workspace.instance, *read.place)
    if record is None or read.place in seen:
        return
    seen.add(read.place)
    for source in made_from(record).read:
        _visit(workspace, source, seen, rows)
    table = workspace.frontier.tables.get(read.key)
    if table is None or table.stage is None:
        return
    name = gate_name(table.stage)
    said = judgement(workspace.instance, dg.AssetCheckKey(read.key, name), read.partition, record)
    current = read.version == data_version(record)
    state, by, found = (said.state, said.thresholds or "", _observed(said)) if current else (GateState.STALE, "", "")
    rows.append((read.key.to_user_string(), read.partition or "", name, state.value, by, found))


def _observed(said: Judgement) -> str:
    bound = [one for one in said.expectations if f"{SETTING} " in str(one["wanted"])]
    return "; ".join(f"{one['expectation']}: {one['observed']}" for one in bound)
