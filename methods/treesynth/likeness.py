"""Near-duplicates among samples by embedding: of two that are too much alike the earlier stays (method.md D07, D37)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from evergrow.methods.vectors import nearest, similarities


@dataclass(frozen=True, slots=True)
class Nearest:
    """The most similar sample among those that stay and came before: whose it is, and its cosine."""

    owner: str
    similarity: float


@dataclass(slots=True)
class Apart:
    """Samples that stay, no two of which are as similar as `threshold` (cosine); others are compared to them in turn.

    Comparing is exact, on the torch device `device`: n samples take n * n / 2 products of vectors, in blocks of `rows`
    x `kept`. Only the vectors are held, once.
    """

    threshold: float
    device: str = "cpu"
    rows: int = 1_024
    kept: int = 8_192
    _blocks: list[np.ndarray] = field(default_factory=list)
    _owners: list[str] = field(default_factory=list)

    def add(self, vectors: np.ndarray, owners: Sequence[str]) -> None:
        """Let these stay, whatever they are like.

        Args:
            vectors: float32 (n, d), rows of length 1.
            owners: n names of what they belong to.
        """
        for start in range(0, len(vectors), self.kept):
            self._blocks.append(vectors[start : start + self.kept])
        self._owners += owners

    def take(self, vectors: np.ndarray, owners: Sequence[str], given: Sequence[bool]) -> list[Nearest | None]:
        """The nearest of each among those that stay and came before; unless it is too near, this one stays as well.

        Args:
            vectors: float32 (n, d), rows of length 1.
            owners: n names of what they belong to.
            given: n times whether it stays however near that is.

        Returns:
            None for the very first one, which nothing came before.
        """
        found: list[Nearest | None] = []
        for start in range(0, len(vectors), self.rows):
            part = slice(start, start + self.rows)
            found += self._take(vectors[part], owners[part], given[part])
        return found

    def too_near(self, nearest: Nearest | None) -> bool:
        """Whether a sample with this nearest one is a near-duplicate."""
        return nearest is not None and nearest.similarity >= self.threshold

    def _take(self, vectors: np.ndarray, owners: Sequence[str], given: Sequence[bool]) -> list[Nearest | None]:
        best, place = self._nearest_kept(vectors)
        names = [self._owners[p] if p >= 0 else None for p in place]
        among = similarities(vectors, vectors, self.device)
        stays = np.zeros(len(vectors), dtype=bool)
        found: list[Nearest | None] = []
        for row in range(len(vectors)):
            before = np.where(stays[:row], among[row, :row], -np.inf)
            if row and (closest := before.max()) > best[row]:
                best[row], names[row] = closest, owners[int(before.argmax())]
            name = names[row]
            nearest = Nearest(name, float(best[row])) if name is not None else None
            stays[row] = given[row] or not self.too_near(nearest)
            found.append(nearest)
        if stays.any():
            self.add(vectors[stays], [owner for owner, stay in zip(owners, stays, strict=True) if stay])
        return found

    def _nearest_kept(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cosine and place of the nearest that stays, for each row; -inf and -1 while there is none."""
        best = np.full(len(vectors), -np.inf)
        place = np.full(len(vectors), -1, dtype=np.int64)
        start = 0
        for block in self._blocks:
            closest, value = nearest(vectors, block, self.device)
            nearer = value > best
            best[nearer], place[nearer] = value[nearer], closest[nearer] + start
            start += len(block)
        return best, place
