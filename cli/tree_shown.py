"""A tree, its leaves' sizes and how evenly they lie, on the terminal."""

import polars as pl

from evergrow.cli.console import clean, out
from evergrow.flows.grow import held_rows, tree_levels
from evergrow.flows.workspace import Workspace
from evergrow.methods.text.counts import counted
from evergrow.methods.treesynth.evenness import balance
from evergrow.methods.treesynth.tree_picture import text_histogram, text_tree


def show_tree(workspace: Workspace, tree: str) -> None:
    """Print the tree, its leaves' sizes and how evenly they lie."""
    nodes, held = tree_levels(workspace, tree), held_rows(workspace, tree)
    leaves = nodes.filter(pl.col("state") == "leaf")["id"].to_list()
    out.print(clean(text_tree(nodes, held or None)), soft_wrap=True)
    counts = [held.get(leaf, 0) for leaf in leaves]
    found = balance(counts)
    out.print(
        clean(
            f"\n{counted(nodes.height, 'nodes')}, {counted(found.leaves, 'leaves', 'leaf')}, "
            f"{counted(found.rows, 'samples')}, {counted(found.empty, 'empty leaves', 'empty leaf')}, "
            f"entropy {found.entropy:.3f}, Gini {found.gini:.3f}"
        )
    )
    if found.rows:
        out.print(clean(text_histogram(counts)))
