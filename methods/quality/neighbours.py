"""Who is similar to whom, asked in the order of rank: rows of a block against those kept, and among themselves."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class Pairs:
    """Similar rows: int64 `earlier` < `later` by rank, float64 `similarity`."""

    earlier: np.ndarray
    later: np.ndarray
    similarity: np.ndarray

    def only(self, which: np.ndarray) -> "Pairs":
        """The pairs that `which` selects."""
        return Pairs(self.earlier[which], self.later[which], self.similarity[which])


class Finder(Protocol):
    """Finds similar rows. Rows are numbered by rank; two rows of other batches are never compared."""

    def against_kept(self, rows: np.ndarray) -> Pairs:
        """Those of `rows`, as `later`, with all rows kept so far that they are similar to."""

    def among(self, rows: np.ndarray) -> Pairs:
        """All similar pairs of `rows`, which are in the order of rank."""

    def keep(self, rows: np.ndarray) -> None:
        """From now on `rows`, which come after all kept before, are compared with."""


def no_pairs() -> Pairs:
    """None."""
    return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))


def joined(parts: list[Pairs]) -> Pairs:
    """All of them."""
    if not parts:
        return no_pairs()
    return Pairs(
        np.concatenate([part.earlier for part in parts]),
        np.concatenate([part.later for part in parts]),
        np.concatenate([part.similarity for part in parts]),
    )
