"""Near-duplicates by embedding: all cosines are compared with the threshold, hardly any is computed in full.

A cosine is at most the product of the first `HEAD` components in a rotated space plus the product of the lengths of
what remains (Cauchy-Schwarz): a product of `HEAD + 1` numbers instead of hundreds, which is never less than the cosine.
Only pairs for which it reaches the threshold are computed in full, so nothing is missed. The rotation, the principal
axes of a part of the rows, decides how much is saved, not what is found.
"""

from typing import TYPE_CHECKING

import numpy as np

from evergrow.methods.quality.neighbours import Pairs, joined, no_pairs

if TYPE_CHECKING:
    import torch

HEAD = 32
AXES_FROM = 10_000  # rows that the axes are computed from
SLACK = 1e-4  # what float32 may lose in a sum
BOUNDS_TOGETHER = 1 << 24  # computed at once: 64 MiB of float32
NUMBERS_TOGETHER = 1 << 23  # of vectors compared in full at once: 32 MiB of float32


class NearVectors:
    """Finds rows whose vectors have at least the cosine `similarity`.

    Time grows with the square of the rows: about 4 ns of a processor for a pair (`benchmarks/cleaning.py`), so a minute
    or two for 200,000 rows and half an hour for a million, which are better compared on a GPU.

    Args:
        vectors: float32 (n, d), rows of length 1 in the order of rank.
        known: bool (n,): rows of other batches.
        similarity: least cosine.
        device: torch device of the products.
    """

    def __init__(self, vectors: np.ndarray, known: np.ndarray, similarity: float, device: str = "cpu") -> None:
        self._vectors, self._known, self._similarity = vectors, known, similarity
        self._heads = heads(vectors, principal_axes(vectors), device)
        self._kept = {which: _Kept(self._heads, int((known == which).sum())) for which in (False, True)}

    def against_kept(self, rows: np.ndarray) -> Pairs:
        """See `Finder`."""
        own, foreign = rows[~self._known[rows]], rows[self._known[rows]]
        return joined([self._met(own, False), self._met(own, True), self._met(foreign, False)])

    def among(self, rows: np.ndarray) -> Pairs:
        """See `Finder`."""
        if self._known[rows].all():
            return no_pairs()
        block = self._heads[rows]
        second, first = reaching(block, block, self._similarity)
        compared = (first < second) & ~(self._known[rows[first]] & self._known[rows[second]])
        return self._verified(rows[first[compared]], rows[second[compared]])

    def keep(self, rows: np.ndarray) -> None:
        """See `Finder`."""
        for which, kept in self._kept.items():
            kept.add(rows[self._known[rows] == which])

    def _met(self, rows: np.ndarray, among_known: bool) -> Pairs:  # noqa: FBT001 - one of two sets
        kept = self._kept[among_known]
        at, place = reaching(self._heads[rows], kept.heads, self._similarity)
        return self._verified(kept.rows[place], rows[at])

    def _verified(self, earlier: np.ndarray, later: np.ndarray) -> Pairs:
        similarity = cosines(self._vectors, self._vectors, earlier, later)
        return Pairs(earlier, later, similarity).only(similarity >= self._similarity)


class _Kept:
    """Rows that were kept, and their heads, in one piece that grows in place."""

    def __init__(self, every: "torch.Tensor", room: int) -> None:
        self._every, self._heads, self._rows = every, every.new_empty((room, every.shape[1])), np.empty(room, np.int64)
        self._count = 0

    @property
    def heads(self) -> "torch.Tensor":
        return self._heads[: self._count]

    @property
    def rows(self) -> np.ndarray:
        return self._rows[: self._count]

    def add(self, rows: np.ndarray) -> None:
        self._heads[self._count : self._count + len(rows)] = self._every[rows]
        self._rows[self._count : self._count + len(rows)] = rows
        self._count += len(rows)


def principal_axes(vectors: np.ndarray) -> np.ndarray:
    """Float32 (d, at most `HEAD`), orthonormal: the directions that hold most of the first `AXES_FROM` vectors."""
    part = vectors[:AXES_FROM].astype(np.float64)
    axes = np.linalg.eigh(part.T @ part)[1]  # by rising eigenvalue
    return np.ascontiguousarray(axes[:, ::-1][:, :HEAD], dtype=np.float32)


def heads(vectors: np.ndarray, axes: np.ndarray, device: str) -> "torch.Tensor":
    """Tensor float32 (n, len(axes) + 1) on `device`: components along `axes`, and the length of what is left."""
    import torch  # noqa: PLC0415 - takes seconds to import

    along = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32)) @ torch.from_numpy(axes)
    lengths = torch.from_numpy(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float32))
    left = (lengths - along.square().sum(dim=1)).clamp_(min=0).sqrt_()
    return torch.hstack([along, left[:, None]]).to(device)


def reaching(first: "torch.Tensor", second: "torch.Tensor", similarity: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows of `first` and of `second` (heads) whose cosine may reach `similarity`; int64, by `first`."""
    if not len(first) or not len(second):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    found = []
    rows = max(1, BOUNDS_TOGETHER // len(second))
    for start in range(0, len(first), rows):
        pairs = (first[start : start + rows] @ second.T >= similarity - SLACK).nonzero().cpu().numpy()
        found.append(pairs + np.array([start, 0]))
    pairs = np.concatenate(found)
    return pairs[:, 0], pairs[:, 1]


def cosines(first: np.ndarray, second: np.ndarray, at: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float64: the cosine of `first[at]` and `second[other]` (unit vectors), pair by pair."""
    found = np.empty(len(at))
    step = max(1, NUMBERS_TOGETHER // max(1, first.shape[1]))
    for start in range(0, len(at), step):
        part = slice(start, start + step)
        found[part] = np.einsum("nd,nd->n", first[at[part]], second[other[part]], dtype=np.float64)
    return found
