"""All measures of a set, one row each, alone and against another set of the same size."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from evergrow.methods.measures import distances, spectrum, spread, wording
from evergrow.methods.measures.measure import OF_TEXTS, Measure, drawn, measured

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
        vectors: float32 (n, d), rows of length 1, in the same order; (n, 0) where only words are measured.
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


def measures(found: TextSet, names: Collection[str] = tuple(OF_TEXTS)) -> Iterator[Measure]:
    """Measures of a set by itself, every one or those of these names; those of all pairs are taken on a draw of 10,000
    rows at most.
    """
    looked_at = _LookedAt(found)
    for name in OF_TEXTS:
        if name in names:
            yield measured(name, *_HOW[name](looked_at))


def reference_coverage(found: TextSet, reference: TextSet) -> Measure:
    """How much of `reference` the set covers."""
    at = drawn(len(reference))
    value = spread.coverage(reference.vectors, found.vectors, at, found.device)
    return measured("coverage_of_reference", value, len(at))


def leaf_measures(counts: Sequence[int]) -> list[Measure]:
    """How the rows lie over the leaves of a tree."""
    share, even = spread.leaf_coverage(counts)
    entropy, gini = (even.entropy, even.gini) if even.rows and even.leaves else (None, None)
    values = {"leaf_coverage": share, "leaf_entropy": entropy, "leaf_gini": gini}
    return [measured(name, value, even.rows) for name, value in values.items()]


def table(found: Sequence[Measure]) -> pl.DataFrame:
    """One row per measure: `measure, value, rows, better, source`."""
    rows = [(one.name, one.value, one.rows, one.better, one.source) for one in found]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def differences(found: TextSet, other: TextSet, names: Collection[str] = tuple(OF_TEXTS)) -> dict[str, float | None]:
    """By measure, what the set has more than `other`, on as many rows of both as the smaller one has."""
    rows = min(len(found), len(other))
    ours, theirs = ({one.name: one.value for one in measures(each.draw(rows), names)} for each in (found, other))
    return {
        name: None if value is None or (before := theirs[name]) is None else value - before
        for name, value in ours.items()
    }


class _LookedAt:
    """A set, and what several of its measures are told from, worked out when the first of them is asked for."""

    def __init__(self, found: TextSet) -> None:
        self.found, self.rows = found, len(found)

    @cached_property
    def drawn(self) -> np.ndarray:
        return drawn(self.rows)

    @cached_property
    def near(self) -> np.ndarray:
        if self.rows < 2:
            return np.empty(0)
        return distances.nearest_distances(self.found.vectors, self.drawn, self.found.device)

    @cached_property
    def words(self) -> wording.Words:
        return wording.tokenised(self.found.texts)

    @cached_property
    def vocabulary(self) -> int:
        return wording.vocabulary(self.words)

    @cached_property
    def lengths(self) -> wording.Lengths | None:
        return wording.lengths(self.words)


Value = tuple[float | None, int]  # and the rows that it was taken on


def _near(reduce: Callable[[np.ndarray], np.floating]) -> Callable[[_LookedAt], Value]:
    return lambda at: (float(reduce(at.near)) if len(at.near) else None, len(at.drawn))


def _distinct(length: int) -> Callable[[_LookedAt], Value]:
    return lambda at: (wording.distinct(at.words, length), at.rows)


def _length(name: str) -> Callable[[_LookedAt], Value]:
    return lambda at: (getattr(at.lengths, name) if at.lengths else None, at.rows)


_HOW: Mapping[str, Callable[[_LookedAt], Value]] = {
    "mean_pairwise_similarity": lambda at: (distances.mean_pairwise_similarity(at.found.vectors), at.rows),
    "nearest_distance_mean": _near(np.mean),
    "nearest_distance_p10": _near(lambda values: np.quantile(values, 0.1)),
    "novelsum": lambda at: (distances.novelsum(at.found.vectors[at.drawn], at.found.device), len(at.drawn)),
    "vendi_score": lambda at: (spectrum.vendi_score(at.found.vectors, at.found.device), at.rows),
    "cluster_entropy": lambda at: (spread.cluster_entropy(at.found.vectors[at.drawn]), len(at.drawn)),
    **{f"distinct_{length}": _distinct(length) for length in (1, 2, 3)},
    "self_repetition": lambda at: (wording.self_repetition(at.words), at.rows),
    "compression_ratio": lambda at: (wording.compression_ratio(at.found.texts), at.rows),
    **{f"words_{name}": _length(name) for name in ("mean", "p10", "median", "p90")},
    "vocabulary": lambda at: (float(at.vocabulary), at.rows),
    "root_type_token_ratio": lambda at: (wording.root_type_token_ratio(at.words, at.vocabulary), at.rows),
}
