"""MinHash with locality-sensitive hashing: which texts may share most of their runs of words, and how much they do.

A signature is the least value of each of many hash functions over a text's shingles (Broder 1997); texts whose
signatures agree in a whole band are candidates (Leskovec et al., Mining of Massive Datasets, 3.4). Candidates are
verified by the true share of shingles in common: at most one pair in a few is none, the shingles are at hand, and an
estimate by 128 values errs by 0.035 at 0.8, which would take one text for the copy of another.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from evergrow.methods.quality.words import OPERATORS, Tokens, in_chunks, tokens, whole, windows

RECALL = 0.95  # share of the pairs at the threshold that bands must find
VERIFIED_TOGETHER = 1 << 23  # shingles compared at once: 64 MiB

_SEED = 1997
_HALF = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Shingles:
    """The shingles of n texts, for near-duplicates among them.

    `values` are uint32, sorted and different within each text, whose begin at int64 (n + 1,) `offsets`; `texts` is
    uint64 (n,), a hash of all words of each; `bands` uint32 (bands, n), equal where a band of two signatures is.
    Texts without words have no shingles, and zero in `bands`.
    """

    values: np.ndarray
    offsets: np.ndarray
    texts: np.ndarray
    bands: np.ndarray


def shingled(texts: pl.Series, length: int, permutations: int, similarity: float) -> Shingles:
    """Shingles of `length` words and bands of signatures of `permutations` values, made to find `similarity`."""
    per_band = band_rows(permutations, similarity)
    multipliers, addends = _hash_functions(permutations // per_band * per_band)
    values, counts, hashes, bands = [], [], [], []
    for part in in_chunks(len(texts)):
        found = tokens(texts[part], OPERATORS)
        chunk, sizes = _distinct(found, length)
        values.append(chunk)
        counts.append(sizes)
        hashes.append(np.where(found.counts > 0, whole(found), texts[part].hash(_SEED).to_numpy()))
        bands.append(_bands(_signatures(chunk, sizes, multipliers, addends), per_band))
    if not values:
        return Shingles(
            np.empty(0, np.uint32), np.zeros(1, np.int64), np.empty(0, np.uint64), np.empty((0, 0), np.uint32)
        )
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return Shingles(np.concatenate(values), offsets, np.concatenate(hashes), np.concatenate(bands, axis=1))


def band_rows(permutations: int, similarity: float) -> int:
    """The most values in a band with which `RECALL` of the pairs of just that similarity become candidates."""
    rows = np.arange(1, permutations + 1)
    found = 1 - (1 - similarity**rows) ** (permutations // rows)
    enough = np.flatnonzero(found >= RECALL)
    return int(rows[enough[-1]]) if len(enough) else 1


def jaccard(shingles: Shingles, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """float64: the share of shingles in common of each pair of texts, 0 where neither has any."""
    sizes = np.diff(shingles.offsets)
    both = sizes[first] + sizes[second]
    common = np.zeros(len(first), dtype=np.int64)
    ends = np.cumsum(both)
    start = 0
    while start < len(first):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + VERIFIED_TOGETHER, side="right")))
        common[start:stop] = _common(shingles, first[start:stop], second[start:stop])
        start = stop
    share: np.ndarray = common / np.maximum(both - common, 1)
    return share


def _distinct(found: Tokens, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The different shingles of each text, sorted, and their number."""
    runs = windows(found, length, whole_if_shorter=True)
    keys = (runs.rows.astype(np.uint64) << _HALF) | (runs.hashes >> _HALF)
    keys.sort()
    if len(keys):
        keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
    sizes = np.bincount((keys >> _HALF).astype(np.int64), minlength=len(found.counts))
    return keys.astype(np.uint32), sizes


def _hash_functions(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Odd multipliers and addends of `count` hash functions of 32 bits, the same always."""
    drawn = np.random.default_rng(_SEED).integers(0, 2**32, (2, count), dtype=np.uint32)
    return drawn[0] | np.uint32(1), drawn[1]


def _signatures(values: np.ndarray, sizes: np.ndarray, multipliers: np.ndarray, addends: np.ndarray) -> np.ndarray:
    """uint32 (functions, texts): the least hash of each text's shingles; 0 for texts without."""
    signatures = np.zeros((len(multipliers), len(sizes)), dtype=np.uint32)
    filled = sizes > 0
    starts = (np.cumsum(sizes) - sizes)[filled]
    for at, (multiplier, addend) in enumerate(zip(multipliers, addends, strict=True)):
        if len(starts):
            signatures[at, filled] = np.minimum.reduceat(values * multiplier + addend, starts)
    return signatures


def _bands(signatures: np.ndarray, per_band: int) -> np.ndarray:
    """uint32 (bands, texts): one value a band. That unequal bands share one costs a comparison, no error."""
    weights, _ = _hash_functions(per_band)
    banded = signatures.reshape(-1, per_band, signatures.shape[1])
    keys = np.zeros((banded.shape[0], banded.shape[2]), dtype=np.uint32)
    for at, weight in enumerate(weights):
        keys += (banded[:, at] ^ (banded[:, at] >> np.uint32(15))) * weight
    return keys


def _common(shingles: Shingles, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Shingles that the texts of each pair share: equal neighbours once those of each pair are sorted."""
    rows = np.concatenate([first, second])
    sizes = shingles.offsets[rows + 1] - shingles.offsets[rows]
    ends = np.cumsum(sizes)
    places = np.arange(ends[-1]) + np.repeat(shingles.offsets[rows] - (ends - sizes), sizes)
    pairs = np.repeat(np.tile(np.arange(len(first), dtype=np.uint64), 2), sizes)
    keys = (pairs << _HALF) | shingles.values[places]
    keys.sort()
    shared = keys[1:][keys[1:] == keys[:-1]]
    return np.bincount((shared >> _HALF).astype(np.int64), minlength=len(first))
