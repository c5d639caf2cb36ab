"""A sample's whole ancestry: texts, scores, prompts, models, runs and cost."""

import json
from dataclasses import asdict
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.names import CLEAN, RELEASE, RESPONSES, SEEDS, VERIFIED, stage_key
from evergrow.flows.tree_trace import tree_steps
from evergrow.flows.workspace import Workspace
from evergrow.methods.text import ids
from evergrow.resources.lake.lake import NeverMaterialized
from evergrow.resources.ledger import Call, Ledger
from evergrow.resources.registry.releases import release_names


class UnknownSample(Exception):  # noqa: N818 - it names what is unknown
    """No table holds the sample, or several batches do; the message says which, and what to do."""


def trace(workspace: Workspace, sample_id: str, batch: str | None) -> list[dict[str, Any]]:
    """The ancestors from the root down to the sample, each a row of its table with the calls that made it.

    What a tree wrote has the nodes of its way down the tree as ancestors.

    Rejected samples are found too: tables are read as they are, since nothing is built on what is shown here.

    Raises:
        UnknownSample: the sample is in no batch, or in several and `batch` is not given.
    """
    found = [b for b in ([batch] if batch else workspace.batches()) if _row(workspace, sample_id, b)]
    if not found and batch is None and (way := tree_steps(workspace, sample_id)):
        return _with_calls(workspace, way)
    if not found:
        where = f"batch {batch!r}" if batch else f"any batch ({', '.join(workspace.batches()) or 'there is none'})"
        raise UnknownSample(f"no sample {sample_id!r} in {where}; `evergrow table` lists the ids of a table")
    if len(found) > 1:
        raise UnknownSample(f"sample {sample_id!r} is in several batches ({', '.join(found)}); name one with --batch")
    rows = [_row(workspace, ancestor, found[0]) or {"id": ancestor} for ancestor in ids.ancestry(sample_id)]
    grown = tree_steps(workspace, rows[0]["id"]) if rows[0].get("tree") else []
    closed = [_closed(workspace, ids.layer(row["id"]), found[0]) for row in rows]
    own = [{**row, "batch": found[0], "closed": why} for row, why in zip(rows, closed, strict=True)]
    return _with_calls(workspace, [*grown, *own, *_answer(workspace, sample_id, found[0])])


def _answer(workspace: Workspace, sample_id: str, batch: str) -> list[dict[str, Any]]:
    """What became of the sample in the dataset: its row in the last table that has it, `content` being its answer."""
    for key, partition in (
        *((RELEASE, name) for name in release_names(workspace.registry)),
        (CLEAN, batch),
        (VERIFIED, batch),
        (RESPONSES, batch),
    ):
        try:
            table = workspace.lake.scan(workspace.instance, key, partition, "all", guarded=False)
        except NeverMaterialized:
            continue
        rows = table.filter((pl.col("id") == sample_id) & (pl.col("batch") == batch)).collect().to_dicts()
        if rows:
            kept = (
                *("id", "batch", "task", "final_answer", "verdict", "verdict_detail", "agreement"),
                *("tests", "dropped_tests", "packages", "sandbox"),
            )
            later = ("benchmark", "span", "duplicate_of", "split", "license", "reason", "responder_model")
            told = {name: rows[0].get(name) for name in (*kept, *later)}
            calls = {"call_id": rows[0]["response_call_id"], "judge_call_id": rows[0].get("tests_call_id")}
            return [{**told, **calls, "table": key.to_user_string(), "content": rows[0]["response"]}]
    return []


def _with_calls(workspace: Workspace, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with workspace.ledger() as ledger:
        return [{**step, "calls": _calls(ledger, step)} for step in steps]


def _key(layer: int) -> dg.AssetKey:
    return stage_key(layer, "accepted") if layer else SEEDS


def _closed(workspace: Workspace, layer: int, batch: str) -> str | None:
    """Why nothing may be built on the table of a layer; None if its gates are open."""
    try:
        workspace.lake.scan(workspace.instance, _key(layer), batch)
    except dg.Failure as failure:
        return failure.description
    return None


def _row(workspace: Workspace, sample_id: str, batch: str) -> dict[str, Any] | None:
    key = _key(ids.layer(sample_id))
    try:
        table = workspace.lake.scan(workspace.instance, key, batch, "all", guarded=False)
    except NeverMaterialized:
        return None
    rows = table.filter(pl.col("id") == sample_id).collect().to_dicts()
    return rows[0] if rows else None


def _calls(ledger: Ledger, row: dict[str, Any]) -> list[dict[str, Any]]:
    names = (row.get("call_id"), row.get("judge_call_id"))
    calls = [ledger.call(name) for name in names if name]
    return [_told(call) for call in calls if call]


def _told(call: Call) -> dict[str, Any]:
    return {**asdict(call), "request": json.loads(call.request)}
