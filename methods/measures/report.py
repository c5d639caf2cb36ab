"""All measures of a set, one row each, alone and against another set of the same size."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from evergrow.methods.measures import distances, spectrum, spread, wording
from evergrow.methods.measures.measure import Better, Measure, drawn

SCHEMA = {
    "measure": pl.String,
    "value": pl.Float64,
    "rows": pl.Int64,
    "better": pl.String,
    "source": pl.String,
}


@dataclass(frozen=True, slots=True)
class TextSet:
    """A set to be measured.

    Attributes:
        texts: String (n,).
        vectors: float32 (n, d), rows of length 1, in the same order.
        device: torch device of their products.
    """

    texts: pl.Series
    vectors: np.ndarray
    device: str = "cpu"

    def __len__(self) -> int:
        return len(self.texts)

    def draw(self, most: int) -> "TextSet":
        """All of it, or `most` rows that are drawn alike each time."""
        if len(self) <= most:
            return self
        places = drawn(len(self), most)
        return TextSet(self.texts.gather(places), self.vectors[places], self.device)


def measures(found: TextSet) -> Iterator[Measure]:
    """Every measure of a set by itself. Measures of all pairs are taken on a draw of 10,000 rows at most."""
    yield from _distances(found)
    yield from _wording(found)


def reference_coverage(found: TextSet, reference: TextSet) -> Measure:
    """How much of `reference` the set covers."""
    at = drawn(len(reference))
    value = spread.coverage(reference.vectors, found.vectors, at, found.device)
    return Measure("coverage_of_reference", value, len(at), "higher", "Naeem et al. 2020, k = 5")


def leaf_measures(counts: Sequence[int]) -> list[Measure]:
    """How the rows lie over the leaves of a tree."""
    share, even = spread.leaf_coverage(counts)
    return [
        Measure("leaf_coverage", share, even.rows, "higher", "share of leaves with a row; TreeSynth"),
        Measure("leaf_entropy", even.entropy, even.rows, "higher", "Shannon, over the logarithm of leaves"),
        Measure("leaf_gini", even.gini, even.rows, "lower", "Gini of rows a leaf"),
    ]


def table(found: Sequence[Measure]) -> pl.DataFrame:
    """One row per measure: `measure, value, rows, better, source`."""
    rows = [(one.name, one.value, one.rows, one.better, one.source) for one in found]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def differences(found: TextSet, other: TextSet) -> dict[str, float | None]:
    """By measure, what the set has more than `other`, on as many rows of both as the smaller one has."""
    rows = min(len(found), len(other))
    ours, theirs = ({one.name: one.value for one in measures(each.draw(rows))} for each in (found, other))
    return {
        name: None if value is None or (before := theirs[name]) is None else value - before
        for name, value in ours.items()
    }


def _distances(found: TextSet) -> Iterator[Measure]:
    rows, at = len(found), drawn(len(found))
    vectors = found.vectors
    similarity = distances.mean_pairwise_similarity(vectors)
    yield Measure("mean_pairwise_similarity", similarity, rows, "lower", "cosine, exact; TreeSynth 2503.17195")
    near = distances.nearest_distances(vectors, at, found.device) if rows > 1 else np.empty(0)
    for name, reduce in _OF_NEAREST.items():
        value = float(reduce(near)) if len(near) else None
        yield Measure(f"nearest_distance_{name}", value, len(at), "higher", "1 - cosine to the nearest other row")
    novelty = distances.novelsum(vectors[at], found.device)
    yield Measure("novelsum", novelty, len(at), "higher", "Yang et al. 2025, 2502.17184; density of the set itself")
    yield Measure("vendi_score", spectrum.vendi_score(vectors), rows, "higher", "Friedman, Dieng 2023, cosine; exact")
    entropy = spread.cluster_entropy(vectors[at])
    yield Measure("cluster_entropy", entropy, len(at), "higher", "k-means, k = rows / 10 up to 100; Shannon over log k")


_OF_NEAREST: dict[str, Callable[[np.ndarray], np.floating]] = {
    "mean": np.mean,
    "p10": lambda values: np.quantile(values, 0.1),
}


def _wording(found: TextSet) -> Iterator[Measure]:
    rows, words = len(found), wording.tokenised(found.texts)
    for length in (1, 2, 3):
        yield Measure(f"distinct_{length}", wording.distinct(words, length), rows, "higher", "Li et al. 2016")
    repeated = wording.self_repetition(words)
    yield Measure("self_repetition", repeated, rows, "lower", "Salkar et al. 2022, runs of 4 words")
    ratio = wording.compression_ratio(found.texts)
    yield Measure("compression_ratio", ratio, rows, "lower", "Shaib et al. 2024, gzip")
    size = wording.lengths(words)
    neither: Better = ""
    for name in ("mean", "p10", "median", "p90"):
        yield Measure(f"words_{name}", getattr(size, name) if size else None, rows, neither, "words a text")
    yield Measure("vocabulary", float(wording.vocabulary(words)), rows, "higher", "different words")
    richness = wording.root_type_token_ratio(words)
    yield Measure("root_type_token_ratio", richness, rows, "higher", "Guiraud 1954")
