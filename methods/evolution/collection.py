"""Final collection: the samples that make the dataset, chosen over all rounds (paper, section 3.5; method.md A.9)."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from evergrow.methods.evolution.selection import value
from evergrow.methods.evolution.synthesis import fold
from evergrow.methods.vectors import similarities

BLOCK = 1 << 24  # similarities computed at once: 64 MiB of float32


def collect(
    accepted: pl.DataFrame,
    embeddings: np.ndarray,
    intra_tree_min_distance: float,
    target_rows: int,
    device: str = "cpu",
) -> pl.DataFrame:
    """`accepted` with a `reason` for each sample that is left out.

    Rules, in this order: the value must exceed the parent's (children of seeds, whose parents have none, pass); of
    those that say the same, in any tree and round, the one of highest value stays, the first by id among equals; among
    the samples of one tree and round, taken by descending value, each must be farther than `intra_tree_min_distance`
    from those taken before; of these, `target_rows` are kept, every tree's best of a round before any second best, then
    by value, ties by id.

    Args:
        accepted: `id, root_id, round, content, value, parent_complexity, parent_diversity` of every round.
        embeddings: float32 (n, d), one normalised row per row of `accepted`.
        intra_tree_min_distance: 1 - cosine, 0 to 1.
        target_rows: most rows kept.
        device: torch device of the products.
    """
    bar = value("parent_complexity", "parent_diversity")
    rows = accepted.with_row_index("_row").with_columns(
        reason=pl.when(pl.col("value") <= bar).then(pl.lit("not_better_than_parent"))
    )
    best_first = rows.filter(pl.col("reason").is_null()).sort(["value", "id"], descending=[True, False])
    same = best_first.select("_row", "id", first=pl.col("id").first().over(fold("content")))
    copies = same.filter(pl.col("first") != pl.col("id"))
    better = best_first.join(copies, on="_row", how="anti", maintain_order="left")
    spread = better.select(
        "_row", "root_id", "round", kept=_keep_distant(better, embeddings, intra_tree_min_distance, device)
    )
    ranked = (
        better.join(spread.filter("kept").select("_row"), on="_row", how="semi", maintain_order="left")
        .with_columns(_rank=pl.int_range(pl.len()).over("round", "root_id"))
        .sort(["_rank", "value", "id"], descending=[False, True, False])
    )
    verdicts = pl.concat(
        [
            copies.select("_row", found=pl.format("duplicate of {}", "first")),
            spread.filter(~pl.col("kept")).select("_row", found=pl.lit("too_close_in_tree")),
            ranked.slice(target_rows).select("_row", found=pl.lit("beyond_target")),
        ]
    )
    return (
        rows.join(verdicts, on="_row", how="left", maintain_order="left")
        .with_columns(reason=pl.coalesce("reason", "found"))
        .drop("_row", "found")
    )


def _keep_distant(ordered: pl.DataFrame, embeddings: np.ndarray, min_distance: float, device: str) -> pl.Series:
    """Greedy choice within each tree and round, all trees of a block at once: one step per rank, not per row."""
    kept = np.zeros(ordered.height, dtype=bool)
    for members in _groups(ordered):
        present = members >= 0
        rows = ordered["_row"].to_numpy()[np.where(present, members, 0)]
        vectors = embeddings[rows]
        similarity = similarities(vectors, vectors, device)
        near = 1.0 - similarity <= min_distance
        chosen = np.zeros(members.shape, dtype=bool)
        for rank in range(members.shape[1]):
            blocked = (near[:, rank, :rank] & chosen[:, :rank]).any(axis=1)
            chosen[:, rank] = present[:, rank] & ~blocked
        kept[members[chosen]] = True
    return pl.Series(kept)


def _groups(ordered: pl.DataFrame) -> Iterator[np.ndarray]:
    """Blocks of trees: int64 (trees, largest tree) positions in `ordered`, by its order, padded with -1."""
    groups = (
        ordered.select("round", "root_id", position=pl.int_range(pl.len()))
        .group_by("round", "root_id", maintain_order=True)
        .agg("position")
        .with_columns(size=pl.col("position").list.len())
        .sort("size", maintain_order=True)
    )
    start, sizes = 0, groups["size"].to_list()
    while start < len(sizes):
        stop = start + 1
        while stop < len(sizes) and (stop + 1 - start) * sizes[stop] ** 2 <= BLOCK:
            stop += 1
        block = groups["position"][start:stop].to_list()
        yield np.array([row + [-1] * (sizes[stop - 1] - len(row)) for row in block], dtype=np.int64)
        start = stop
