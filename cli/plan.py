"""A plan as a table on the terminal."""

from typing import TYPE_CHECKING

import polars as pl

from evergrow.cli.console import say, show_table

if TYPE_CHECKING:  # heavy to import
    from evergrow.flows.plan import CostPlan


def show_plan(plan: "CostPlan", title: str, *, as_json: bool) -> None:
    """Print a plan's table on standard output, and what a person should know of it."""
    table = plan.table
    if not as_json and not table["most_requests"].sum():
        say("no request would be sent")
    if not as_json:
        table = table.drop("basis").with_columns(pl.col("usd", "seconds", "most_usd").round(2))
    show_table(table, title, as_json=as_json)
    for basis in plan.table["basis"].drop_nulls().unique(maintain_order=True):
        say(f"from {basis}")
    for note in plan.notes:
        say(note, style="yellow")
