"""Commands about settings."""

from typing import Annotated

import typer

from evergrow.cli.options import AsJson, Set, nested_overrides, workspace_of
from evergrow.cli.recipe import Kind

config_app = typer.Typer(help="Look at settings.", no_args_is_help=True, rich_markup_mode=None)


@config_app.command("show")
def show(
    changed: Annotated[bool, typer.Option("--changed", help="only those that are not the default")] = False,
    of: Annotated[
        str | None, typer.Option("--of", help="a batch, tree or release: as its recipe has the settings")
    ] = None,
    kind: Kind = None,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """Every setting with its value and where it comes from: --set, the environment, file and line, or the default.

    Keys are never shown, only whether they are set; passwords in addresses are masked.
    """
    import polars as pl  # noqa: PLC0415

    from evergrow.cli.console import show_table  # noqa: PLC0415
    from evergrow.resources.settings.origins import origins  # noqa: PLC0415

    recipe = None
    if of:
        from evergrow.flows.recipes import known_recipe, settings_of  # noqa: PLC0415 - imports everything

        with workspace_of(overrides, reading=True) as workspace:
            found = known_recipe(workspace, of, kind)
            recipe = f"recipe of {found.kind} {of!r}, version {found.version}", settings_of(workspace, found.kind, of)
    rows = [
        (one.path, "" if one.value is None else str(one.value), one.source)
        for one in origins(nested_overrides(overrides or []), recipe)
        if not changed or one.source != "default"
    ]
    show_table(pl.DataFrame(rows, schema=["setting", "value", "from"], orient="row"), "settings", as_json=as_json)
