"""`evergrow calls`: what was sent to models, and what came back."""

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from evergrow.cli.console import clean, out, show_table
from evergrow.cli.options import AsJson, print_json, workspace_of

if TYPE_CHECKING:
    from evergrow.flows.calls import Shown


def add_commands(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("calls")(calls)


def calls(
    call: Annotated[str | None, typer.Argument(help="id of one call, to see its request and reply as sent")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="only those of a batch")] = None,
    tree: Annotated[str | None, typer.Option("--tree", help="only those of a tree")] = None,
    errors: Annotated[bool, typer.Option("--errors", help="only those without an answer of use")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="most rows")] = 20,
    as_json: AsJson = False,
) -> None:
    """Requests to models and what became of them, the latest first: class, cause and remedy. Nothing is sent."""
    from evergrow.flows.calls import call_table, one_call  # noqa: PLC0415
    from evergrow.resources.registry.batches import staged  # noqa: PLC0415
    from evergrow.resources.registry.trees import tree_spec  # noqa: PLC0415

    if batch is not None and tree is not None:
        raise typer.BadParameter("name either a batch with --batch B or a tree with --tree T, and not both")
    with workspace_of(reading=True) as workspace, workspace.ledger() as ledger:
        if call is not None:
            _show(one_call(workspace.settings, ledger, call), as_json=as_json)
            return
        kind: Literal["batch", "tree"] | None = "tree" if tree else "batch" if batch else None
        found = ledger.latest(batch or tree, kind, errors=errors, limit=limit)
        if batch and not found:
            staged(workspace.registry, batch)
        if tree and not found:
            tree_spec(workspace.registry, tree)
        table = call_table(workspace.settings, found)
        show_table(table if as_json else table.drop("url", "tokens_in", "tokens_out"), "calls", as_json=as_json)


def _show(found: "Shown", *, as_json: bool) -> None:
    """One call in full."""
    call = found.call
    facts: dict[str, Any] = {
        "call": call.call_id,
        "asset": f"{call.asset} of {call.partition}",
        "run": call.run_id,
        "role": call.role,
        "model": f"{call.model}, answered by {call.model_returned or '-'}",
        "endpoint": f"{call.endpoint} at {call.base_url or 'an address that was not kept'}",
        "attempts": call.attempts,
        "latency_s": round(call.latency_s, 3),
        "tokens": {"in": call.tokens_in, "out": call.tokens_out, "thought": call.tokens_thought},
        "usd": call.usd,
        "class": call.error_class or "answered",
        "cause": call.error_message,
        "remedy": found.remedy or None,
        "request": json.loads(call.request),
        "thoughts": (found.said.thoughts or None) if found.said else None,
        "answer": found.said.text if found.said else None,
        "reply": call.reply,
    }
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if value is None:
            continue
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        out.print(clean(f"{name}:"), style="cyan", end=" ")
        out.print(clean(text), soft_wrap=True)
