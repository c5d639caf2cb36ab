"""The ancestry of a sample, drawn as a tree on a terminal."""

from typing import Any

from rich.text import Text
from rich.tree import Tree

from evergrow.cli.console import clean
from evergrow.methods.text import ids

SHOWN_CHARS = 400


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
