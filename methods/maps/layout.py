"""Where rows stand in a plane, so that like stands near like; the same every time."""

from dataclasses import dataclass

import numpy as np

from evergrow.methods.measures.measure import SEED
from evergrow.methods.vectors import products

TSNE_ROWS = range(30, 3_001)  # fewer have too few neighbours to be told from, more take minutes
PERPLEXITY = 30.0  # neighbours that count, as in the paper
COMPONENTS = 32  # that t-SNE sees of a vector


@dataclass(frozen=True, slots=True)
class Layout:
    """Places in a plane, float32 (n, 2), each axis within -1 to 1, and in words how they were found."""

    places: np.ndarray
    method: str


def layout(vectors: np.ndarray) -> Layout:
    """Where each row stands: by t-SNE from principal components, or by two principal components where that is costly.

    Distances on a map of t-SNE (van der Maaten and Hinton, JMLR 2008) tell who is near, not how far apart others are.

    Args:
        vectors: float32 (n, d), rows of length 1.
    """
    rows = len(vectors)
    wide = min(COMPONENTS, rows, vectors.shape[1] if vectors.ndim == 2 else 0)
    if wide < 2 or not np.ptp(vectors, axis=0).any():
        return Layout(np.zeros((rows, 2), np.float32), "all rows stand at one place")
    from sklearn.decomposition import PCA  # noqa: PLC0415 - takes a second

    components = PCA(wide, svd_solver="covariance_eigh", random_state=SEED).fit_transform(vectors)
    if rows not in TSNE_ROWS:
        return Layout(_scaled(components[:, :2]), "two principal components of the embeddings")
    from sklearn.manifold import TSNE  # noqa: PLC0415

    perplexity = min(PERPLEXITY, (rows - 1) / 3)
    # One job: sums in another order would move the points.
    model = TSNE(2, perplexity=perplexity, init="pca", max_iter=500, random_state=SEED, n_jobs=1)
    return Layout(_scaled(model.fit_transform(components)), f"t-SNE of the embeddings, perplexity {perplexity:.0f}")


def neighbours(vectors: np.ndarray, count: int, device: str = "cpu") -> tuple[np.ndarray, np.ndarray]:
    """The rows that each row is most similar to, itself left out, the most similar first.

    Args:
        vectors: float32 (n, d), rows of length 1.
        count: how many; fewer where there are fewer rows.
        device: torch device of the product, which is never held whole.

    Returns:
        int64 (n, k) their places, float32 (n, k) their cosines; k is `count`, or n - 1.
    """
    rows = len(vectors)
    few = max(0, min(count, rows - 1))
    places, cosines = np.empty((rows, few), np.int64), np.empty((rows, few), np.float32)
    if not few:
        return places, cosines
    for part, cosine in products(vectors, vectors, device, own=np.arange(rows)):
        best, at = cosine.topk(few, dim=1)
        places[part], cosines[part] = at.cpu().numpy(), best.cpu().numpy()
    return places, cosines


def _scaled(places: np.ndarray) -> np.ndarray:
    """Places around 0, the farthest at 1 on its axis."""
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    reach = np.abs(places - middle).max()
    found: np.ndarray = ((places - middle) / (reach or 1)).astype(np.float32)
    return found
