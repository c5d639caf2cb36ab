"""Near-duplicates by embedding: all cosines are compared with the threshold, hardly any is computed in full.

See `methods.vectors.reaching` for what is saved without missing anything. On a GPU a full product costs less than the
pairs that must be looked at again, so it is taken at once. Rows of different groups are not compared:
their texts are known to ask different things.
"""

from typing import TYPE_CHECKING

import numpy as np

from evergrow.methods.quality.neighbours import Pairs, joined
from evergrow.methods.vectors import cosines, heads, principal_axes, reaching, whole

if TYPE_CHECKING:
    import torch

FIRST_ROOM = 64


def pairs_of(rows: int, others: int) -> int:
    """How many cosines are compared with a threshold, at most: of `rows` with each other, and with each of `others`."""
    return rows * (rows - 1) // 2 + rows * others


class NearVectors:
    """Finds rows whose vectors have at least the cosine `similarity`.

    Time grows with the square of the rows of a group; memory with the rows.

    Args:
        vectors: float32 (n, d), rows of length 1 in the order of rank.
        known: bool (n,): rows of other batches.
        similarity: least cosine.
        device: torch device of the products.
        groups: integers (n,): only rows of the same group are compared; None: all are of one.
        pruned: whether most pairs are told apart by a part of their numbers; None: on a CPU.
    """

    def __init__(
        self,
        vectors: np.ndarray,
        known: np.ndarray,
        similarity: float,
        device: str = "cpu",
        groups: np.ndarray | None = None,
        *,
        pruned: bool | None = None,
    ) -> None:
        self._vectors, self._known, self._similarity = vectors, known, similarity
        self._groups = np.zeros(len(vectors), np.int64) if groups is None else np.unique(groups, return_inverse=True)[1]
        self._alone = np.bincount(self._groups, minlength=1)[self._groups] < 2 if len(vectors) else np.empty(0, bool)
        pruned = device == "cpu" if pruned is None else pruned
        self._heads = heads(vectors, principal_axes(vectors), device) if pruned else whole(vectors, device)
        self._kept: dict[tuple[int, bool], _Kept] = {}

    def against_kept(self, rows: np.ndarray) -> Pairs:
        """See `Finder`."""
        found = []
        for group, members in self._by_group(rows):
            own, foreign = members[~self._known[members]], members[self._known[members]]
            for which, among_known in ((own, False), (own, True), (foreign, False)):
                if len(which) and (kept := self._kept.get((group, among_known))):
                    at, place = reaching(self._heads[which], kept.heads, self._similarity)
                    found.append(self._verified(kept.rows[place], which[at]))
        return joined(found)

    def among(self, rows: np.ndarray) -> Pairs:
        """See `Finder`."""
        found = []
        for _, members in self._by_group(rows):
            if len(members) < 2 or self._known[members].all():
                continue
            block = self._heads[members]
            second, first = reaching(block, block, self._similarity)
            compared = (first < second) & ~(self._known[members[first]] & self._known[members[second]])
            found.append(self._verified(members[first[compared]], members[second[compared]]))
        return joined(found)

    def keep(self, rows: np.ndarray) -> None:
        """See `Finder`."""
        for group, members in self._by_group(rows):
            for which in (False, True):
                those = members[self._known[members] == which]
                if len(those):
                    self._kept.setdefault((group, which), _Kept(self._heads)).add(those)

    def _by_group(self, rows: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """The rows of each group that has others, in their order."""
        rows = rows[~self._alone[rows]]
        order = rows[np.argsort(self._groups[rows], kind="stable")]
        starts = np.flatnonzero(np.diff(self._groups[order])) + 1
        return [(int(self._groups[part[0]]), part) for part in np.split(order, starts) if len(part)]

    def _verified(self, earlier: np.ndarray, later: np.ndarray) -> Pairs:
        similarity = cosines(self._vectors, self._vectors, earlier, later)
        return Pairs(earlier, later, similarity).only(similarity >= self._similarity)


class _Kept:
    """Rows that were kept, and their heads, in one piece that doubles its room when it is full."""

    def __init__(self, every: "torch.Tensor") -> None:
        self._every, self._count = every, 0
        self._heads, self._rows = every.new_empty((FIRST_ROOM, every.shape[1])), np.empty(FIRST_ROOM, np.int64)

    @property
    def heads(self) -> "torch.Tensor":
        """Those of the rows kept."""
        return self._heads[: self._count]

    @property
    def rows(self) -> np.ndarray:
        """Their numbers."""
        return self._rows[: self._count]

    def add(self, rows: np.ndarray) -> None:
        """Keep these as well."""
        end = self._count + len(rows)
        if end > len(self._rows):
            room = max(end, 2 * len(self._rows))
            grown = self._every.new_empty((room, self._every.shape[1]))
            grown[: self._count] = self.heads
            self._heads, self._rows = grown, np.concatenate([self.rows, np.empty(room - self._count, np.int64)])
        self._heads[self._count : end] = self._every[rows]
        self._rows[self._count : end] = rows
        self._count = end
