"""Which rows make a release of an exact size: the best of every root before the second best of any."""

import polars as pl


def spread_best(rows: pl.DataFrame, roots: pl.Series, most: int) -> pl.Series:
    """Whether each row is among the `most` that are taken, Boolean, in the order of `rows`.

    Rows are ranked within their root by `value`, then taken rank by rank, the highest value first: coverage before
    score, as a target that the best trees alone could fill would lose what the others cover.

    Args:
        rows: `batch, id, value`; a row without value comes after those that have one.
        roots: the root of each row.
        most: how many to take; all if there are fewer.
    """
    value = pl.col("value").fill_null(float("-inf"))
    order = ["value", "batch", "id"]
    placed = (
        rows.select("batch", "id", value, root=roots, row=pl.int_range(pl.len()))
        .sort(order, descending=[True, False, False])
        .with_columns(rank=pl.int_range(pl.len()).over("root"))
        .sort(["rank", *order], descending=[False, True, False, False])
    )
    taken = placed.head(most)["row"]
    return rows.select(taken=pl.int_range(pl.len()).is_in(taken.implode()))["taken"]
