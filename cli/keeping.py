"""Commands that keep what there is: scrub."""

from typing import Annotated

import typer

from evergrow.cli.console import say, show_table
from evergrow.cli.options import AsJson, workspace_of


def scrub(
    look: Annotated[bool, typer.Option("--look", help="only say what is damaged; make nothing again")] = False,
    as_json: AsJson = False,
) -> None:
    """Check every current file of the lake against its name, and make damaged tables again where that costs nothing.

    Ends with 1 if something stays damaged.
    """
    import polars as pl  # noqa: PLC0415

    from evergrow.flows.scrub import damaged_inputs, damaged_tables, heal  # noqa: PLC0415

    rows: list[tuple[str, str, str]] = []
    with workspace_of() as workspace:
        rows += [(one.name, str(one), "stays damaged") for one in damaged_inputs(workspace)]
        for table in list(damaged_tables(workspace)):
            healed = not look and heal(workspace, table, say)
            rows.append((table.key.to_user_string(), str(table), "made again" if healed else "stays damaged"))
    found = pl.DataFrame(rows, schema=dict.fromkeys(("what", "damage", "state"), pl.String), orient="row")
    if found.is_empty() and not as_json:
        say("every current file of the lake is what its name says")
    else:
        show_table(found, "damaged files", as_json=as_json)
    if "stays damaged" in found["state"]:
        raise typer.Exit(1)


def add_commands(app: typer.Typer) -> None:
    """Make these commands of `app`."""
    app.command()(scrub)
