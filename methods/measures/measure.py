"""One measure of a set, and what a reader has to know to read it; the names of all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Better = Literal["higher", "lower", ""]
DRAWN_ROWS = 10_000  # rows that a measure of all pairs is taken on, at most: the size of the sets in NovelSum's paper
SEED = 20_260
# What each measure is called, which way is more diverse, and its source: of the vectors of texts, of their words.
OF_VECTORS: Mapping[str, tuple[Better, str]] = {
    "mean_pairwise_similarity": ("lower", "cosine, exact; TreeSynth 2503.17195"),
    "nearest_distance_mean": ("higher", "1 - cosine to the nearest other row"),
    "nearest_distance_p10": ("higher", "1 - cosine to the nearest other row"),
    "novelsum": ("higher", "Yang et al. 2025, 2502.17184; density of the set itself"),
    "vendi_score": ("higher", "Friedman, Dieng 2023, cosine; exact"),
    "cluster_entropy": ("higher", "k-means, k = rows / 10 up to 100; Shannon over log k"),
}
OF_WORDS: Mapping[str, tuple[Better, str]] = {
    **{f"distinct_{length}": ("higher", "Li et al. 2016") for length in (1, 2, 3)},
    "self_repetition": ("lower", "Salkar et al. 2022, runs of 4 words"),
    "compression_ratio": ("lower", "Shaib et al. 2024, gzip"),
    **{f"words_{name}": ("", "words a text") for name in ("mean", "p10", "median", "p90")},
    "vocabulary": ("higher", "different words"),
    "root_type_token_ratio": ("higher", "Guiraud 1954"),
}
OF_TEXTS = {**OF_VECTORS, **OF_WORDS}
OF_REFERENCE: Mapping[str, tuple[Better, str]] = {"coverage_of_reference": ("higher", "Naeem et al. 2020, k = 5")}
OF_LEAVES: Mapping[str, tuple[Better, str]] = {
    "leaf_coverage": ("higher", "share of leaves with a row; TreeSynth"),
    "leaf_entropy": ("higher", "Shannon, over the logarithm of leaves"),
    "leaf_gini": ("lower", "Gini of rows a leaf"),
}


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


def measured(name: str, value: float | None, rows: int) -> Measure:
    """The measure of that name."""
    return Measure(name, value, rows, *{**OF_TEXTS, **OF_REFERENCE, **OF_LEAVES}[name])
