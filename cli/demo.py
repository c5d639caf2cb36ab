"""The whole job at small size: harvest, evolve, gate, collect, export, explain."""

from pathlib import Path

import polars as pl

from evergrow.assets.funnel import SCHEMA
from evergrow.assets.keys import COLLECTED
from evergrow.cli.console import out, say, show_table
from evergrow.cli.export import export_instructions
from evergrow.cli.runs import run_batch
from evergrow.cli.trace import draw, trace
from evergrow.cli.workspace import Workspace
from evergrow.resources.batches import stage
from evergrow.resources.harvest import harvest

BATCH = "demo"
SOURCE = "statistics"


def demo(workspace: Workspace, seeds: int) -> None:
    """Grow a small dataset from functions of the Python standard library, and show what came of it."""
    bounds = workspace.settings.seeds
    harvested = harvest(SOURCE, seeds, bounds.harvest_min_chars, bounds.harvest_max_chars)
    stage(workspace.home, BATCH, harvested, replace=True)
    workspace.add_partition(BATCH)
    say(f"{harvested.frame.height} documented functions of the module {SOURCE!r} are the seeds of batch {BATCH!r}.")
    if workspace.settings.uses_embedded_model:
        say("Evolving them takes about two minutes on two free cores.")
    run_batch(workspace, BATCH, say)
    target = export_instructions(workspace, [BATCH], "chat", workspace.home.exports / BATCH)
    show_table(workspace.funnel(BATCH).vstack(_exported(workspace, target)), "funnel")
    best = workspace.table(COLLECTED, BATCH).sort("value", descending=True).head(1).collect()
    if best.height:
        out.print(draw(trace(workspace, best["id"][0], BATCH), prompts=False))
    say(f"\nThe dataset: {target}")
    say("Look at it in the Dagster UI: evergrow ui")


def _exported(workspace: Workspace, target: Path) -> pl.DataFrame:
    """The funnel's last row: what was collected, and what the file holds."""
    collected = workspace.table(COLLECTED, BATCH).select(pl.len()).collect().item()
    rows = sum(1 for _ in target.open(encoding="utf-8"))
    return pl.DataFrame(
        [("exported", collected, collected, 0, collected - rows, "", rows)], schema=SCHEMA, orient="row"
    )
