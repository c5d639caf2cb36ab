"""Recipes: what a batch, tree or release is made by; shown, compared, changed."""

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from evergrow.cli.console import say, show_table
from evergrow.cli.options import AsJson, nested_overrides, print_json, workspace_of

recipe_app = typer.Typer(
    help="The settings that shape the rows of a batch, tree or release: recorded with it, obeyed by all.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Owner = Annotated[str, typer.Argument(help="name of a batch, tree or release")]
Kind = Annotated[
    Literal["batch", "tree", "release"] | None,
    typer.Option("--kind", help="which is meant, where several have the name"),
]


@recipe_app.command()
def show(
    owner: Owner,
    kind: Kind = None,
    version: Annotated[int | None, typer.Option(min=1, help="an earlier version; without: the latest")] = None,
    as_json: AsJson = False,
) -> None:
    """Every setting that shapes its rows, with the version and the command that recorded it."""
    import polars as pl  # noqa: PLC0415

    from evergrow.flows.recipes import known_recipe  # noqa: PLC0415
    from evergrow.resources.settings.recipe import as_typed, flat  # noqa: PLC0415

    with workspace_of(reading=True) as workspace:
        found = known_recipe(workspace, owner, kind, version)
        if as_json:
            print_json(asdict(found))
            return
        rows = [{"setting": path, "value": as_typed(value)} for path, value in flat(found.values).items()]
        title = f"recipe of {found.kind} {owner!r}, version {found.version}, by {found.by} at {found.at}"
        show_table(pl.DataFrame(rows), title, as_json=False)


@recipe_app.command()
def diff(
    owner: Owner,
    other: Annotated[
        str | None, typer.Argument(help="another batch, tree or release; without: the settings of today")
    ] = None,
    kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """In which settings two recipes differ, or a recipe and the settings of today."""
    import polars as pl  # noqa: PLC0415

    from evergrow.flows.recipes import known_recipe, shared  # noqa: PLC0415
    from evergrow.resources.settings.recipe import AUTOMATE, as_typed, differences, recipe_of  # noqa: PLC0415

    if other and "=" in other:
        raise typer.BadParameter(
            f"{other!r} is a change, and no name: `evergrow recipe set {owner} {other}` makes it; to compare, name "
            "another batch, tree or release, or nothing for the settings of today"
        )
    with workspace_of(reading=True) as workspace:
        mine = known_recipe(workspace, owner, kind).values
        today = recipe_of(workspace.settings, mine.get(AUTOMATE))
        theirs = known_recipe(workspace, other, shared(workspace, kind, other)).values if other else today
        rows = [
            {"setting": path, owner: as_typed(before), other or "settings of today": as_typed(after)}
            for path, (before, after) in differences(mine, theirs).items()
        ]
        if rows or as_json:
            show_table(pl.DataFrame(rows), "differences", as_json=as_json)
        else:
            say("no difference")


@recipe_app.command("set")
def set_command(
    owner: Owner,
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH=VALUE]...", help="such as evolution.rounds=2 automate=rounds")
    ] = None,
    from_settings: Annotated[
        bool, typer.Option("--from-settings", help="take the settings of today for all that is not named")
    ] = False,
    kind: Kind = None,
) -> None:
    """Change a recipe, and say what would have to be made again. Nothing is made, and nothing is spent, by this."""
    from evergrow.flows.recipes import become_due, owner_kind, set_recipe  # noqa: PLC0415
    from evergrow.flows.status import status  # noqa: PLC0415
    from evergrow.resources.settings.recipe import as_typed  # noqa: PLC0415

    if not changes and not from_settings:
        raise typer.BadParameter("name what is to change, such as evolution.rounds=2, or --from-settings")
    with workspace_of() as workspace:
        found = owner_kind(workspace, owner, kind)
        nested = nested_overrides(changes or [])
        changed = set_recipe(workspace, found, owner, nested, from_settings=from_settings)
        for path, (before, after) in changed.items():
            say(f"{path}: {as_typed(before)} -> {as_typed(after)}")
        if not changed:
            say("nothing changes: the recipe says so already")
            return
        due = become_due(workspace, owner, found)
        for key, reason in due:
            say(f"due: {reason.what} {key.to_user_string()}: {reason}")
        say("what is made of these is due after them" if due else "nothing that is there has to be made again")
    with workspace_of() as workspace:  # opened anew: it has as many rounds and levels as the recipe names now
        stands = status(workspace, found, owner)
        if stands.due:
            say(f"next: {stands.due}" + (f"; `{stands.command}`" if stands.command else ""))
