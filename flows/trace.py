"""A row's whole way: from its seed or its tree through rounds, answers and releases to exported files."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.dataset.banned import as_banned
from evergrow.assets.names import DIFFICULTY, SEEDS, stage_key
from evergrow.flows.dataset_trace import draw_calls, sample_steps
from evergrow.flows.descendants import COLUMNS
from evergrow.flows.evolve import stages_of
from evergrow.flows.export_trace import ExportedRow, export_step, export_steps, exported_row
from evergrow.flows.recipes import settings_of
from evergrow.flows.table_rows import CALL_IDS, Row, TableRows
from evergrow.flows.tree_trace import trees_with, way_down
from evergrow.flows.workspace import Workspace
from evergrow.methods.provenance.differences import differences
from evergrow.methods.provenance.steps import Other, TraceStep
from evergrow.methods.releasing.descent import why_banned
from evergrow.methods.text import ids
from evergrow.resources.ledger import Call
from evergrow.resources.registry.bans import bans
from evergrow.resources.registry.batches import staged


class UnknownSample(Exception):  # noqa: N818 - it names what is unknown
    """No table holds the sample, or several batches do; the message says which, and what to do."""


def trace(workspace: Workspace, wanted: str, batch: str | None) -> list[TraceStep]:
    """The way of a row, the seed or the whole space of its tree first.

    Rejected rows are found too: tables are read as they are, since nothing is built on what is shown here.

    Args:
        workspace: where.
        wanted: the id of a row, that of a seed also as its author wrote it, or a row of an exported file, as
            `out/train.jsonl:17` (lines count from 1).
        batch: the batch, where several hold the row.

    Raises:
        UnknownSample: the row is in no batch and in no tree, or in several batches and `batch` is not given.
        UnknownLine: the exported file has no such row.
        Damaged: a file of the lake that holds the row is not what was written.
    """
    rows = TableRows(workspace)
    exported = exported_row(wanted)
    if exported is None:
        steps = _way(rows, _as_tables_do(rows, wanted, batch), batch, exported)
    else:
        steps = _way(rows, exported.sample_id, batch or exported.batch, exported)
        steps.append(export_step(rows, exported, steps))
    return _with_calls(workspace, _with_bans(workspace, _with_last_word(rows, steps)))


def _as_tables_do(rows: TableRows, wanted: str, batch: str | None) -> str:
    """The id of a row as tables have it; a seed may be named as its author did, and so may what descends from it.

    Raises:
        UnknownSample: several rows are called so, and none of them in tables.
    """
    ways = ids.candidates(wanted)
    if len(ways) == 1 or _batches_with(rows, wanted, batch):
        return wanted
    found = [one for one in ways[1:] if _batches_with(rows, one, batch)]
    if len(found) > 1:
        raise UnknownSample(f"{wanted!r} may be {' or '.join(found)}: name it so, as tables do")
    return found[0] if found else wanted


def _with_last_word(rows: TableRows, steps: list[TraceStep]) -> list[TraceStep]:
    """The steps, the last of a table telling whether anything that it was made from is closed or outdated, too."""
    place = max(place for place, step in enumerate(steps) if step.tables or not place)
    for table in steps[place].tables[-1:]:
        why = rows.closed(dg.AssetKey.from_user_string(table.table), str(table.partition))
        steps[place] = replace(steps[place], closed=why)
    return steps


def _with_bans(workspace: Workspace, steps: list[TraceStep]) -> list[TraceStep]:
    """The steps, the first that a ban concerns with that as the reason why it, and all below, goes into no release."""
    wanted = bans(workspace.registry)
    if not wanted:
        return steps
    rows = [{name: step.row.get(name) for name in COLUMNS} for step in steps]
    told = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), strict=False)
    told = told.with_columns(pl.col("batch").fill_null(""))  # a tree's own rows are of none
    why = why_banned(told, as_banned(wanted), told.select("batch", "id", "generator_model").drop_nulls())
    first = next((place for place, banned in enumerate(why) if banned), None)
    if first is not None and steps[first].reason is None:
        steps[first] = replace(steps[first], reason=why[first])
    return steps


def _way(rows: TableRows, sample_id: str, batch: str | None, exported: ExportedRow | None) -> list[TraceStep]:
    found = _batches_with(rows, sample_id, batch)
    if len(found) > 1:
        raise UnknownSample(f"sample {sample_id!r} is in several batches ({', '.join(found)}); name one with --batch")
    if found:
        return _of_batch(rows, sample_id, found[0], exported)
    trees = trees_with(rows, sample_id) if batch is None else []
    if len(trees) > 1:
        raise UnknownSample(
            f"row {sample_id!r} is in several trees ({', '.join(trees)}): register the rows of one as a batch "
            "(`evergrow seeds from-tree`), and name that with --batch"
        )
    if trees:
        return way_down(rows, trees[0], sample_id)
    if Path(sample_id).is_file():
        raise UnknownSample(f"{sample_id} is a file: name one of its rows, such as {sample_id}:1")
    batches = rows.workspace.batches()
    where = f"batch {batch!r}" if batch else f"any batch ({', '.join(batches) or 'there is none'}) or tree"
    raise UnknownSample(f"no sample {sample_id!r} in {where}; `evergrow table` lists the ids of a table")


def _batches_with(rows: TableRows, sample_id: str, batch: str | None) -> list[str]:
    layer = ids.layer(sample_id)
    keys = [stage_key(layer, "accepted"), stage_key(layer, "instructions")] if layer else [SEEDS]
    chosen = [rows.workspace.require_batch(batch)] if batch else rows.workspace.batches()
    found = [one for one in chosen if any(rows.has(key, one, sample_id) for key in keys)]
    unmade = [one for one in chosen if one not in found and not layer and rows.record(SEEDS, one) is None]
    return found + [one for one in unmade if _registered(rows, one, sample_id)]


def _registered(rows: TableRows, batch: str, seed_id: str) -> Row | None:
    """A seed of a batch whose table of seeds is not made yet."""
    found = staged(rows.workspace.registry, batch).read().filter(pl.col("id") == seed_id).to_dicts()
    return {**found[0], "batch": batch, "root_id": seed_id} if found else None


def _of_batch(rows: TableRows, sample_id: str, batch: str, exported: ExportedRow | None) -> list[TraceStep]:
    """The way of a row of a batch, which may have begun in a tree."""
    root, *descendants = ids.ancestry(sample_id)
    seed = rows.row(SEEDS, batch, root) or _registered(rows, batch, root) or {"id": root, "batch": batch}
    origin = staged(rows.workspace.registry, batch)
    grown = _before(rows, seed, origin.origin)
    source = f" from {seed['source']}" if seed.get("source") else ""
    steps = [
        *grown,
        TraceStep(
            id=root,
            kind="seed",
            says=f"seed {ids.unescape_seed_id(root)!r}{source}",
            row={**seed, "origin_of_batch": origin.origin, "registered_at": origin.staged_at.isoformat()},
            content=seed.get("content"),
            parents=[grown[-1].key] if grown else (),
            tables=rows.versions([SEEDS], batch),
            closed=rows.shut(SEEDS, batch),
        ),
    ]
    for name in descendants:
        steps.append(_child(rows, name, batch, steps[-1]))
    steps[-1] = replace(steps[-1], others=[*steps[-1].others, *_children(rows, sample_id, batch)])
    steps += sample_steps(rows, steps[-1], batch)
    return [*steps, *export_steps(rows, steps, exported)]


def _before(rows: TableRows, seed: Row, origin: str) -> list[TraceStep]:
    """What happened in a tree before its row became a seed."""
    if not seed.get("tree") or not seed.get("leaf_id") or not origin.startswith(f"tree {seed['tree']!r}"):
        return []
    return way_down(rows, seed["tree"], seed.get("seed_id") or seed["id"], origin.rpartition(", ")[2])


def _child(rows: TableRows, name: str, batch: str, parent: TraceStep) -> TraceStep:
    layer = ids.layer(name)
    stages = [stage_key(layer, stage) for stage in stages_of(settings_of(rows.workspace, "batch", batch))]
    table, row = stages[-1], rows.row(stages[-1], batch, name)
    if row is None:  # the round got stuck before it: what its earlier stages know
        told = [one for key in stages[:-1] if (one := rows.row(key, batch, name))]
        table, row = stages[0], {k: v for one in told for k, v in one.items() if v is not None}
    known = row or {"id": name}
    content = known.get("content")
    comparable = content is not None and parent.content is not None
    return TraceStep(
        id=name,
        kind="child",
        says=f"round {layer}, child {known['slot']}" if row else f"round {layer}: no table has it any more",
        row={**known, "batch": batch, CALL_IDS: _child_calls(rows, known, stages, batch)},
        content=content,
        parents=[parent.key],
        changes=differences(str(parent.content), str(content)) if comparable else None,
        others=_nearest(rows, known, batch),
        tables=rows.versions(stages, batch),
        closed=rows.shut(table, batch),
        reason=known.get("reason"),
    )


def _children(rows: TableRows, parent: str, batch: str) -> list[Other]:
    """What the next round has made of a row, rejected or not."""
    made = rows.children(stage_key(ids.layer(parent) + 1, "instructions"), batch, parent)
    return [Other("its child, of the next round", row["id"], row.get("content")) for row in made]


def _child_calls(rows: TableRows, row: Row, stages: Sequence[dg.AssetKey], batch: str) -> list[str | None]:
    """The requests that made a child, those of every reading of its judge and of the solvers that measured it too."""
    judged = rows.row(stage_key(ids.layer(row["id"]), "complexity"), batch, row["id"]) or {}
    asked = [row.get("call_id"), row.get("judge_call_id"), *(judged.get("reading_call_ids") or ())]
    measured = stage_key(ids.layer(row["id"]), DIFFICULTY)
    tried = rows.row(measured, batch, row["id"]) if measured in stages else None
    return [*asked, tried.get("tests_call_id"), *draw_calls(tried)] if tried else asked


def _nearest(rows: TableRows, row: Row, batch: str) -> Sequence[Other]:
    """The child of another tree that is most like this one."""
    name = row.get("nearest_id")
    if not name:
        return ()
    other = rows.row(stage_key(ids.layer(name), "accepted") if ids.layer(name) else SEEDS, batch, name)
    diversity = row.get("diversity")
    likeness = None if diversity is None else 1 - diversity
    return [Other("the most alike of other trees", name, other["content"] if other else None, likeness)]


def _with_calls(workspace: Workspace, steps: Sequence[TraceStep]) -> list[TraceStep]:
    wanted = {name for step in steps for name in step.row.get(CALL_IDS, ()) if name}
    with workspace.ledger() as ledger:
        known = ledger.calls(wanted) if wanted else {}
    told = []
    for step in steps:
        names = dict.fromkeys(name for name in step.row.get(CALL_IDS, ()) if name in known)
        row = {name: value for name, value in step.row.items() if name != CALL_IDS}
        told.append(replace(step, row=row, calls=[_told(known[name]) for name in names]))
    return told


def _told(call: Call) -> dict[str, Any]:
    return {**asdict(call), "request": json.loads(call.request)}
