"""The way of a row, drawn as a tree on a terminal."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.text import Text
from rich.tree import Tree

from evergrow.cli.console import clean
from evergrow.methods.provenance.differences import Change
from evergrow.methods.provenance.prov import prov_document
from evergrow.methods.provenance.steps import TableVersion, TraceStep, call_uses, outcome, spent
from evergrow.resources.host.destinations import writing
from evergrow.resources.host.files import atomic_write

SHOWN_CHARS = 400
STYLES = {"same": "", "added": "green", "removed": "red strike"}
MARKS = {"same": ("", ""), "added": ("{+", "+}"), "removed": ("[-", "-]")}  # as `git diff --word-diff` has them


def draw(steps: Sequence[TraceStep], *, prompts: bool) -> Tree:
    """The way as a tree on a terminal; with `prompts`, every request and reply in full, and every expectation."""
    root = above = Tree(Text("ancestry, from the seed down"))
    uses = call_uses(steps)
    for step in steps:
        branch = above.add(clean(_headline(step)))
        above = above if step.kind == "export" else branch  # files stand side by side: none is made of another
        if step.content is not None:
            branch.add(clean(_cut(step.content, full=prompts)))
        if step.changes is not None and any(change.kind == "same" for change in step.changes):
            branch.add(_difference(step.changes, full=prompts))
        for line in _told(step, full=prompts):
            branch.add(clean(line))
        for table in step.tables:
            made = branch.add(clean(_table(table)))
            for line in _gate(table, full=prompts):
                made.add(clean(line))
        _draw_calls(branch, step, uses, full=prompts)
    root.add(clean(outcome(steps)))
    if uses:
        root.add(clean(spent(steps)))
    return root


def _draw_calls(branch: Tree, step: TraceStep, uses: Mapping[str, Sequence[TraceStep]], *, full: bool) -> None:
    """The requests that no step above rests on, each with the kinds of step below that do."""
    for call in (call for call in step.calls if uses[call["call_id"]][0] is step):
        also = ", ".join(dict.fromkeys(other.kind for other in uses[call["call_id"]][1:]))
        made = branch.add(clean(f"{_made_by(call)}{f'; used for {also}, too' if also else ''}"))
        if full:
            for message in call["request"].get("messages", ()):
                made.add(clean(f"{message['role']}:\n{message['content']}"))
            made.add(clean(f"reply:\n{call['reply']}"))


def write_page(file: Path, wanted: str, steps: Sequence[TraceStep]) -> None:
    """Write the way as one HTML file.

    Raises:
        OSError: it cannot be written.
    """
    from evergrow.methods.provenance.trace_page import trace_page  # noqa: PLC0415 - only who wants a page pays for jinja2

    with writing(file):
        atomic_write(file, trace_page(wanted, steps, version("evergrow")).encode())


def write_prov(file: Path, steps: Sequence[TraceStep]) -> None:
    """Write the way as PROV-JSON.

    Raises:
        OSError: it cannot be written.
    """
    document = prov_document(steps, version("evergrow"), _utc)
    with writing(file):
        atomic_write(file, (json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n").encode())


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _headline(step: TraceStep) -> str:
    row, parts = step.row, [step.id, step.says]
    if row.get("complexity") is not None and step.kind == "child":
        parts.append(f"complexity {row['complexity']:.2f}")
    if row.get("diversity") is not None and step.kind == "child":
        parts.append(f"diversity {row['diversity']:.3f}")
        parts.append(f"value {row['value']:.2f}" if row.get("value") is not None else "")
    if row.get("sandbox"):
        parts.append(f"in the sandbox {row['sandbox']}")
    if step.closed:
        parts.append(f"not readable: {step.closed}")
    if step.reason:
        parts.append(f"rejected: {step.reason}")
    return " - ".join(part for part in parts if part)


def _told(step: TraceStep, *, full: bool) -> Iterator[str]:
    row = step.row
    if row.get("complexity_reason") and step.kind == "child":
        yield f"judge: {_cut(row['complexity_reason'], full=full)}"
    if row.get("adherence_reason"):
        share = "unknown" if row.get("adherence") is None else f"{row['adherence']:.2f}"
        yield f"judge: adherence {share}: {_cut(row['adherence_reason'], full=full)}"
    for attribute in row.get("attributes") or () if step.kind == "sample" else ():
        yield f"{attribute['dimension']}: {attribute['value']}"
    for value in step.values:
        pivots = f" {', '.join(map(str, value.pivots))}" if value.pivots else ""
        merged = f"; taken for it: {', '.join(value.merged)}" if value.merged else ""
        call = f", call {value.call_id}" if value.call_id else ""
        yield f"{value.value!r} was named by {value.by}{pivots}{call}{merged}"
    for number, pivot in enumerate(row.get("pivots") or ()):
        yield f"pivot {number}: {_cut(pivot['content'], full=full)}"
    for one in row.get("left_out") or ():
        yield f"left out, {one['what']}: {_cut(one['text'], full=full)} ({one['why']})"
    for other in step.others:
        likeness = "" if other.likeness is None else f", likeness {other.likeness:.3f}"
        yield f"{other.relation}: {other.id}{likeness}: {_cut(other.content or '(no text)', full=full)}"


def _difference(changes: Sequence[Change], *, full: bool) -> Text:
    drawn, room = Text("to its parent: "), None if full else SHOWN_CHARS
    for change in changes:
        part = change.text if room is None else change.text[:room]
        begin, end = MARKS[change.kind]  # colours are lost in a file, and to some eyes
        drawn.append_text(Text(f"{begin}{clean(part).plain}{end}", style=STYLES[change.kind]))
        if room is not None and (room := room - len(change.text)) <= 0:
            return drawn.append(" ...")
    return drawn


def _table(table: TableVersion) -> str:
    recipe = "" if table.recipe is None else f", recipe {table.recipe}"
    code = "" if table.code_version is None else f", code {table.code_version}"
    stale = [f"{read.table} of {read.partition}" for read in table.read if not read.current]
    newer = f"; newer since: {', '.join(stale)}" if stale else ""
    return (
        f"{table.table} of {table.partition}: version {table.data_version}{recipe}{code}, run {table.run_id[:8]} "
        f"at {table.made_at}{newer}"
    )


def _gate(table: TableVersion, *, full: bool) -> Iterator[str]:
    if table.gate is None:
        return
    warns = table.gate.state == "PASSED" and any(not found["met"] for found in table.gate.expectations)
    state = f"{table.gate.state}, with a warning" if warns else table.gate.state
    yield f"gate {table.gate.check} {state}: {table.gate.says or 'it has judged no version yet'}"
    for found in table.gate.expectations:
        if full or not found["met"]:
            met = "met" if found["met"] else f"not met ({found['severity']})"
            yield f"{found['expectation']}: {found['observed']}, wanted {found['wanted']}: {met}"


def _made_by(call: dict[str, Any] | Any) -> str:  # noqa: ANN401 - a row of the ledger
    cost = "cost unknown" if call["usd"] is None else f"${call['usd']:.6f}"
    return (
        f"{call['role']}: {call['model_returned'] or call['model']} at {call['endpoint']}, "
        f"prompt {call['prompt_version']}, {call['tokens_in'] or '?'} + {call['tokens_out'] or '?'} tokens, {cost}, "
        f"{call['latency_s']:.1f} s, call {call['call_id']}, run {call['run_id'][:8]}"
    )


def _cut(text: str, *, full: bool) -> str:
    return text if full or len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]} ..."
