"""Texts as rows of hashed words, and the runs of words in them: what duplicates and benchmarks are looked for by.

Texts that differ in Unicode's compatibility forms, case, white space, quotes, brackets or sentence marks have the same
words. Signs that calculate (`+ - * / < = != $ ...`) are words of their own where `OPERATORS` are asked for, and so are
decimals, since `3 + 4` is not `3 - 4`. A character of a script that writes without spaces is a word.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
WORDS = rf"[{UNSPACED}]|[\w--[{UNSPACED}]]+"
OPERATORS = r"\d+(?:\.\d+)+|" + WORDS + r"|!=+|[\p{Sm}\p{Sc}*/%^&\-]+"
MARKUP = ("**", "***", "--", "---")  # bold and rules of Markdown, which calculate nothing
CHUNK = 8_192  # rows worked on at once: their arrays stay in the processor's cache

_HASH_SEED = 20_118
_INVISIBLE = r"[\u00ad\u034f\u061c\u115f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]"
# Letters that look like Latin ones (Unicode's confusables), Cyrillic, then Greek.
_ALIKE = dict(
    zip(
        "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u051b\u051d\u0410\u0412\u0415\u041a\u041c\u041d"
        "\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405\u03bf\u03b1\u03bd\u03b9\u03c1\u0391\u0392\u0395\u0396\u0397\u0399"
        "\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u0131\u0261",
        "aeopcyxijsdhqwABEKMHOPCTYXIJSoavipABEZHIKMNOPTYXig",
        strict=True,
    )
)
# Tags of HTML and commands of LaTeX that say nothing.
_INLINE_TAG = r"(?i)</?(?:b|i|u|s|em|strong|span|code|sub|sup|a|font|tt|small|mark|wbr|var|kbd)(?:\s[^<>]*)?/?>"
_TAG = (
    r"(?i)</?(?:p|br|div|pre|li|ul|ol|h[1-6]|td|tr|th|table|tbody|center|hr|section|blockquote)(?:\s[^<>]*)?/?>"
    r"|&nbsp;|&#160;"
)
_COMMAND = r"\\(?:left|right|displaystyle|quad|qquad|text|mathrm|mathbf|textbf|textit|operatorname|big|Big)\b|\\[,;:! ]"
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
    """`texts` in Unicode's NFKC and lower case, without invisible characters, look-alike letters as Latin ones; null
    becomes empty."""
    texts = texts.fill_null("")
    foreign = (texts.str.len_bytes() != texts.str.len_chars()).arg_true()
    if len(foreign):  # ASCII is its own NFKC, and most of the work would be to find that out
        plain = texts.gather(foreign).str.normalize("NFKC").str.replace_all(_INVISIBLE, "")
        texts = texts.scatter(foreign, plain.str.replace_many(list(_ALIKE), list(_ALIKE.values())))
    return texts.str.to_lowercase()


def unmarked(texts: pl.Series) -> pl.Series:
    """`texts` without tags of HTML and without what spaces and styles formulas in LaTeX."""
    tagged = (
        (texts.str.contains("<", literal=True) | texts.str.contains("&", literal=True))
        .fill_null(value=False)
        .arg_true()
    )
    if len(tagged):
        bare = texts.gather(tagged).str.replace_all(_INLINE_TAG, "").str.replace_all(_TAG, " ")
        texts = texts.scatter(tagged, bare)
    spaced = texts.str.contains("\\", literal=True).fill_null(value=False).arg_true()
    return texts.scatter(spaced, texts.gather(spaced).str.replace_all(_COMMAND, " ")) if len(spaced) else texts


def token_hashes(values: Collection[str]) -> np.ndarray:
    """uint64: the hashes that these words have in `Tokens`."""
    hashes: np.ndarray = pl.Series(list(values), dtype=pl.String).hash(_HASH_SEED).to_numpy()
    return hashes


def words(texts: pl.Series, pattern: str) -> pl.Series:
    """List[String] (n,): the words of each text, in their order."""
    return fold(texts).str.extract_all(pattern)


def tokens(texts: pl.Series, pattern: str) -> Tokens:
    """The hashed words of `texts`, without `MARKUP`."""
    lists = words(texts, pattern)
    counts = lists.list.len().to_numpy().astype(np.int64)
    flat = lists.explode(empty_as_null=False)
    hashes = flat.hash(_HASH_SEED).to_numpy()
    markup = np.isin(hashes, token_hashes(MARKUP)) if pattern != WORDS else np.zeros(0, bool)  # those are no letters
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
