"""A sample's whole ancestry: texts, scores, prompts, models, runs and cost."""

import json
from dataclasses import asdict
from typing import Any

import dagster as dg
import polars as pl
from rich.text import Text
from rich.tree import Tree

from evergrow.assets.names import CLEAN, RELEASE, RESPONSES, SEEDS, VERIFIED, stage_key
from evergrow.cli.console import clean
from evergrow.cli.tree_trace import tree_steps
from evergrow.cli.workspace import Workspace
from evergrow.methods.text import ids
from evergrow.resources.lake.lake import NeverMaterialized
from evergrow.resources.ledger import Call, Ledger

SHOWN_CHARS = 400


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
    for key, partition in ((RELEASE, None), (CLEAN, batch), (VERIFIED, batch), (RESPONSES, batch)):
        try:
            table = workspace.lake.scan(workspace.instance, key, partition, gates=None, rows="all")
        except NeverMaterialized:
            continue
        rows = table.filter((pl.col("id") == sample_id) & (pl.col("batch") == batch)).collect().to_dicts()
        if rows:
            kept = ("id", "batch", "task", "final_answer", "verdict", "verdict_detail", "tests", "sandbox", "agreement")
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
        workspace.lake.scan(workspace.instance, _key(layer), batch, gates=())
    except dg.Failure as failure:
        return failure.description
    return None


def _row(workspace: Workspace, sample_id: str, batch: str) -> dict[str, Any] | None:
    key = _key(ids.layer(sample_id))
    try:
        table = workspace.lake.scan(workspace.instance, key, batch, gates=None, rows="all")
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


def draw(steps: list[dict[str, Any]], *, prompts: bool) -> Tree:
    """The ancestry as a tree on a terminal; with `prompts`, every request and reply in full."""
    root = branch = Tree(Text("ancestry, from the seed down"))
    for step in steps:
        branch = branch.add(_headline(step))
        branch.add(clean(_cut(step.get("content") or "(no text)", full=prompts)))
        if step.get("complexity_reason"):
            branch.add(clean(f"judge: {_cut(step['complexity_reason'], full=prompts)}"))
        for call in step["calls"]:
            made = branch.add(clean(_made_by(call)))
            if prompts:
                for message in call["request"].get("messages", ()):
                    made.add(clean(f"{message['role']}:\n{message['content']}"))
                made.add(clean(f"reply:\n{call['reply']}"))
    return root


def _headline(step: dict[str, Any]) -> Text:
    parts = [step["id"], _what(step)]
    if step.get("complexity") is not None:
        parts.append(f"complexity {step['complexity']:.2f}")
    if step.get("diversity") is not None:
        nearest = f" (nearest {step['nearest_id']})" if step.get("nearest_id") else ""
        parts.append(f"diversity {step['diversity']:.3f}{nearest}")
        parts.append(f"value {step['value']:.2f}")
    if step.get("verdict"):
        parts.append(f"verdict {step['verdict']}" + (f" in the sandbox {step['sandbox']}" if step["sandbox"] else ""))
    if step.get("closed"):
        parts.append(f"not readable: {step['closed']}")
    if step.get("reason"):
        parts.append(f"rejected: {step['reason']}")
    return clean(" - ".join(parts))


def _what(step: dict[str, Any]) -> str:
    """What kind of ancestor a step is."""
    if step.get("table"):
        return f"its answer ({step['task']}), as {step['table']} has it"
    if step.get("node"):
        return str(step["node"])
    if step.get("leaf_id") and "origin" in step:
        return f"sample of leaf {step['leaf_id']}, {step['origin']}"
    if step.get("round"):
        return f"round {step['round']}, child {step['slot']}"
    return f"seed {ids.unescape_seed_id(step['id'])!r}" + (f" from {step['source']}" if step.get("source") else "")


def _made_by(call: dict[str, Any]) -> str:
    cost = "cost unknown" if call["usd"] is None else f"${call['usd']:.6f}"
    return (
        f"{call['role']}: {call['model_returned'] or call['model']} at {call['endpoint']}, "
        f"prompt {call['prompt_version']}, {call['tokens_in'] or '?'} + {call['tokens_out'] or '?'} tokens, {cost}, "
        f"{call['latency_s']:.1f} s, call {call['call_id']}, run {call['run_id'][:8]}"
    )


def _cut(text: str, *, full: bool) -> str:
    return text if full or len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]} ..."
