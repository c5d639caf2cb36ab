"""What texts are about, word by word: whether two that are much alike ask the same.

Two such texts are apart if they differ in what decides (see `lexicon`): a number, a sign, an operator, a negation, one
of two opposites, a unit; or if a few contents of one stand where others stand in the other, as an option or a name does
in a frame. They ask the same if they differ in spelling, in idle words, in inflections and synonyms, in the order of
their sentences, or in much at once, as paraphrases do.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from evergrow.methods.quality.code import without_code
from evergrow.methods.quality.lexicon import CONTENT, DECISIVE, IDLE, WEAK, concept
from evergrow.methods.quality.words import UNSPACED, Tokens, fold, in_chunks, whole

FEW = 3  # different contents that stand for others in one frame
TYPO_CHARS = 6  # of a word that may be another one, misspelt
COMPARED_TOGETHER = 1 << 22  # words
_SEED = 89

_TOKENS = (
    rf"\d+(?:[.,:]\d+)*|[{UNSPACED}]|[\p{{L}}_][\w--[{UNSPACED}]]*(?:['\u2019]t\b)?|!=+|[.?!\n]"
    r"|[\p{Sm}\p{Sc}*/%^&\-]+"
)
# Marks of layout and hyphens, which calculate nothing.
_LAYOUT = (
    (r"(?m)^\s*(?:[-*+]\s+|\d{1,2}[.)]\s+|#+\s+)", "\n"),
    (r"\*{2,3}|--+|_{2,}|`+", " "),
    (r"(^|\s)\*(\S)", "$1$2"),
    (r"(\p{L})\*(\s|$|[.,:;])", "$1$2"),
    (r"(\p{L}{2})\s?[-/]\s?(\p{L}{2})", "$1 $2"),
    (r"[\u2018\u2019]", "'"),
)
_PIVOTS = frozenset(("to", "from", "by", "than", "into", "over", "before", "after", "minus", "of", "per"))
_PIVOTS |= frozenset("-/<>^%") | {"<=", ">="}
_ENDS = frozenset(".?!\n")


@dataclass(frozen=True, slots=True)
class _Features:
    """Concepts of texts: int32 ids, sorted within each text, which begin at `offsets`."""

    ids: np.ndarray
    offsets: np.ndarray


class Contents:
    """The concepts of n texts, of those that are read.

    Attributes:
        decisive: uint64 (n,): equal only where two texts may ask the same: a hash of their code and of the concepts
            that decide.
        contents: uint64 (n,): a hash of their code and of all their concepts, whatever the order.
        prose: uint64 (n,): a hash of all words outside of code, in their order.
        code: uint64 (n,): of what the code in each does, `NO_CODE` where there is none.
    """

    def __init__(self, texts: pl.Series) -> None:
        self._texts, self.code = without_code(texts.fill_null(""))
        self.prose = self._texts.str.strip_chars().hash(_SEED).to_numpy()

    def read(self, rows: np.ndarray) -> None:
        """Read the texts in these places, the only ones that are compared from now on."""
        read = np.zeros(len(self._texts), bool)
        read[rows] = True
        self._texts = self._texts.zip_with(pl.Series(read), pl.Series([""], dtype=pl.String))
        self._names: list[str] = []
        self._kind_of: list[int] = []
        self._by_name: dict[str, int] = {}
        self._by_word: dict[str, int] = {}
        self._kinds = np.empty(0, np.int8)
        self._arounds: dict[int, set[tuple[str, str, str]]] = {}
        self._features = self._read()
        weights = _mixed(np.arange(1, len(self._names) + 1, dtype=np.uint64))
        self.decisive = self._hash(weights, self._kinds == DECISIVE) + self.code
        self.contents = self._hash(weights, self._kinds != IDLE) + self.code

    def apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Boolean (pairs,): whether the texts of each pair of places, which are alike, ask different things."""
        found = np.empty(len(first), bool)
        sizes = np.diff(self._features.offsets)
        ends = np.cumsum(sizes[first] + sizes[second])
        start = 0
        while start < len(first):
            done = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, done + COMPARED_TOGETHER, side="right")))
            found[start:stop] = self._apart(first[start:stop], second[start:stop])
            start = stop
        return found

    def _apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        apart: np.ndarray = self.decisive[first] != self.decisive[second]
        open_pairs = np.flatnonzero(~apart)
        pairs, ids, surplus = self._differences(first[open_pairs], second[open_pairs])
        kinds = self._kinds[ids]
        told = np.flatnonzero(kinds >= CONTENT)
        ours = np.bincount(pairs[told][surplus[told] > 0], minlength=len(open_pairs))
        theirs = np.bincount(pairs[told][surplus[told] < 0], minlength=len(open_pairs))
        few = (ours > 0) & (theirs > 0) & (np.maximum(ours, theirs) <= FEW)
        weak = np.flatnonzero(kinds == WEAK)
        opposite = np.bincount(pairs[weak][surplus[weak] > 0], minlength=len(open_pairs)) > 0
        opposite &= np.bincount(pairs[weak][surplus[weak] < 0], minlength=len(open_pairs)) > 0
        apart[open_pairs[opposite]] = True
        for place in np.flatnonzero(few & ~opposite):
            mine = (
                told[pairs[told] == place]
                if len(told) < 64
                else told[slice(*np.searchsorted(pairs[told], [place, place + 1]))]
            )
            apart[open_pairs[place]] = not self._misspelt(ids[mine], surplus[mine])
        in_order = self._sequences[first[open_pairs]] == self._sequences[second[open_pairs]]
        for place in np.flatnonzero((ours == 0) & (theirs == 0) & ~in_order):
            pair = open_pairs[place]
            apart[pair] = self._reordered(int(first[pair]), int(second[pair]))
        return apart

    def _differences(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pair, concept and by how many the first text has it more often; sorted by pair."""
        rows = np.concatenate([first, second])
        sizes = np.diff(self._features.offsets)[rows]
        ends = np.cumsum(sizes)
        total = int(ends[-1]) if len(ends) else 0
        places = np.arange(total) + np.repeat(self._features.offsets[rows] - (ends - sizes), sizes)
        pairs = np.repeat(np.tile(np.arange(len(first), dtype=np.int64), 2), sizes)
        signs = np.repeat(np.repeat(np.array([1, -1]), len(first)), sizes)
        keys = pairs << 32 | self._features.ids[places].astype(np.int64)
        order = np.argsort(keys, kind="stable")
        keys, signs = keys[order], signs[order]
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
        surplus = np.add.reduceat(signs, starts) if len(starts) else np.empty(0, np.int64)
        keys, surplus = keys[starts][surplus != 0], surplus[surplus != 0]
        return keys >> 32, keys & 0xFFFFFFFF, surplus

    def _misspelt(self, ids: np.ndarray, surplus: np.ndarray) -> bool:
        """Whether what one text has more is what the other has more, misspelt."""
        ours, theirs = (
            [self._names[i].removeprefix(f"{CONTENT}:") for i in side] for side in (ids[surplus > 0], ids[surplus < 0])
        )
        return len(ours) == len(theirs) and all(any(_is_misspelt(one, two) for two in theirs) for one in ours)

    def _reordered(self, first: int, second: int) -> bool:
        """Whether the same words in another order ask something else: what is around numbers and pivots."""
        one, two = self._around(first), self._around(second)
        numbers = [{around for around in side if around[1][0].isdigit()} for side in (one, two)]
        swapped = any((after, pivot, before) in two for before, pivot, after in one - two if before != after)
        return numbers[0] != numbers[1] or swapped

    def _around(self, row: int) -> set[tuple[str, str, str]]:
        """Numbers and pivots with the concepts before and after them, within their sentence."""
        if row in self._arounds:
            return self._arounds[row]
        words = _tokens(self._texts[row : row + 1]).item().to_list()
        said = ["" if word in _ENDS else concept(word)[1] for word in words]
        kinds = [IDLE if word in _ENDS else concept(word)[0] for word in words]
        found = self._arounds[row] = set()
        for at, word in enumerate(words):
            if word in _PIVOTS or said[at][:1].isdigit():
                found.add((_nearest(said, kinds, at, -1), said[at], _nearest(said, kinds, at, 1)))
        return found

    def _read(self) -> _Features:
        parts, counts, sequences = [], [], []
        for part in in_chunks(len(self._texts)):
            lists = _tokens(self._texts[part])
            flat = lists.explode(empty_as_null=False)
            ids = self._ids(flat)
            counted = lists.list.len().to_numpy().astype(np.int64)
            rows = np.repeat(np.arange(len(counted)), counted)
            known = self._kinds[ids] != IDLE if len(ids) else np.empty(0, bool)
            rows, ids = rows[known], ids[known]
            sizes = np.bincount(rows, minlength=len(counted))
            said = Tokens(_mixed(ids.astype(np.uint64) + np.uint64(1)), np.concatenate([[0], np.cumsum(sizes)]))
            sequences.append(whole(said))
            keys = np.sort(rows.astype(np.int64) << 32 | ids)
            parts.append((keys & 0xFFFFFFFF).astype(np.int32))
            counts.append(sizes)
        self._sequences = np.concatenate(sequences) if sequences else np.empty(0, np.uint64)
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(counts))]) if counts else np.zeros(1, np.int64)
        return _Features(np.concatenate(parts) if parts else np.empty(0, np.int32), offsets)

    def _ids(self, flat: pl.Series) -> np.ndarray:
        """The ids of the concepts of words; new ones get the next."""
        values = flat.unique(maintain_order=True)
        new = pl.Series([self._id(word) for word in values], dtype=pl.Int32)
        self._kinds = np.array(self._kind_of, np.int8)
        if not len(flat):
            return np.empty(0, np.int32)
        joined = flat.to_frame("word").join(
            pl.DataFrame({"word": values, "id": new}), on="word", how="left", maintain_order="left"
        )
        return joined["id"].to_numpy()

    def _id(self, word: str) -> int:
        """The number of a word's concept."""
        if word in _ENDS:
            word = "_"
        if (known := self._by_word.get(word)) is not None:
            return known
        kind, name = concept(word)
        number = self._by_name.setdefault(name, len(self._names))
        if number == len(self._names):
            self._names.append(name)
            self._kind_of.append(kind)
        self._by_word[word] = number
        return number

    def _hash(self, weights: np.ndarray, which: np.ndarray) -> np.ndarray:
        """uint64 (n,): a hash of those concepts of each text that `which` selects, whatever their order."""
        features = self._features
        values = (
            np.where(which[features.ids], weights[features.ids], np.uint64(0)) if len(features.ids) else weights[:0]
        )
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])
        return _mixed(sums[features.offsets[1:]] - sums[features.offsets[:-1]])


