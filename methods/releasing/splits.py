"""Which rows of a release are for training, validation, testing: decided by root, so that siblings never straddle.

Two rows have the same root if they say the same `root_id`, in whatever batches, or lie in the same leaf of the same
tree, directly or by way of other rows. Where two batches number their seeds alike, different seeds count as one root:
that costs nothing but fineness, while the reverse would leak.

Every root draws a number from its own name and the seed. The lowest are the test split, the highest the validation
split, by fixed thresholds and not by rank: rows that are added later move no root from one split to another, so that
what an earlier release trained on is never tested on by a later one. The price is that shares are met on average
and not exactly. Small sets are the exception: a split that is due at least one whole root gets the one nearest to its
threshold, and the training split keeps at least one. Added roots may end such an exception, and rows that join two
roots into one may move one of the two.
"""

import hashlib
from typing import Literal

import polars as pl

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
DRAWN_FROM = 1 << 53


def split(rows: pl.DataFrame, validation_share: float, test_share: float, seed: int) -> pl.Series:
    """The split of every row, as a String series `split` in the order of `rows`.

    Args:
        rows: `id, root_id`, and `tree, leaf_id` if any comes from a tree; String. A row without root is one by itself.
        validation_share: of the roots, 0 to below 0.5.
        test_share: of the roots, 0 to below 0.5.
        seed: another seed holds other roots out.
    """
    roots = root_keys(rows)
    drawn = (
        roots.unique()
        .to_frame("root")
        .with_columns(number=pl.col("root").map_elements(lambda root: _draw(root, seed), return_dtype=pl.Int64))
        .sort("number", "root")
    )
    below, above = round(test_share * DRAWN_FROM), round((1 - validation_share) * DRAWN_FROM)
    tested = max(drawn.filter(pl.col("number") < below).height, int(test_share * drawn.height >= 1))
    validated = max(drawn.filter(pl.col("number") >= above).height, int(validation_share * drawn.height >= 1))
    while tested + validated >= max(drawn.height, 1):
        tested, validated = (tested - 1, validated) if tested > validated else (tested, validated - 1)
    place = pl.int_range(pl.len())
    told = drawn.select(
        "root",
        split=pl.when(place < tested)
        .then(pl.lit("test"))
        .when(place >= pl.len() - validated)
        .then(pl.lit("validation"))
        .otherwise(pl.lit("train")),
    )
    return roots.to_frame("root").join(told, on="root", how="left", maintain_order="left")["split"]


def root_keys(rows: pl.DataFrame) -> pl.Series:
    """A name for the root of every row, equal where the root is: a String series `root` without nulls.

    rows: as for `split`.
    """
    root = pl.coalesce("root_id", "id")
    leaf = (
        pl.concat_str("tree", "leaf_id", separator="\0") if {"tree", "leaf_id"} <= set(rows.columns) else pl.lit(None)
    )
    keys = rows.select(root=pl.concat_str(pl.lit("root\0"), root), leaf=leaf.cast(pl.String)).with_columns(
        key=pl.concat_str(pl.lit("leaf\0"), "leaf").fill_null(pl.col("root"))
    )
    while True:  # every pass lengthens the way by which rows are connected; two suffice unless leaves share roots
        over_roots = pl.col("key").min().over("root")
        joined = keys.with_columns(key=over_roots).with_columns(
            key=pl.when(pl.col("leaf").is_null()).then("key").otherwise(pl.col("key").min().over("leaf"))
        )
        if joined["key"].equals(keys["key"]):
            return joined["key"].rename("root")
        keys = joined


def _draw(root: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{root}".encode()).digest()[:8]) % DRAWN_FROM
