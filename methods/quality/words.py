"""Texts as rows of hashed words, and the runs of words in them: what duplicates and benchmarks are looked for by.

Texts that differ in Unicode's compatibility forms, case, white space, quotes, brackets or sentence marks have the same
words. Signs that calculate (`+ - * / < = ...`) are words of their own where `OPERATORS` are asked for, since `3 + 4` is
not `3 - 4`. A character of a script that writes without spaces is a word.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
WORDS = rf"[{UNSPACED}]|[\w--[{UNSPACED}]]+"
OPERATORS = WORDS + r"|[\p{Sm}*/%^&\-]+"
MARKUP = ("**", "***", "--", "---")  # bold and rules of Markdown, which calculate nothing
CHUNK = 8_192  # rows worked on at once: their arrays stay in the processor's cache

_HASH_SEED = 20_118
_BASE, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The words of n texts: uint64 hashes, one text's after the other's, which begin at int64 (n + 1,) `offsets`."""

    hashes: np.ndarray
    offsets: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """int64 (n,): words of each text."""
        return np.diff(self.offsets)


@dataclass(frozen=True, slots=True)
class Windows:
    """Runs of words: uint64 hash, the text that each is in, and the place of its first word in it; in that order."""

    hashes: np.ndarray
    rows: np.ndarray
    places: np.ndarray


def fold(texts: pl.Series) -> pl.Series:
    """`texts` in Unicode's NFKC and lower case; null becomes empty."""
    texts = texts.fill_null("")
    foreign = (texts.str.len_bytes() != texts.str.len_chars()).arg_true()
    if len(foreign):  # ASCII is its own NFKC, and most of the work would be to find that out
        texts = texts.scatter(foreign, texts.gather(foreign).str.normalize("NFKC"))
    return texts.str.to_lowercase()


def words(texts: pl.Series, pattern: str) -> pl.Series:
    """List[String] (n,): the words of each text, in their order."""
    return fold(texts).str.extract_all(pattern)


def tokens(texts: pl.Series, pattern: str) -> Tokens:
    """The hashed words of `texts`, without `MARKUP`."""
    lists = words(texts, pattern)
    counts = lists.list.len().to_numpy().astype(np.int64)
    flat = lists.explode(empty_as_null=False)
    hashes = flat.hash(_HASH_SEED).to_numpy()
    markup = np.isin(hashes, pl.Series(MARKUP).hash(_HASH_SEED).to_numpy())
    if markup.any():
        counts -= np.bincount(np.repeat(np.arange(len(counts)), counts)[markup], minlength=len(counts))
        hashes = hashes[~markup]
    return Tokens(hashes, np.concatenate([[0], np.cumsum(counts)]))


def windows(found: Tokens, length: int, *, whole_if_shorter: bool) -> Windows:
    """Every run of `length` words; a text of fewer words is one run as a whole, or none."""
    counts = found.counts
    per_row = np.maximum(counts - length + 1, 0)
    hashes = _rolling(found.hashes, length)
    if whole_if_shorter:
        short = (counts > 0) & (counts < length)
        per_row[short] = 1
    first = np.cumsum(per_row) - per_row
    rows = np.repeat(np.arange(len(counts), dtype=np.int32), per_row)
    places = np.arange(len(rows)) - first[rows]
    hashes = hashes[found.offsets[rows] + places]
    if whole_if_shorter and short.any():
        hashes[first[short]] = whole(found)[short]
    return Windows(hashes, rows, places.astype(np.int32))


def whole(found: Tokens) -> np.ndarray:
    """uint64 (n,): a hash of each text's words in their order; equal to that of the run that they are."""
    counts = found.counts
    powers = _powers(int(counts.max(initial=0)) + 1)
    places = np.arange(len(found.hashes)) - np.repeat(found.offsets[:-1], counts)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(found.hashes * powers[places])])
    return _mixed(sums[found.offsets[1:]] - sums[found.offsets[:-1]], counts.astype(np.uint64))


def in_chunks(count: int) -> Iterator[slice]:
    """Slices of at most `CHUNK` that cover `count` rows."""
    return (slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))


def _rolling(hashes: np.ndarray, length: int) -> np.ndarray:
    """The hash of the run of `length` words that begins at each, those that end in the next text included."""
    sums = hashes.copy()
    for place, power in enumerate(_powers(length)[1:], start=1):
        sums[:-place] += hashes[place:] * power
    return _mixed(sums, np.full(1, length, np.uint64))


def _powers(count: int) -> np.ndarray:
    return np.cumprod(np.concatenate([np.ones(1, np.uint64), np.full(max(0, count - 1), _BASE)]))


def _mixed(sums: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Every bit of the hash depends on every bit of the sum; runs of different lengths never share one by design."""
    sums = sums + lengths * _MIX
    sums ^= sums >> np.uint64(32)
    sums *= _MIX
    sums ^= sums >> np.uint64(32)
    mixed: np.ndarray = sums * _MIX
    return mixed
