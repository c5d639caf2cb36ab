"""How the texts of a set are worded: runs of words that return, redundancy, length, vocabulary.

Words are those of `methods.quality.words`, folded to lower case. All figures but the lengths depend on how many rows
there are: compare sets of one size. Runs of words are counted a share of all hashes at a time, so that beside the words
memory stays the same however many texts there are.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from evergrow.methods.quality.words import WORDS, Tokens, in_chunks, tokens, windows

REPEATED_WORDS = 4
LEVEL = 6
BLOCK = 8_192
TOGETHER = 1 << 20  # runs of words that are counted at once
MOST_SHARES = 8  # of very many runs more are counted at once: each share is a pass over all words

Words = Sequence[Tokens]  # of some texts each, in their order


@dataclass(frozen=True, slots=True)
class Lengths:
    """Words of each text: mean, and the quantiles 10 %, 50 % and 90 %."""

    mean: float
    p10: float
    median: float
    p90: float


def tokenised(texts: pl.Series) -> Words:
    """The words of `texts` as hashes, some texts at a time."""
    return [tokens(texts[part], WORDS) for part in in_chunks(len(texts))]


def distinct(found: Words, length: int) -> float | None:
    """Distinct-n (Li et al., NAACL 2016, arXiv 1510.03055): different runs of `length` words over all of them.

    Returns:
        Above 0, up to 1; None where no text is that long.
    """
    runs = _runs(found, length)
    return sum(len(np.unique(part)) for part, _ in _shares(found, length, runs)) / runs if runs else None


def self_repetition(found: Words) -> float | None:
    """Self-repetition (Salkar et al., AACL 2022; Shaib et al. 2024, arXiv 2403.00553): mean of log(1 + N).

    N is how many different runs of four words of a text also occur in another text of the set.

    Returns:
        From 0, where no run returns in another text; None for no text.
    """
    texts = len(_counts(found))
    if not texts:
        return None
    repeated = np.zeros(texts, np.int64)
    for runs, rows in _shares(found, REPEATED_WORDS, _runs(found, REPEATED_WORDS)):
        repeated += np.bincount(_shared_rows(runs, rows), minlength=texts)
    return float(np.log1p(repeated).mean())


def compression_ratio(texts: pl.Series) -> float | None:
    """Compression ratio (Shaib et al. 2024, arXiv 2403.00553): size of all texts over their size under gzip.

    Returns:
        Higher is more redundant; None where there is nothing to compress.
    """
    packer, size, packed = zlib.compressobj(LEVEL), 0, 0
    for start in range(0, len(texts), BLOCK):
        part = "\n".join(texts[start : start + BLOCK].fill_null("")).encode("utf-8", "surrogatepass") + b"\n"
        size += len(part)
        packed += len(packer.compress(part))
    packed += len(packer.flush())
    return size / packed if size > len(texts) else None


def lengths(found: Words) -> Lengths | None:
    """How many words the texts have; None for no text."""
    counts = _counts(found)
    if not len(counts):
        return None
    p10, median, p90 = np.quantile(counts, [0.1, 0.5, 0.9])
    return Lengths(float(counts.mean()), float(p10), float(median), float(p90))


def vocabulary(found: Words) -> int:
    """How many different words there are."""
    return sum(len(np.unique(part)) for part, _ in _shares(found, 1, _runs(found, 1)))


def root_type_token_ratio(found: Words, different: int) -> float | None:
    """Guiraud's index (1954): `different` words, their `vocabulary`, over the square root of all; None for no word."""
    total = _runs(found, 1)
    return different / total**0.5 if total else None


def _shared_rows(runs: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The row of each different run that is in another row as well, once a run and row."""
    order = np.lexsort((rows, runs))
    runs, rows = runs[order], rows[order]
    once = np.concatenate([[True], (runs[1:] != runs[:-1]) | (rows[1:] != rows[:-1])])
    runs, rows = runs[once], rows[once]
    same = runs[1:] == runs[:-1]
    found: np.ndarray = rows[np.concatenate([same, [False]]) | np.concatenate([[False], same])]
    return found


def _counts(found: Words) -> np.ndarray:
    """int64 (n,): words of each text."""
    return np.concatenate([np.zeros(0, np.int64), *(part.counts for part in found)])


def _runs(found: Words, length: int) -> int:
    """How many runs of `length` words there are."""
    return int(np.maximum(_counts(found) - length + 1, 0).sum())


def _shares(found: Words, length: int, runs: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All runs of `length` words, with the text that each is in: equal ones in one share."""
    shares = np.uint64(min(MOST_SHARES, -(-runs // TOGETHER)))
    for share in range(int(shares)):
        hashes, rows, first = [], [], 0
        for part in found:
            every = windows(part, length, whole_if_shorter=False)
            mine = every.hashes % shares == share
            hashes.append(every.hashes[mine])
            rows.append(every.rows[mine].astype(np.int64) + first)
            first += len(part.counts)
        yield np.concatenate(hashes), np.concatenate(rows)
