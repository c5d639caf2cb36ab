"""What is to be seen of a batch, a tree or a release: rows with their ancestors and places, without private texts."""

import hashlib
from dataclasses import dataclass

import dagster as dg
import polars as pl

from evergrow.assets.names import MAP
from evergrow.assets.treesynth.samples import grown_nodes
from evergrow.assets.trust.map import digests, placed
from evergrow.assets.trust.rows import set_rows
from evergrow.methods.quality.filters import SEARCHED, private_reasons
from evergrow.methods.quality.rules import CleaningRules
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.lake.lake import Lake
from evergrow.resources.place import Place
from evergrow.resources.registry.bans import bans
from evergrow.resources.registry.trees import tree_spec

TEXTS = (*SEARCHED, "final_answer")  # that private things may stand in


@dataclass(frozen=True, slots=True)
class Scene:
    """What is to be seen.

    Attributes:
        of: `batch:B`, `tree:T` or `release:N`.
        rows: as `set_rows` gives them, with `x, y, near, method` of the map.
        nodes: of a tree, else None.
        model: the embedding model.
    """

    of: str
    rows: pl.DataFrame
    nodes: pl.DataFrame | None
    model: str


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of `of` that may be shown, as `set_rows` gives them, with the nodes of a tree."""

    of: str
    frame: pl.DataFrame
    nodes: pl.DataFrame | None

    def digest(self, *shaped_by: str) -> str:
        """What tells a page of these rows, shaped by these, from others; its next polars may tell otherwise."""
        found = hashlib.sha256("\n".join([self.of, pl.__version__, *shaped_by]).encode())
        for frame in (self.frame, self.nodes):
            if frame is not None:
                found.update(repr(frame.schema).encode())
                found.update(frame.hash_rows(seed=0).to_numpy().tobytes())
        return found.hexdigest()


def rows_of(place: Place, lake: Lake) -> Rows:
    """What there is of the set that a place is the partition of, whatever gates say, without what was forgotten.

    Raises:
        NothingToShow, AllForgotten: there is nothing of it yet, or any more.
    """
    of = str(place.partition)
    rows = set_rows(place.instance, lake, of, bans(place.registry))
    kind, _, name = of.partition(":")
    nodes = grown_nodes(place.instance, lake, tree_spec(place.registry, name)) if kind == "tree" else None
    return Rows(of, rows, nodes)


def scene_of(
    rows: Rows,
    instance: dg.DagsterInstance,
    lake: Lake,
    embedder: Embedder,
    rules: CleaningRules | None,
    *,
    near: bool = True,
) -> Scene:
    """Rows with their places; a map that was not kept is made, and is not kept.

    Args:
        rows: what is to be seen.
        instance: whose event log says which map is current.
        lake: where the map is.
        embedder: makes the vectors of a map.
        rules: say which texts hold secrets or personal data and are withheld; None: all are shown.
        near: whether a map that is made here comes with the rows that are most like each.

    Raises:
        EmbedderError: the map must be made, and the embedding model cannot be loaded.
    """
    there = kept_map(instance, lake, rows, embedder.identity)
    places = placed(rows.frame, embedder, near=near) if there is None else there
    joined = rows.frame.join(places.drop("text", "vectors"), on=["batch", "id"], how="left", maintain_order="left")
    shown = joined if rules is None else withheld(joined, rules)
    return Scene(rows.of, shown, rows.nodes, embedder.name)


def withheld(rows: pl.DataFrame, rules: CleaningRules) -> pl.DataFrame:
    """Rows without the texts of those that hold secrets or personal data; in their place stands why.

    That is so of rows that cleaning dropped for it, and of those that it never saw: seeds, what a round rejected.
    """
    private = rows.with_columns(why=pl.coalesce(private_reasons(rows, rules), _dropped(rows)))
    texts = [name for name in TEXTS if name in rows.columns and name != "content"]
    return private.with_columns(
        pl.when(pl.col("why").is_null()).then("content").otherwise(pl.format("[withheld: {}]", "why")).alias("content"),
        *(pl.when(pl.col("why").is_null()).then(name).alias(name) for name in texts),
    ).drop("why")


def _dropped(rows: pl.DataFrame) -> pl.Expr:
    """The reason of rows that cleaning dropped as private."""
    reason = pl.col("reason") if "reason" in rows.columns else pl.lit(None, pl.String)
    return pl.when(pl.col("state").is_in(["secret", "personal"])).then(reason)


def kept_map(instance: dg.DagsterInstance, lake: Lake, rows: Rows, vectors: str) -> pl.DataFrame | None:
    """The map that is kept, if it is of these very rows and no others, embedded the same way."""
    made = lake.ungated(instance, MAP, rows.of)
    if made is None:
        return None
    table = made.collect()
    if "vectors" not in table.columns or table.height != rows.frame.height:
        return None
    known = rows.frame.select("batch", "id", text=digests(rows.frame), vectors=pl.lit(vectors)).join(
        table, on=["batch", "id", "text", "vectors"], how="anti"
    )
    return table if known.is_empty() else None
