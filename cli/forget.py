"""The command that takes down what descends from a seed, a model or a licence, and lists what is banned."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evergrow.cli.console import say, show_table
from evergrow.cli.options import AsJson, workspace_of

if TYPE_CHECKING:
    from evergrow.flows.workspace import Workspace
    from evergrow.resources.registry.bans import Ban


def forget(
    seed: Annotated[
        list[str] | None, typer.Option(help="id of a seed, or of a leaf of a tree; may be repeated")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="a model that wrote samples or answers")] = None,
    licence: Annotated[list[str] | None, typer.Option(help="a licence of seeds")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="take the ban back: releases may hold it again")] = False,
    gone: Annotated[
        list[Path] | None, typer.Option(help="folder of an export that was deleted: no takedown waits for it any more")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do it; without, only list what it concerns")] = False,
    as_json: AsJson = False,
) -> None:
    """Take down all that descends from a seed, a model or a licence: list it, and with --yes do without it from now on.

    Without a name it lists what is banned, and with --yes it finishes takedowns that are not finished.
    """
    from evergrow.flows.forget import bans_of, not_banned  # noqa: PLC0415

    try:
        wanted = bans_of(seed or (), model or (), licence or ())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--seed") from error
    if lift and not wanted:
        raise typer.BadParameter("name what to lift with --seed, --model or --licence: `evergrow forget` lists it")
    with workspace_of() as workspace:
        _require_missed(workspace, gone or ())
        if lift:
            for ban in not_banned(workspace, wanted):
                say(f"{ban} is not banned")
        elif wanted:
            _show_concerned(workspace, wanted, as_json=as_json, anyhow=yes)
        elif not gone and not as_json:
            _show_bans(workspace, as_json=False)
        if yes:
            _do(workspace, wanted, gone or (), lift=lift)
        else:
            _say_what_is_open(workspace, wanted, gone or (), lift=lift)
        if as_json and (lift or not wanted):
            _show_bans(workspace, as_json=True)


def _show_concerned(workspace: "Workspace", wanted: Sequence["Ban"], *, as_json: bool, anyhow: bool) -> None:
    """What descends from what is named, by stage, and which releases and exports hold it.

    anyhow: a table that cannot be read is said and keeps nobody from taking down what is elsewhere.
    """
    import polars as pl  # noqa: PLC0415

    from evergrow.flows.concerned import Concerned  # noqa: PLC0415
    from evergrow.flows.forget import affected_releases, require_known  # noqa: PLC0415
    from evergrow.flows.held_exports import affected_exports  # noqa: PLC0415
    from evergrow.resources.lake.lake import Damaged  # noqa: PLC0415

    concerned = Concerned(workspace, wanted)
    try:
        found = concerned.everywhere
    except Damaged as error:
        if not anyhow:
            raise
        say(f"what descends from it cannot be listed whole: {error.description}", style="yellow")
        return
    require_known(workspace, wanted, found)
    counts = found.group_by("batch", "stage", "why", maintain_order=True).agg(samples=pl.len(), first=pl.first("id"))
    show_table(found if as_json else counts, "descendants, by the last stage that holds them", as_json=as_json)
    for line in (*affected_releases(workspace, concerned), *affected_exports(workspace, concerned)):
        say(str(line))


def _show_bans(workspace: "Workspace", *, as_json: bool) -> None:
    import polars as pl  # noqa: PLC0415

    from evergrow.resources.registry.bans import bans  # noqa: PLC0415

    rows = [(ban.kind, ban.value) for ban in bans(workspace.registry)]
    table = pl.DataFrame(rows, schema=dict.fromkeys(("kind", "value"), pl.String), orient="row")
    if rows or as_json:
        show_table(table, "banned: no release holds what descends from it", as_json=as_json)
    else:
        say("nothing is banned: name what to forget with --seed, --model or --licence")


def _do(workspace: "Workspace", wanted: Sequence["Ban"], gone: Sequence[Path], *, lift: bool) -> None:
    from evergrow.flows.forget import finish_takedowns  # noqa: PLC0415
    from evergrow.flows.forget import forget as order  # noqa: PLC0415
    from evergrow.flows.forget import lift as lift_bans  # noqa: PLC0415
    from evergrow.resources.registry.exports import drop_exports  # noqa: PLC0415

    drop_exports(workspace.registry, gone)
    for folder in gone:
        say(f"{folder} is not waited for any more")
    change = lift_bans if lift else order
    for line in change(workspace, wanted) if wanted else finish_takedowns(workspace):
        say(line)


def _say_what_is_open(workspace: "Workspace", wanted: Sequence["Ban"], gone: Sequence[Path], *, lift: bool) -> None:
    from evergrow.resources.registry.takedowns import open_takedowns  # noqa: PLC0415

    for ordered in open_takedowns(workspace.registry):
        say(f"not finished yet: {ordered}; --yes, a release or an export finishes it")
    for folder in gone:
        say(f"{folder} may hold what is to be forgotten: --yes if it was deleted; if it was moved, move it back")
    if lift:
        say(f"Nothing is changed yet: --yes lifts the ban of {', '.join(map(str, wanted))}")
    elif wanted:
        say("Nothing is changed yet: --yes makes releases and exports without them, and remembers the ban")
    elif gone:
        say("Nothing is changed yet")


def _require_missed(workspace: "Workspace", folders: Sequence[Path]) -> None:
    from evergrow.resources.registry.exports import out_of_reach  # noqa: PLC0415

    missed = {export.folder for export in out_of_reach(workspace.registry)}
    for folder in folders:
        if folder.resolve() not in missed:
            named = ", ".join(map(str, sorted(missed))) or "none is"
            raise typer.BadParameter(f"{folder} is no export that is missed ({named})", param_hint="--gone")
