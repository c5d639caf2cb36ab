"""A tree in the UI: its picture, its text and its leaves' sizes, as metadata of a materialization."""

import base64
from collections.abc import Mapping

import dagster as dg
import polars as pl

from evergrow.methods.treesynth.picture import picture, text_histogram, text_tree

MOST_NODES = 150  # the event log is no place for large pictures


def tree_metadata(nodes: pl.DataFrame, rows: Mapping[str, int] | None = None) -> dict[str, dg.MetadataValue]:
    """`tree` (a picture), `tree_text` and, if `rows` tells how many samples each leaf holds, `leaf_sizes`.

    nodes: the rows of one level or of several; where the root is not among them, the topmost stand side by side.
    """
    top = nodes.with_columns(
        parent_id=pl.when(pl.col("parent_id").is_in(nodes["id"].implode())).then("parent_id"),
    )
    image = base64.b64encode(picture(top, rows, MOST_NODES).encode()).decode()
    shown: dict[str, dg.MetadataValue] = {
        "tree": dg.MetadataValue.md(f"![the tree](data:image/svg+xml;base64,{image})"),
        "tree_text": dg.MetadataValue.md(_verbatim(text_tree(top, rows, MOST_NODES))),
    }
    if rows is not None:
        shown["leaf_sizes"] = dg.MetadataValue.md(_verbatim(text_histogram(list(rows.values()))))
    return shown


def _verbatim(text: str) -> str:
    """`text` as it is, whatever markup a model wrote into the names of values."""
    return "```\n" + text.replace("`", "\N{MODIFIER LETTER GRAVE ACCENT}") + "\n```"
