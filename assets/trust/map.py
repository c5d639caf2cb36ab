"""Where the rows of a batch, a tree or a release stand on a map, and which rows are most like each."""

import hashlib
from collections.abc import Sequence

import dagster as dg
import numpy as np
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.names import MAP
from evergrow.assets.table import Table
from evergrow.assets.trust.rows import set_rows
from evergrow.assets.trust.set_table import set_table
from evergrow.methods.maps.layout import layout, neighbours
from evergrow.methods.maps.picture import scatter
from evergrow.resources.embedding.embedder import Embedder, Embedders
from evergrow.resources.lake.lake import Lake
from evergrow.resources.place import Places
from evergrow.resources.registry.bans import bans

NEIGHBOURS = 8
PICTURED = 2_000  # points of the picture in the event log, which is no place for large ones
NEAR = pl.List(pl.Struct({"batch": pl.String, "id": pl.String, "similarity": pl.Float32}))


def map_table() -> Table:
    """`quality/map`, which has no gate: nothing is built on it."""
    return set_table(MAP, "map", quality_map)


def quality_map(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    embedders: dg.ResourceParam[Embedders],
    places: dg.ResourceParam[Places],
) -> pl.DataFrame:
    """One row per row of the set: its place in a plane, by its embedding, and the rows that are most like it."""
    of, place = context.partition_key, places.at(context, MAP)
    rows = set_rows(context.instance, lake, of, bans(place.registry))
    table = placed(rows, embedders.at(place))
    points = table.select("x", "y").gather_every(max(1, -(-table.height // PICTURED)))
    kind, _, name = of.partition(":")
    context.add_output_metadata(
        {
            "method": str(table["method"][0]),
            "map": metadata.image(scatter(points["x"].to_list(), points["y"].to_list()), f"map of {of}"),
            "explore": dg.MetadataValue.md(f"`evergrow explore --{kind} {name}`"),
        }
    )
    return table


def placed(rows: pl.DataFrame, embedder: Embedder, *, near: bool = True) -> pl.DataFrame:
    """`batch, id, text, x, y, near, method, vectors` of each row; `near` is a `NEAR`.

    `text` tells its content from others, `vectors` how they were embedded from other ways (`Embedder.identity`).

    near: whether to look for the most similar rows, which takes time quadratic in rows; else the lists are empty.

    Raises:
        EmbedderError: the embedding model is needed, and cannot be loaded.
    """
    vectors = embedder.embed(rows["content"].fill_null("").to_list())
    found = layout(vectors)
    at, cosines = neighbours(vectors, NEIGHBOURS if near else 0, embedder.device)
    return rows.select(
        "batch",
        "id",
        text=digests(rows),
        x=pl.Series(found.places[:, 0]),
        y=pl.Series(found.places[:, 1]),
        near=_near(rows, at, cosines),
        method=pl.lit(found.method),
        vectors=pl.lit(embedder.identity),
    )


def digests(rows: pl.DataFrame) -> pl.Series:
    """What tells the content of each row from another's: a row keeps its id when its text is made anew."""
    texts = rows["content"].fill_null("").to_list()
    return pl.Series([hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] for text in texts])


def _near(rows: pl.DataFrame, at: np.ndarray, cosines: np.ndarray) -> pl.Series:
    if not at.shape[1]:
        return pl.Series([[]] * rows.height, dtype=NEAR)
    flat = rows.select("batch", "id")[at.reshape(-1)].with_columns(similarity=pl.Series(cosines.reshape(-1)))
    order = np.repeat(np.arange(rows.height), at.shape[1])
    named: Sequence[pl.Expr] = [pl.struct("batch", "id", "similarity").alias("near")]
    return flat.with_columns(row=pl.Series(order)).group_by("row", maintain_order=True).agg(*named)["near"].cast(NEAR)
