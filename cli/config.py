"""Commands about settings."""

from typing import Annotated

import typer

from evergrow.cli.options import AsJson, Set, nested_overrides

config_app = typer.Typer(help="Look at settings.", no_args_is_help=True, rich_markup_mode=None)


@config_app.command("show")
def show(
    changed: Annotated[bool, typer.Option("--changed", help="only those that are not the default")] = False,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """Every setting with its value and where it comes from: --set, the environment, evergrow.yaml, or the default."""
    import polars as pl  # noqa: PLC0415

    from evergrow.cli.console import show_table  # noqa: PLC0415
    from evergrow.resources.settings.origins import origins  # noqa: PLC0415

    rows = [
        (one.path, "" if one.value is None else str(one.value), one.source)
        for one in origins(nested_overrides(overrides or []))
        if not changed or one.source != "default"
    ]
    show_table(pl.DataFrame(rows, schema=["setting", "value", "from"], orient="row"), "settings", as_json=as_json)
