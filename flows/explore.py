"""What the explorer shows of a batch, a tree or a release: rows with their ancestors, a map, a tree."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from evergrow.assets.dataset.clean import as_rules
from evergrow.assets.names import MAP, MEASURED_NAME
from evergrow.assets.trust.map import digests, placed
from evergrow.assets.trust.rows import set_rows
from evergrow.flows.grow import tree_levels
from evergrow.flows.run import execute, resumable
from evergrow.flows.workspace import Workspace
from evergrow.methods.quality.filters import SEARCHED, private_reasons
from evergrow.methods.quality.rules import CleaningRules
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.pages.page import packed, page
from evergrow.resources.registry.bans import bans
from evergrow.resources.registry.batches import staged
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.trees import tree_spec

MOST_LEVELS = 1_000  # different words of a column that can be filtered by
FIRST = ("state", "stage", "id", "content", "value", "complexity", "diversity", "reason", "domain", "split", "verdict")
COLOURS = ("state", "stage", "domain")  # the first of them that tells rows apart is what colours show
SCRIPTS = ("vendor/d3-hierarchy.min.js", "vendor/diff.min.js", "explore.js")
DIGITS = 5
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


def scene(workspace: Workspace, of: str, *, private: bool = False, near: bool = True) -> Scene:
    """What there is to be seen, whatever gates say; a map that was not kept is made, and is not kept.

    What was forgotten is left out.

    Args:
        workspace: where it is.
        of: `batch:B`, `tree:T` or `release:N`.
        private: whether texts are shown that hold secrets or personal data.
        near: whether a map that is made here comes with the rows that are most like each.

    Raises:
        UnknownBatch, UnknownTree: it is not registered.
        NothingToShow, AllForgotten: there is nothing of it yet, or any more.
        EmbedderError: the map must be made, and the embedding model cannot be loaded.
    """
    require_known(workspace, of)
    rows = set_rows(workspace.instance, workspace.lake, of, bans(workspace.registry))
    embedder = Embedder.of(workspace.settings, workspace.lake.files, workspace.progress)
    there = _kept(workspace, rows, of, embedder.identity)
    places = placed(rows, embedder, near=near) if there is None else there
    kind, _, name = of.partition(":")
    joined = rows.join(places.drop("text", "vectors"), on=["batch", "id"], how="left", maintain_order="left")
    joined = joined if private else withheld(joined, as_rules(workspace.settings.cleaning))
    return Scene(of, joined, tree_levels(workspace, name) if kind == "tree" else None, embedder.name)


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


def require_known(workspace: Workspace, of: str) -> None:
    """Do nothing if a batch or a tree of that name is registered; a release is known by its table.

    Raises:
        UnknownBatch, UnknownTree: it is not; the message names one that is like it.
    """
    kind, _, name = of.partition(":")
    if kind == "batch":
        staged(workspace.registry, name)
    elif kind == "tree":
        tree_spec(workspace.registry, name)


def keep_map(workspace: Workspace, of: str) -> None:
    """Make the map of a batch, a tree or a release, and keep it as the table `quality/map`.

    Raises:
        UnknownBatch, UnknownTree: it is not registered.
        BatchBusy: another process makes it.
        RunFailed: there is nothing of it, or it was interrupted.
    """
    require_known(workspace, of)
    workspace.instance.add_dynamic_partitions(MEASURED_NAME, [of])
    with resumable("evergrow explore --keep"), lease(workspace.registry, of):
        execute(workspace, "map", [MAP], of)


def explorer(shown: Scene) -> str:
    """The page, whole in one file."""
    kind, _, name = shown.of.partition(":")
    return page("explore.html.j2", scripts=SCRIPTS, title=f"{kind} {name}", data=packed(page_data(shown)))


def page_data(shown: Scene) -> dict[str, Any]:
    """What the page's script reads: columns, places, neighbours and the tree; rows are named by their number."""
    rows = shown.rows.with_row_index("row")
    columns = [_column(rows[name]) for name in rows.columns if name not in ("row", "x", "y", "near", "method")]
    filterable = {column["name"] for column in columns if column["kind"] == "category" and len(column["levels"]) > 1}
    any_of = next((column["name"] for column in columns if column["kind"] != "text"), "")
    return {
        "of": shown.of,
        "columns": columns,
        "x": rows["x"].round(DIGITS).to_list(),
        "y": rows["y"].round(DIGITS).to_list(),
        "near": _near(rows),
        "method": rows["method"][0],
        "model": shown.model,
        "colour": next((name for name in COLOURS if name in filterable), any_of),
        "table": [name for name in FIRST if name in rows.columns],
        "tree": evolved(rows) if shown.nodes is None else _partitioned(rows, shown.nodes),
    }


