"""Which rows make a release of an exact size: the best of every root before the second best of any, all trees alike."""

import polars as pl

from evergrow.methods.treesynth.quotas import largest_remainder, tree_shares


def spread_best(rows: pl.DataFrame, roots: pl.Series, most: int) -> pl.Series:
    """Whether each row is among the `most` that are taken, Boolean, in the order of `rows`.

    What evolved and what each TreeSynth tree wrote get parts in proportion to their rows. Of what evolved, rows are
    ranked within their root by `value` and taken rank by rank, the highest value first: coverage before score, as a
    target that the best trees alone could fill would lose what the others cover. The samples of a tree have no value:
    its part is shared out over its dimensions' values, from the first down to the leaves.

    Args:
        rows: `batch, id, value`, with `tree, leaf_id, attributes` if any comes from a tree; a row without value comes
            after those that have one.
        roots: the root of each row.
        most: how many to take; all if there are fewer.
    """
    known = rows.select("batch", "id", pl.col("value").fill_null(float("-inf")), root=roots, row=pl.int_range(pl.len()))
    trees = rows["tree"] if "tree" in rows.columns else pl.Series([None] * rows.height, dtype=pl.String)
    # What evolved from a tree's samples has a value, and is ranked as anything that evolved.
    source = pl.when(pl.col("value") == float("-inf")).then(pl.lit(trees)).fill_null("")
    known = known.with_columns(source=source)
    sizes = dict(known.group_by("source").len().sort("source").iter_rows())
    shares = dict(zip(sizes, _parts(sizes, most), strict=True))
    taken: set[int] = set()
    for name, share in shares.items():
        of_source = known.filter(pl.col("source") == name)
        taken.update(_best(of_source, share) if name == "" else _from_tree(of_source, rows, share))
    return rows.select(taken=pl.int_range(pl.len()).is_in(list(taken)))["taken"]


def _parts(sizes: dict[str, int], most: int) -> list[int]:
    total = min(most, sum(sizes.values()))
    return largest_remainder(list(sizes.values()), total, list(sizes))


def _best(rows: pl.DataFrame, most: int) -> list[int]:
    """The places of the best of every root, then of every second best."""
    order = ["value", "batch", "id"]
    placed = (
        rows.sort(order, descending=[True, False, False])
        .with_columns(rank=pl.int_range(pl.len()).over("root"))
        .sort(["rank", *order], descending=[False, True, False, False])
    )
    return placed.head(most)["row"].to_list()


def _from_tree(known: pl.DataFrame, rows: pl.DataFrame, most: int) -> list[int]:
    """The places of a tree's rows that are taken: from each branch its part, then from each leaf."""
    attributes = (
        pl.col("attributes").list.eval(pl.element().struct.field("value"))
        if "attributes" in rows.columns
        else (pl.lit(None, pl.List(pl.String)))
    )
    told = rows.select(leaf=pl.col("leaf_id").fill_null(""), path=attributes, row=pl.int_range(pl.len()))
    leaves = (
        known.join(told, on="row", how="left")
        .sort("id")
        .group_by("leaf", maintain_order=True)
        .agg(pl.col("path").first(), "row")
        .sort("leaf")
    )
    paths = [(*(path or ()), leaf) for leaf, path in leaves.select("leaf", "path").iter_rows()]
    held = leaves["row"].to_list()
    shares = tree_shares(paths, [len(places) for places in held], most)
    return [place for places, share in zip(held, shares, strict=True) for place in places[:share]]
