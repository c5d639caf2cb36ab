"""How the texts of a set are worded: runs of words that return, redundancy, length, vocabulary.

Words are those of `methods.quality.words`, folded to lower case. All figures but the lengths depend on how many rows
there are: compare sets of one size.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import polars as pl

from evergrow.methods.quality.words import WORDS, Tokens, in_chunks, tokens, windows

REPEATED_WORDS = 4
LEVEL = 6
BLOCK = 8_192


@dataclass(frozen=True, slots=True)
class Lengths:
    """Words of each text: mean, and the quantiles 10 %, 50 % and 90 %."""

    mean: float
    p10: float
    median: float
    p90: float


def tokenised(texts: pl.Series) -> Tokens:
    """The words of `texts` as hashes."""
    parts = [tokens(texts[part], WORDS) for part in in_chunks(len(texts))]
    counts = np.concatenate([np.zeros(1, np.int64), *(part.counts for part in parts)])
    return Tokens(np.concatenate([np.empty(0, np.uint64), *(part.hashes for part in parts)]), np.cumsum(counts))


def distinct(found: Tokens, length: int) -> float | None:
    """Distinct-n (Li et al., NAACL 2016, arXiv 1510.03055): different runs of `length` words over all of them.

    Returns:
        Above 0, up to 1; None where no text is that long.
    """
    runs = windows(found, length, whole_if_shorter=False).hashes
    return float(len(np.unique(runs)) / len(runs)) if len(runs) else None


def self_repetition(found: Tokens) -> float | None:
    """Self-repetition (Salkar et al., AACL 2022; Shaib et al. 2024, arXiv 2403.00553): mean of log(1 + N).

    N is how many different runs of four words of a text also occur in another text of the set.

    Returns:
        From 0, where no run returns in another text; None for no text.
    """
    texts = len(found.counts)
    if not texts:
        return None
    runs = windows(found, REPEATED_WORDS, whole_if_shorter=False)
    once = pl.DataFrame({"run": runs.hashes, "row": runs.rows}).unique()
    shared = once.filter(pl.len().over("run") > 1)
    counts = np.bincount(shared["row"].to_numpy(), minlength=texts)
    return float(np.log1p(counts).mean())


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


def lengths(found: Tokens) -> Lengths | None:
    """How many words the texts have; None for no text."""
    counts = found.counts
    if not len(counts):
        return None
    p10, median, p90 = np.quantile(counts, [0.1, 0.5, 0.9])
    return Lengths(float(counts.mean()), float(p10), float(median), float(p90))


def vocabulary(found: Tokens) -> int:
    """How many different words there are."""
    return len(np.unique(found.hashes))


def root_type_token_ratio(found: Tokens) -> float | None:
    """Guiraud's index (1954): different words over the square root of all words; None for no word."""
    return vocabulary(found) / len(found.hashes) ** 0.5 if len(found.hashes) else None
