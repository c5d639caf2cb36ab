"""Commands that say how far a dataset, a judge and a model can be trusted: measure."""

from pathlib import Path
from typing import Annotated

import typer

from evergrow.cli.console import show_table
from evergrow.cli.options import AsJson, Set, workspace_of

Column = Annotated[str, typer.Option("--text-column", help="the column that holds the texts")]


def measure(
    file: Annotated[Path, typer.Argument(help="a dataset: JSON array, JSONL, CSV or Parquet")],
    text_column: Column = "content",
    against: Annotated[
        Path | None, typer.Option("--against", help="a reference, such as the seeds: differences, and its coverage")
    ] = None,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """How diverse a dataset is: similarity, NovelSum, Vendi score, repetition, vocabulary, clusters. Asks no model."""
    from evergrow.flows.measure import measure_file  # noqa: PLC0415

    with workspace_of(overrides) as workspace:
        show_table(measure_file(workspace, file, text_column, against), f"measures of {file}", as_json=as_json)


def add_commands(app: typer.Typer) -> None:
    """Make these commands of `app`."""
    app.command()(measure)
