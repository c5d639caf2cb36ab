"""The explorer's page: what its script reads of a scene, whole in one file."""

from typing import Any

import polars as pl

from evergrow.assets.trust.scene import Scene
from evergrow.resources.pages.page import packed, page, version

MOST_LEVELS = 1_000  # different words of a column that can be filtered by
FIRST = ("state", "stage", "id", "content", "value", "complexity", "diversity", "reason", "domain", "split", "verdict")
COLOURS = ("state", "stage", "domain")  # the first of them that tells rows apart is what colours show
TEMPLATE = "explore.html.j2"
SCRIPTS = ("vendor/d3-hierarchy.min.js", "vendor/diff.min.js", "explore.js")
DIGITS = 5


def explorer(shown: Scene) -> str:
    """The page, whole in one file."""
    kind, _, name = shown.of.partition(":")
    return page(TEMPLATE, scripts=SCRIPTS, title=f"{kind} {name}", data=packed(page_data(shown)))


def page_version() -> str:
    """What tells this page's own code from that of other versions."""
    return version(TEMPLATE, scripts=SCRIPTS)


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
