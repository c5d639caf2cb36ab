"""How far apart the rows of a set lie, by the cosine of their vectors."""

from collections.abc import Iterator

import numpy as np

BLOCK = 512  # rows whose distances to all others are held at once
NEIGHBOURS = 10
DISTINCT = 1e-4  # rows nearer than this are copies of each other: they say nothing of how dense the space is
REGULAR = 1e-9


def mean_pairwise_similarity(vectors: np.ndarray) -> float | None:
    """Mean cosine over all pairs of different rows; lower is more diverse. Exact, in one pass.

    The sum over all pairs is the squared length of the sum of the vectors. It is TreeSynth's "Diversity" column
    (arXiv 2503.17195, tables: 0.12 to 0.45), as far as that can be told.

    Args:
        vectors: float32 (n, d), rows of length 1.

    Returns:
        -1 to 1; None for fewer than two rows.
    """
    rows = len(vectors)
    if rows < 2:
        return None
    total = vectors.sum(axis=0, dtype=np.float64)
    own = float(np.einsum("ij,ij->", vectors, vectors, dtype=np.float64))
    return float((total @ total - own) / (rows * (rows - 1)))


def nearest_distances(vectors: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """1 - cosine to the nearest other row, for each of `anchors`; float32 (m,), 0 to 2.

    Args:
        vectors: float32 (n, d), rows of length 1, n at least 2.
        anchors: int (m,), places of the rows that are asked for.
    """
    found = [distances.min(axis=1) for distances, _ in _blocks(vectors, anchors)]
    return np.concatenate(found) if found else np.empty(0, np.float32)


def novelsum(vectors: np.ndarray) -> float | None:
    """NovelSum (Yang et al., ACL 2025, arXiv 2502.17184, section 4): distance weighed by nearness and by density.

    A row's novelty is the mean of its cosine distances to all rows, weighed by 1 / rank of their nearness (itself is
    rank 1, as in the authors' code), times the density around it to the power of 0.5: 1 over the mean distance to its
    10 nearest. NovelSum is the mean of these. The density is that of the set itself, without copies. It grows with the
    number of rows: compare sets of one size.

    Args:
        vectors: float32 (n, d), rows of length 1. It takes n * n distances.

    Returns:
        Above 0; None for fewer than two rows.
    """
    rows = len(vectors)
    if rows < 2:
        return None
    weights = (1.0 / np.arange(1, rows + 1)).astype(np.float32)
    weights /= weights.sum()
    novelties = []
    for distances, places in _blocks(vectors, np.arange(rows)):
        distances[np.arange(len(places)), places] = 0.0  # itself, at rank 1
        distances.sort(axis=1)
        near = _mean_of_nearest(distances)
        novelties.append(distances @ weights / np.sqrt(near + REGULAR))
    return float(np.concatenate(novelties).mean(dtype=np.float64))


def _mean_of_nearest(ordered: np.ndarray) -> np.ndarray:
    """Mean distance to the nearest that are no copies; 1 where there is none. Rows of `ordered` ascend."""
    first = (ordered <= DISTINCT).sum(axis=1)
    sums = np.cumsum(ordered, axis=1, dtype=np.float64)
    last = np.minimum(first + NEIGHBOURS, ordered.shape[1])
    at = np.arange(len(ordered))
    before = np.where(first > 0, sums[at, first - 1], 0.0)
    counted = last - first
    mean = (sums[at, last - 1] - before) / np.maximum(counted, 1)
    return np.asarray(np.where(counted > 0, mean, 1.0), dtype=np.float64)


def _blocks(vectors: np.ndarray, anchors: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Distances of some anchors to all rows, that to themselves infinite, and the anchors' places."""
    for start in range(0, len(anchors), BLOCK):
        places = anchors[start : start + BLOCK]
        distances = np.maximum(1.0 - vectors[places] @ vectors.T, 0.0)
        distances[np.arange(len(places)), places] = np.inf
        yield distances, places
