"""One measure of a set, and what a reader has to know to read it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Better = Literal["higher", "lower", ""]
DRAWN_ROWS = 10_000  # rows that a measure of all pairs is taken on, at most: the size of the sets in NovelSum's paper
SEED = 20_260


@dataclass(frozen=True, slots=True)
class Measure:
    """A number about a set.

    Attributes:
        name: of the measure.
        value: None where the set is too small for it.
        rows: how many rows it was taken on: all of them, or a draw.
        better: which way is more diverse; "" where neither is.
        source: the paper, and the form of it that is meant.
    """

    name: str
    value: float | None
    rows: int
    better: Better
    source: str


def drawn(count: int, most: int = DRAWN_ROWS) -> np.ndarray:
    """Places of all rows, or of `most` that are drawn alike each time, in their order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(SEED).choice(count, most, replace=False))