def _tokens(texts: pl.Series) -> pl.Series:
    """List[String] (n,): words, numbers, operators and ends of sentences of each text."""
    texts = fold(texts)
    for pattern, instead in _LAYOUT:
        texts = texts.str.replace_all(pattern, instead)
    return texts.str.extract_all(_TOKENS)


def _nearest(said: list[str], kinds: list[int], at: int, step: int) -> str:
    """The concept that is next to the word in this place, idle words left aside; empty at the end of its sentence."""
    at += step
    while 0 <= at < len(said) and said[at]:
        if kinds[at] != IDLE:
            return said[at]
        at += step
    return ""


def _is_misspelt(one: str, two: str) -> bool:
    """Whether a long word is another with one letter more, less or changed, or two of them swapped."""
    if min(len(one), len(two)) < TYPO_CHARS or one[0] != two[0] or abs(len(one) - len(two)) > 1 or ":" in one + two:
        return False
    at = next((place for place, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    rest_one, rest_two = one[at:], two[at:]
    return (
        rest_one[1:] == rest_two
        or rest_one == rest_two[1:]
        or rest_one[1:] == rest_two[1:]
        or (rest_one[:2] == rest_two[:2][::-1] and rest_one[2:] == rest_two[2:])
    )


def _mixed(numbers: np.ndarray) -> np.ndarray:
    numbers = numbers * np.uint64(0x9E3779B97F4A7C15)
    numbers ^= numbers >> np.uint64(29)
    numbers *= np.uint64(0xBF58476D1CE4E5B9)
    numbers ^= numbers >> np.uint64(32)
    return numbers
