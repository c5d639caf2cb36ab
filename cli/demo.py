"""The whole job at small size: harvest, evolve, gate, collect, export, explain; then a tree over a domain's space."""

from pathlib import Path

import polars as pl

from evergrow.assets.keys import COLLECTED
from evergrow.cli.console import out, say, show_table
from evergrow.cli.export import export_batches
from evergrow.cli.funnel import SCHEMA, funnel
from evergrow.cli.runs import run_batch
from evergrow.cli.trace import draw, trace
from evergrow.cli.trees import grow_tree, planned_tree, show_tree
from evergrow.cli.workspace import Workspace
from evergrow.resources.batches import stage
from evergrow.resources.harvest import harvest

BATCH = "demo"
SOURCE = "statistics"
TREE, DOMAIN, LEVELS, ROWS = "support", "customer_support", 2, 15


def demo(workspace: Workspace, seeds: int) -> None:
    """Grow a small dataset from functions of the Python standard library, and show what came of it."""
    bounds = workspace.settings.seeds
    harvested = harvest(SOURCE, seeds, bounds.harvest_min_chars, bounds.harvest_max_chars)
    stage(workspace.home, BATCH, harvested, replace=True)
    workspace.add_partition(BATCH)
    say(f"{harvested.frame.height} documented functions of the module {SOURCE!r} are the seeds of batch {BATCH!r}.")
    if workspace.settings.uses_embedded_model:
        say("Evolving them, and growing a tree, takes less than three minutes on two free cores.")
    run_batch(workspace, BATCH, say)
    target = export_batches(workspace, [BATCH], "chat", workspace.home.exports / BATCH)
    show_table(funnel(workspace, BATCH).vstack(_exported(workspace, target)), "funnel")
    best = workspace.table(COLLECTED, BATCH).sort("value", descending=True).head(1).collect()
    if best.height:
        out.print(draw(trace(workspace, best["id"][0], BATCH), prompts=False))
    _grow_tree(workspace)
    say(f"\nThe dataset: {target}")
    say("Look at it all in the Dagster UI: evergrow ui")


def _grow_tree(workspace: Workspace) -> None:
    """Grow the tree of a domain that states its dimensions, and say what is to be seen of it."""
    say(f"\nThe other way, coverage first: the space of the domain {DOMAIN!r} as tree {TREE!r}, {ROWS} samples in all.")
    say("The domain states how its space divides, so that a model only writes the samples of each leaf.")
    grow_tree(workspace, planned_tree(workspace, TREE, DOMAIN, max_depth=LEVELS, rows=ROWS, seed=None), say)
    show_tree(workspace, TREE)
    say(
        "What repeated another sample, in words or in meaning, was rejected and written anew; a leaf that gave nothing "
        "new handed its share on."
    )
    say(f"Evolve its samples further: evergrow seeds from-tree {TREE} --batch {TREE}")


def _exported(workspace: Workspace, target: Path) -> pl.DataFrame:
    """The funnel's last row: what was collected, and what the file holds."""
    collected = workspace.table(COLLECTED, BATCH).select(pl.len()).collect().item()
    rows = sum(1 for _ in target.open(encoding="utf-8"))
    return pl.DataFrame([("exported", collected, collected, collected - rows, "", rows)], schema=SCHEMA, orient="row")
