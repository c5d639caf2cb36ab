"""Collected samples into files for trainers."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from evergrow.assets.keys import COLLECTED
from evergrow.cli.funnel import funnel
from evergrow.cli.workspace import Workspace
from evergrow.resources.exports import Card, Format, export


class NothingCollected(Exception):  # noqa: N818 - it is a state of the project
    """There is nothing to export; the message says what to do."""


def export_batches(workspace: Workspace, batches: Sequence[str], form: Format, folder: Path) -> Path:
    """Write the collected samples of `batches`, read through their gates, with a card; returns the data file's path.

    Raises:
        dg.Failure: a batch is not collected yet, or a gate is closed.
    """
    samples = pl.concat([workspace.table(COLLECTED, batch) for batch in batches]).collect()
    funnels = pl.concat([funnel(workspace, b).select(pl.lit(b).alias("batch"), pl.all()) for b in batches])
    with workspace.ledger() as ledger:
        costs = ledger.costs(group_by=("batch", "model")).filter(pl.col("batch").is_in(list(batches)))
    card = Card(tuple(batches), funnels, costs)
    return export(samples, folder, form, card)
