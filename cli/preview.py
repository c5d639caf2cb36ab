"""`evergrow preview`: a recipe on a few seeds, through all rounds to answered rows, before all of it is paid for."""

from typing import TYPE_CHECKING, Annotated

import typer

from evergrow.cli.console import say
from evergrow.cli.inspect import as_objects, show_excerpts
from evergrow.cli.options import AsJson, Batch, Set, name_the_model, nested_overrides, print_json, workspace_of
from evergrow.cli.plan import show_plan
from evergrow.methods.text.counts import counted

if TYPE_CHECKING:
    from evergrow.flows.preview import Preview


def add_commands(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("preview")(preview)


def preview(
    batch: Batch,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=50, help="how many, spread over the batch")] = 5,
    rounds: Annotated[int | None, typer.Option(min=1, help="how many of the rounds (evolution.rounds)")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="ask the models; without, only say what that would take")] = False,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """A recipe on a few seeds of a batch, through all rounds to answered rows, and what the whole batch would take.

    It stays beside the batch: no table, release or recipe changes. The replies are kept in the ledger and paid by the
    batch, which does not ask for those of its first round again. Gates judge it, and few rows may not pass where many
    would: it then ends, and says which setting and which number of seeds look further.
    """
    from evergrow.cli.workspace import definitions_for  # noqa: PLC0415 - imports everything
    from evergrow.flows import preview as flow  # noqa: PLC0415

    with workspace_of(overrides) as workspace:
        changes = [*(overrides or []), *([f"evolution.rounds={rounds}"] if rounds else [])]
        wanted = flow.order(workspace, batch, seeds, nested_overrides(changes))
        name_the_model(wanted.settings)
        if not yes:
            show_plan(
                flow.preview_plan(workspace, wanted),
                f"expected of {wanted.seeds.frame.height:,} of {counted(wanted.of, 'seeds')} of {batch!r}, and at most",
                as_json=as_json,
            )
            say("Nothing was asked: --yes does it, and what the ledger knows already is not asked again")
            return
        found = flow.preview(workspace, wanted, definitions_for(workspace.progress), say)
    if as_json:
        cost = {"requests": found.requests, "usd": found.usd}
        print_json(
            {
                "seeds": found.seeds[0], "of": found.seeds[1], "stopped": found.stopped, **cost,
                "tables": as_objects(found.rows), "whole": found.whole.table.to_dicts(),
            }
        )  # fmt: skip
    else:
        _show(found, batch)
    if found.stopped:
        raise typer.Exit(1)


def _show(found: "Preview", batch: str) -> None:
    show_excerpts(found.rows, batch)
    show_plan(
        found.whole, f"expected of all {counted(found.seeds[1], 'seeds')} of {batch!r}, and at most", as_json=False
    )
    usd = "a cost that is not known: a model has no price" if found.usd is None else f"${found.usd:,.4f}"
    took = f"{counted(found.seeds[0], 'seeds')} took {counted(found.requests, 'requests')}"
    say(f"{took}, {usd}; nothing of it is in the batch")
    if found.stopped:
        say(f"it came no further: {found.stopped}", style="red")
