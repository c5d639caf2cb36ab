"""The nearest of very many unit vectors, by an index of faiss: hardly slower as they become more, and not exact.

`methods.vectors.nearest` is exact, and its time is the product of both sides. Beyond some millions times some hundred
thousand rows that takes a GPU for hours; here each row is compared with those of the clusters that it is near to. What
it finds is one of the nearest nearly always: `benchmarks/approximate.py` measures how often it is the nearest.
"""

import numpy as np

from evergrow.methods.vectors import NOTHING, cosines, nearest

EXACT_BELOW = 20_000  # rows of the other side: so few are compared as fast without an index
PROBED = 1 / 24  # share of the clusters that a row is compared with
LEARNT_FROM = 64  # rows of each cluster that clusters are made from
MOST_ALIKE = 16  # rows of one label that are looked past
TOGETHER = 65_536  # rows that are sought at once


class NoIndexError(Exception):
    """What the search needs is not installed; the message says how to have it."""


def approximately_nearest(
    vectors: np.ndarray,
    others: np.ndarray,
    device: str = "cpu",
    *,
    labels: tuple[np.ndarray, np.ndarray],
    exact_below: int = EXACT_BELOW,
) -> tuple[np.ndarray, np.ndarray]:
    """One of the rows of `others` that each row of `vectors` is most similar to; takes and returns as `nearest`.

    The cosines are those of the rows found, exact. A row of which only others of its own label were found is compared
    with all.

    Raises:
        NoIndexError: faiss is not installed.
    """
    if len(others) < exact_below or not len(vectors):
        return nearest(vectors, others, device, labels=labels)
    own, theirs = (np.asarray(one).astype(np.int64) for one in labels)
    alike = int(np.unique(theirs, return_counts=True)[1].max())
    found = _neighbours(vectors, others, 1 + min(alike, MOST_ALIKE))
    able = (found != NOTHING) & (theirs[found] != own[:, None])
    place = np.where(able.any(axis=1), found[np.arange(len(found)), able.argmax(axis=1)], NOTHING)
    similarity = np.full(len(vectors), -np.inf)
    at = np.flatnonzero(place != NOTHING)
    similarity[at] = cosines(vectors, others, at, place[at])
    if len(left := np.flatnonzero(place == NOTHING)):
        place[left], similarity[left] = nearest(vectors[left], others, device, labels=(own[left], theirs))
    return place, similarity


def _neighbours(vectors: np.ndarray, others: np.ndarray, count: int) -> np.ndarray:
    """int64 (n, count): rows of `others` near each of `vectors`, nearest first; `NOTHING` where there are fewer."""
    try:
        import faiss  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise NoIndexError(
            "embedding.search is approximate, and faiss is not installed; `pip install 'evergrow[faiss]'`, or set "
            "embedding.search: exact"
        ) from error
    clusters = max(1, int(4 * len(others) ** 0.5))
    centres = faiss.IndexFlatIP(others.shape[1])
    index = faiss.IndexIVFFlat(centres, others.shape[1], clusters, faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid = LEARNT_FROM
    # Champions come in an order of their own: the first of them may all be of one kind.
    index.train(others[np.random.default_rng(0).permutation(len(others))[: clusters * LEARNT_FROM]])
    index.add(np.ascontiguousarray(others, dtype=np.float32))
    index.nprobe = max(1, round(clusters * PROBED))
    parts = range(0, len(vectors), TOGETHER)
    found = [index.search(np.ascontiguousarray(vectors[at : at + TOGETHER]), count)[1] for at in parts]
    places: np.ndarray = np.concatenate(found).astype(np.int64)
    return places
