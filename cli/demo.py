"""The whole job at small size: harvest, evolve, gate, collect; a tree over a domain's space; one dataset of both."""

from pathlib import Path

from evergrow.assets.names import COLLECTED
from evergrow.cli.ancestry import draw
from evergrow.cli.console import out, say, show_table
from evergrow.cli.tree_shown import show_tree
from evergrow.flows.evolve import run_batch
from evergrow.flows.export import export_files
from evergrow.flows.funnels import release_funnel
from evergrow.flows.grow import grow_tree, planned_tree
from evergrow.flows.release import make_release
from evergrow.flows.trace import trace
from evergrow.flows.workspace import Workspace
from evergrow.methods.releasing.row_selection import Wanted
from evergrow.methods.text.counts import counted
from evergrow.resources.registry.batches import stage
from evergrow.resources.registry.releases import ReleaseRequest
from evergrow.resources.seeds.harvest import harvest

BATCH = "demo"
SOURCE = "statistics"
TREE, DOMAIN = "support", "customer_support"
LEAVES = {1: 5, 2: 15}  # of a tree of so many levels; each gets one sample


def demo(workspace: Workspace, seeds: int, levels: int) -> None:
    """Grow a small dataset from functions of the Python standard library and from a tree, and show what came of it."""
    bounds = workspace.settings.seeds
    harvested = harvest(SOURCE, seeds, bounds.harvest_min_chars, bounds.harvest_max_chars)
    stage(workspace.registry, BATCH, harvested, replace=True)
    workspace.add_partition(BATCH)
    say(
        f"{counted(harvested.frame.height, 'documented functions')} of the module {SOURCE!r} are the seeds of batch "
        f"{BATCH!r}."
    )
    if workspace.settings.uses_embedded_model:
        say("Evolving them, growing a tree and answering both takes about four minutes on two free cores.")
    run_batch(workspace, BATCH, say)
    _grow_tree(workspace, levels)
    target = _release(workspace)
    best = workspace.table(COLLECTED, BATCH).sort("value", descending=True).head(1).collect()
    if best.height:
        out.print(draw(trace(workspace, best["id"][0], BATCH), prompts=False))
    say(f"\nThe dataset: {target}")
    say("Look at it all in the Dagster UI: evergrow ui")


def _release(workspace: Workspace) -> Path:
    """Answer, verify and clean what was collected and what the tree holds; returns the folder of the files."""
    say("\nBoth become one dataset: answered, code tested in a sandbox, compared with benchmarks and with one another.")
    if workspace.settings.uses_embedded_model:
        say("This model writes few tests that count: code that none could judge stays, with the verdict `unverified`.")
    wish = ReleaseRequest(batches=(BATCH,), trees=(TREE,))
    make_release(workspace, wish, say)
    show_table(release_funnel(workspace, [BATCH, TREE]), "funnel")
    folder = workspace.home.exports / BATCH
    for line in export_files(workspace, folder, "chat", Wanted()):
        say(line)
    return folder


def _grow_tree(workspace: Workspace, levels: int) -> None:
    """Grow the tree of a domain that states its dimensions, and say what is to be seen of it."""
    rows = LEAVES[levels]
    say(f"\nThe other way, coverage first: the space of the domain {DOMAIN!r} as tree {TREE!r}, {rows} samples in all.")
    say("The domain states how its space divides, so that a model only writes the samples of each leaf.")
    grow_tree(workspace, planned_tree(workspace, TREE, DOMAIN, max_depth=levels, rows=rows, seed=None), say)
    show_tree(workspace, TREE)
    say(
        "What repeated another sample, in words or in meaning, was rejected and written anew; a leaf that gave nothing "
        "new handed its share on."
    )
    say(f"Evolve its samples further: evergrow seeds from-tree {TREE} --batch {TREE}")
