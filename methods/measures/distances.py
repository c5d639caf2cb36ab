"""How far apart the rows of a set lie, by the cosine of their vectors."""

from typing import TYPE_CHECKING

import numpy as np

from evergrow.methods.vectors import nearest, products

if TYPE_CHECKING:
    import torch

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


def nearest_distances(vectors: np.ndarray, anchors: np.ndarray, device: str = "cpu") -> np.ndarray:
    """1 - cosine to the nearest other row, for each of `anchors`; float64 (m,), 0 to 2.

    Args:
        vectors: float32 (n, d), rows of length 1, n at least 2.
        anchors: int (m,), places of the rows that are asked for.
        device: torch device of the product.
    """
    found: np.ndarray = np.maximum(1.0 - nearest(vectors[anchors], vectors, device, own=anchors)[1], 0.0)
    return found


def novelsum(vectors: np.ndarray, device: str = "cpu") -> float | None:
    """NovelSum (Yang et al., ACL 2025, arXiv 2502.17184, section 4): distance weighed by nearness and by density.

    A row's novelty is the mean of its cosine distances to all rows, weighed by 1 / rank of their nearness (itself is
    rank 1, as in the authors' code), times the density around it to the power of 0.5: 1 over the mean distance to its
    10 nearest. NovelSum is the mean of these. The density is that of the set itself, without copies. It grows with the
    number of rows: compare sets of one size.

    Args:
        vectors: float32 (n, d), rows of length 1. It takes n * n distances.
        device: torch device of the products.

    Returns:
        Above 0; None for fewer than two rows.
    """
    rows = len(vectors)
    if rows < 2:
        return None
    import torch  # noqa: PLC0415 - takes seconds to import

    weights = 1.0 / torch.arange(1, rows + 1, dtype=torch.float32, device=device)
    weights /= weights.sum()
    novelties = []
    for part, cosine in products(vectors, vectors, device):
        distances = cosine.neg_().add_(1.0).clamp_(min=0.0)
        own = torch.arange(len(distances), device=device)
        distances[own, own + part.start] = 0.0  # itself, at rank 1
        ordered = _ascending(distances)
        novelties.append((ordered @ weights).cpu().double() / (_mean_of_nearest(ordered) + REGULAR).sqrt())
    return float(torch.cat(novelties).mean())


def _ascending(distances: "torch.Tensor") -> "torch.Tensor":
    import torch  # noqa: PLC0415 - takes seconds to import

    if distances.device.type == "cpu":  # torch sorts places along, which nobody asks for
        return torch.from_numpy(np.sort(distances.numpy(), axis=1))
    return distances.sort(dim=1).values


def _mean_of_nearest(ordered: "torch.Tensor") -> "torch.Tensor":
    """Mean distance to the nearest that are no copies, itself and what it copies aside; 1 where there is none."""
    import torch  # noqa: PLC0415 - takes seconds to import

    first = torch.searchsorted(ordered, torch.full((len(ordered), 1), DISTINCT, device=ordered.device), right=True)
    places = first + torch.arange(NEIGHBOURS, device=ordered.device)
    there = places < ordered.shape[1]
    there, near = there.cpu(), ordered.gather(1, places.clamp(max=ordered.shape[1] - 1)).cpu().double()
    near, counted = near * there, there.sum(dim=1)
    return torch.where(counted > 0, near.sum(dim=1) / counted.clamp(min=1), torch.ones_like(near[:, 0]))
