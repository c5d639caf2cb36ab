"""A sample's whole ancestry: texts, scores, prompts, models, runs and cost."""

import json
from dataclasses import asdict
from typing import Any

import dagster as dg
import polars as pl
from rich.text import Text
from rich.tree import Tree

from evergrow.assets.keys import SEEDS, stage_key
from evergrow.cli.console import clean
from evergrow.cli.workspace import Workspace
from evergrow.methods import ids
from evergrow.resources.lake import NeverMaterialized
from evergrow.resources.ledger import Call, Ledger

SHOWN_CHARS = 400


class UnknownSample(Exception):  # noqa: N818 - it names what is unknown
    """No table holds the sample, or several batches do; the message says which, and what to do."""


def trace(workspace: Workspace, sample_id: str, batch: str | None) -> list[dict[str, Any]]:
    """The ancestors from the root down to the sample, each a row of its table with the calls that made it.

    Rejected samples are found too: tables are read as they are, since nothing is built on what is shown here.

    Raises:
        UnknownSample: the sample is in no batch, or in several and `batch` is not given.
    """
    found = [b for b in ([batch] if batch else workspace.batches()) if _row(workspace, sample_id, b)]
    if not found:
        where = f"batch {batch!r}" if batch else f"any batch ({', '.join(workspace.batches()) or 'there is none'})"
        raise UnknownSample(f"no sample {sample_id!r} in {where}; `evergrow table` lists the ids of a table")
    if len(found) > 1:
        raise UnknownSample(f"sample {sample_id!r} is in several batches ({', '.join(found)}); name one with --batch")
    with workspace.ledger() as ledger:
        rows = [_row(workspace, ancestor, found[0]) or {"id": ancestor} for ancestor in ids.ancestry(sample_id)]
        closed = [_closed(workspace, ids.layer(row["id"]), found[0]) for row in rows]
        return [
            {**row, "batch": found[0], "closed": why, "calls": _calls(ledger, row)}
            for row, why in zip(rows, closed, strict=True)
        ]


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
    parts = [step["id"]]
    if step.get("round"):
        parts.append(f"round {step['round']}, child {step['slot']}")
    else:
        parts.append(
            f"seed {ids.unescape_seed_id(step['id'])!r}" + (f" from {step['source']}" if step.get("source") else "")
        )
    if step.get("complexity") is not None:
        parts.append(f"complexity {step['complexity']:.2f}")
    if step.get("diversity") is not None:
        nearest = f" (nearest {step['nearest_id']})" if step.get("nearest_id") else ""
        parts.append(f"diversity {step['diversity']:.3f}{nearest}")
        parts.append(f"value {step['value']:.2f}")
    if step.get("closed"):
        parts.append(f"not readable: {step['closed']}")
    if step.get("reason"):
        parts.append(f"rejected: {step['reason']}")
    return clean(" - ".join(parts))


def _made_by(call: dict[str, Any]) -> str:
    cost = "cost unknown" if call["usd"] is None else f"${call['usd']:.6f}"
    return (
        f"{call['role']}: {call['model_returned'] or call['model']} at {call['endpoint']}, "
        f"prompt {call['prompt_version']}, {call['tokens_in'] or '?'} + {call['tokens_out'] or '?'} tokens, {cost}, "
        f"{call['latency_s']:.1f} s, call {call['call_id']}, run {call['run_id'][:8]}"
    )


def _cut(text: str, *, full: bool) -> str:
    return text if full or len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]} ..."
