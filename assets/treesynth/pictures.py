"""A tree in the UI: its picture and its leaves' sizes, as metadata of a materialization."""

from collections.abc import Mapping

import dagster as dg
import polars as pl

from evergrow.assets.metadata import image
from evergrow.methods.text.counts import counted
from evergrow.methods.text.svg import GREEN, Bar, bars
from evergrow.methods.treesynth.evenness import histogram
from evergrow.methods.treesynth.tree_picture import picture

MOST_NODES = 150  # the event log is no place for large pictures


def tree_metadata(nodes: pl.DataFrame, rows: Mapping[str, int] | None = None) -> dict[str, dg.MetadataValue]:
    """`tree` and, if `rows` tells how many samples each leaf holds, `leaf_sizes`.

    nodes: the rows of one level or of several; where the root is not among them, the topmost stand side by side.
    """
    top = nodes.with_columns(
        parent_id=pl.when(pl.col("parent_id").is_in(nodes["id"].implode())).then("parent_id"),
    )
    shown = {"tree": image(picture(top, rows, MOST_NODES), "the tree")}
    if rows is not None:
        counts = [
            Bar(f"{low:,}" if low == high else f"{low:,} to {high:,}", [leaves], counted(leaves, "leaves", "leaf"))
            for low, high, leaves in histogram(list(rows.values()))
        ]
        shown["leaf_sizes"] = image(bars(counts, {"leaves": GREEN}), "how many leaves hold how many rows")
    return shown