def _kept(workspace: Workspace, rows: pl.DataFrame, of: str, vectors: str) -> pl.DataFrame | None:
    """The map that is kept, if it is of these very rows and no others, embedded the same way."""
    made = workspace.lake.ungated(workspace.instance, MAP, of)
    if made is None:
        return None
    table = made.collect()
    if "vectors" not in table.columns or table.height != rows.height:
        return None
    known = rows.select("batch", "id", text=digests(rows), vectors=pl.lit(vectors)).join(
        table, on=["batch", "id", "text", "vectors"], how="anti"
    )
    return table if known.is_empty() else None


def _column(values: pl.Series) -> dict[str, Any]:
    if values.dtype.is_numeric():
        digits = values.round(DIGITS) if values.dtype.is_float() else values
        return {"name": values.name, "kind": "number", "values": digits.fill_nan(None).to_list()}
    text = values.cast(pl.String)
    levels = text.drop_nulls().unique(maintain_order=True)
    if values.name in ("id", "content") or levels.len() > MOST_LEVELS or _long(levels):
        return {"name": values.name, "kind": "text", "values": text.to_list()}
    codes = text.replace_strict(levels, pl.Series(range(levels.len()), dtype=pl.Int32), default=-1)
    return {"name": values.name, "kind": "category", "levels": levels.to_list(), "codes": codes.to_list()}


def _long(levels: pl.Series) -> bool:
    """Whether these are texts rather than words."""
    return bool((levels.str.len_chars().max() or 0) > 120)  # type: ignore[operator]


def _near(rows: pl.DataFrame) -> list[list[tuple[int, float]]]:
    listed = rows.select(of="row", near="near").explode("near").drop_nulls().unnest("near")
    listed = listed.join(rows.select("batch", "id", other="row"), on=["batch", "id"], maintain_order="left")
    found: list[list[tuple[int, float]]] = [[] for _ in range(rows.height)]
    for of, other, similarity in listed.select("of", "other", pl.col("similarity").round(4)).iter_rows():
        found[of].append((other, similarity))
    return found


def evolved(rows: pl.DataFrame) -> dict[str, Any]:
    """The tree of an evolution: every row is a node below its parent."""
    parents = pl.lit(None, pl.UInt32).alias("above")
    if "parent_id" in rows.columns:
        known = rows.select("batch", above="row", parent_id="id")
        joined = rows.join(known, on=["batch", "parent_id"], how="left", maintain_order="left")["above"]
        parents = pl.lit(joined).alias("above")
    label = pl.format("{}: {}", "id", pl.col("content").fill_null("").str.head(60))
    nodes = rows.select(parents, label.alias("label"), "row")
    note = "Each seed stands above what was evolved from it."
    return {"parent": nodes["above"].to_list(), "label": nodes["label"].to_list(), "row": nodes["row"].to_list(),
            "note": note}  # fmt: skip


def _partitioned(rows: pl.DataFrame, nodes: pl.DataFrame) -> dict[str, Any]:
    """The tree of a partitioned space: its nodes, and the samples below their leaves."""
    inner = nodes.with_row_index("node")
    ids = inner.select("node", leaf="id")
    above = inner.join(ids.rename({"node": "above", "leaf": "parent_id"}), on="parent_id", how="left",
                       maintain_order="left")["above"]  # fmt: skip
    last = pl.col("path").list.last()
    way = pl.format("{}: {}", last.struct.field("dimension"), last.struct.field("values").list.join(" | "))
    labels = inner.select(label=pl.coalesce(way, pl.lit("the whole space")))["label"]
    leaf = pl.col("leaf_id") if "leaf_id" in rows.columns else pl.lit(None, pl.String)
    label = pl.format("{}: {}", "id", pl.col("content").fill_null("").str.head(60))
    samples = rows.select("row", leaf=leaf, label=label)
    samples = samples.join(ids, on="leaf", how="left", maintain_order="left")
    return {
        "parent": [*above.to_list(), *samples["node"].to_list()],
        "label": [*labels.to_list(), *samples["label"].to_list()],
        "row": [*[None] * inner.height, *samples["row"].to_list()],
        "note": "Each node stands above the values that divide it, samples below their leaves.",
    }
