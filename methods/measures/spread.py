"""What of a space a set covers: its clusters, another set, the leaves of a tree."""

from collections.abc import Sequence

import numpy as np

from evergrow.methods.measures.measure import SEED
from evergrow.methods.treesynth.evenness import Balance, balance
from evergrow.methods.vectors import nearest, products

COVERING = 5  # how many neighbours reach as far as a row of the reference is covered
MOST_CLUSTERS = 100
CLUSTER_ROWS = 10  # rows a cluster, at least, on average


def cluster_entropy(vectors: np.ndarray) -> float | None:
    """Entropy of the sizes of k-means clusters over the logarithm of their number: 1 if all are of one size.

    As in "cluster inertia" and related measures of the survey in arXiv 2502.17184, section 3; k is a tenth of the rows,
    100 at most.

    Args:
        vectors: float32 (n, d), rows of length 1.

    Returns:
        0 to 1; None for fewer than 20 rows, which have no two clusters.
    """
    clusters = min(MOST_CLUSTERS, len(vectors) // CLUSTER_ROWS)
    if clusters < 2:
        return None
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415 - takes a second

    model = MiniBatchKMeans(clusters, random_state=SEED, n_init=3, batch_size=4_096)
    sizes = np.bincount(model.fit_predict(vectors), minlength=clusters)
    return balance(sizes.tolist()).entropy


def coverage(reference: np.ndarray, vectors: np.ndarray, anchors: np.ndarray, device: str = "cpu") -> float | None:
    """Coverage (Naeem et al., ICML 2020, arXiv 2002.09797): share of reference rows that have a row of the set near.

    Near is within the distance to the reference row's fifth nearest neighbour in the reference.

    Args:
        reference: float32 (m, d), rows of length 1.
        vectors: float32 (n, d), the set.
        anchors: places of the reference rows that are looked at.
        device: torch device of the products.

    Returns:
        0 to 1; None where the reference has fewer than six rows, or the set none.
    """
    if len(reference) <= COVERING or not len(vectors):
        return None
    looked_at = reference[anchors]
    within = products(looked_at, reference, device, own=anchors)
    reach = [cosine.topk(COVERING, dim=1).values[:, -1].cpu().double().numpy() for _, cosine in within]
    return float((nearest(looked_at, vectors, device)[1] >= np.concatenate(reach)).mean())


def leaf_coverage(counts: Sequence[int]) -> tuple[float | None, Balance]:
    """Share of a tree's leaves that hold a row, None without leaves; and how evenly rows lie over all of them.

    Args:
        counts: rows of each leaf, empty ones too (TreeSynth, arXiv 2503.17195: leaves are what is to be covered).
    """
    even = balance(counts)
    return ((even.leaves - even.empty) / even.leaves if even.leaves else None), even
