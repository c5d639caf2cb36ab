"""Diversity: how far a child is from the most challenging child of every other tree (method.md A.4, A.9)."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from evergrow.methods.approximate import approximately_nearest
from evergrow.methods.vectors import NOTHING, nearest

Search = Literal["exact", "approximate"]


def diversity(
    embeddings: np.ndarray,
    roots: np.ndarray,
    champions: np.ndarray,
    device: str = "cpu",
    block: int | None = None,
    *,
    search: Search = "exact",
) -> tuple[np.ndarray, np.ndarray]:
    """`1 - max cosine` to the champions of other trees, by an exact matrix product in blocks.

    Args:
        embeddings: float32 (n, d), each row of length 1.
        roots: integer (n,), the tree of each row.
        champions: integer (m,), rows that are the champions of their trees, one a tree.
        device: torch device of the product.
        block: similarities computed at once; it bounds the memory, not the result.
        search: "approximate" may take another of the nearest, see `methods.approximate`.

    Returns:
        float64 (n,) diversity within 0 and 1, which is 1 where there is no other tree; and int64 (n,) the row of the
        nearest champion, -1 where there is none, the first of `champions` among equals.
    """
    champions = np.asarray(champions).astype(np.int64)
    labels = (roots, np.asarray(roots)[champions])
    if search == "approximate":
        place, cosine = approximately_nearest(embeddings, embeddings[champions], device, labels=labels)
    else:
        place, cosine = nearest(embeddings, embeddings[champions], device, labels=labels, together=block)
    found = place != NOTHING
    scores, rows = np.ones(len(embeddings)), np.full(len(embeddings), NOTHING, dtype=np.int64)
    scores[found] = np.clip(1.0 - cosine[found], 0.0, 1.0)
    rows[found] = champions[place[found]]
    return scores, rows


def ratio_to_seeds(
    trees: np.ndarray,
    measured: Callable[[np.ndarray], np.ndarray],
    seeds: Callable[[np.ndarray], np.ndarray],
    most: int,
) -> float | None:
    """The mean diversity of a round, as a share of what its seeds reach: one that does not depend on the batch's size.

    Diversity is a distance to the nearest of so many others, and so falls as trees are added, whatever they hold. Both
    sides are therefore measured over the same trees, `most` of them at most, evenly spread.

    Args:
        trees: the trees that have a champion.
        measured: the diversity of the round's children, if these trees are all there are.
        seeds: the distance of each of these trees' seeds to the nearest other one's.
        most: trees that are looked at; it bounds the work.

    Returns:
        The ratio, from 0; None with fewer than two trees, or where all seeds are alike.
    """
    chosen = trees[np.linspace(0, len(trees) - 1, min(most, len(trees))).astype(np.int64)] if len(trees) else trees
    if len(chosen) < 2:
        return None
    reached = float(seeds(chosen).mean())
    return float(measured(chosen).mean()) / reached if reached > 1e-6 else None
