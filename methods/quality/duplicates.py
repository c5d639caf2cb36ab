"""Duplicates within a batch and across batches: exact, by MinHash and by embedding; the better row stays.

Rows are ranked: higher value first, no value last, rows of other batches before own ones, then by batch and id. One
after the other each is kept, unless it resembles one that is kept. So a row that resembles only a dropped one stays,
every pointer leads to a row that stays, and the result depends neither on the order of the rows nor on blocks. Rows of
the same words are one text, and so are those whose code does the same (its own names and its comments aside): the best
of them is compared, and what becomes of it becomes of the others. Rows that are much alike stay apart if they ask
different things (see `contents`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from evergrow.methods.quality.code import NO_CODE
from evergrow.methods.quality.contents import Contents
from evergrow.methods.quality.minhash import Shingles, shingled
from evergrow.methods.quality.near_texts import NearTexts, with_candidates
from evergrow.methods.quality.near_vectors import NearVectors
from evergrow.methods.quality.neighbours import Finder, Pairs
from evergrow.methods.quality.rules import CleaningRules, Embedded

BLOCK = 512  # rows decided together: those that are all alike are compared pair by pair within it
KEPT = -1
EXACT, SYNTAX, MINHASH, EMBEDDING = "exact", "syntax", "minhash", "embedding"
Apart = Callable[[np.ndarray, np.ndarray], np.ndarray]
SCHEMA = {
    "batch": pl.String,
    "id": pl.String,
    "duplicate_of": pl.String,
    "duplicate_batch": pl.String,
    "duplicate_kind": pl.String,
    "similarity": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of n rows, numbered by rank.

    `winner` int64 (n,): the row that stays in the place of each, `KEPT` for those that stay; `kind` int64 (n,): which
    finder found that; `similarity` float64 (n,): its measure.
    """

    winner: np.ndarray
    kind: np.ndarray
    similarity: np.ndarray


def mark_duplicates(
    rows: Embedded, known: Embedded, rules: CleaningRules, *, device: str = "cpu", block: int = BLOCK
) -> pl.DataFrame:
    """The duplicates among `rows`, and those rows of other batches that a better row of these is a duplicate of.

    Args:
        rows: `batch, id, content` (the text that is compared) and `value` (may be null) of the batch; (batch, id) is
            unique; the vectors are those of `content`.
        known: the same columns of the rows that other batches kept; they are not compared with each other.
        rules: thresholds and lengths.
        device: torch device of the products of vectors.
        block: rows decided together; it bounds the memory, not the result.

    Returns:
        `batch, id, duplicate_of, duplicate_batch, duplicate_kind` (exact, syntax, minhash or embedding) and
        `similarity` (share of shingles or cosine; else 1) of duplicates only, by batch and id. Rows of `known` are
        among them where the better one is of `rows`: the other batch was cleaned before that row was there.
    """
    table, order = _ranked(rows.frame, known.frame)
    foreign = table["foreign"].to_numpy()
    shingles = shingled(table["content"], rules.shingle_words, rules.permutations, rules.minhash_similarity)
    contents = Contents(table["content"])
    exact = shingles.texts
    shingles = replace(shingles, texts=_identities(contents, exact))
    _, first, text = np.unique(shingles.texts, return_index=True, return_inverse=True)
    best = first[text]  # the best row of the same words
    unlike = np.flatnonzero(best == np.arange(len(best)))
    has_vectors = rows.vectors is not None and rows.vectors.size > 0
    contents.read(unlike if has_vectors else unlike[with_candidates(_of(shingles, unlike), foreign[unlike])])
    groups, subgroups = contents.decisive[unlike], contents.contents[unlike]
    finders: list[Finder] = [
        NearTexts(_of(shingles, unlike), foreign[unlike], rules.minhash_similarity, groups, subgroups)
    ]
    if rows.vectors is not None and rows.vectors.size:
        every = rows.vectors
        if known.frame.height:
            if known.vectors is None:
                raise ValueError("rows of other batches need vectors, since those of this batch have them")
            every = np.concatenate([every, known.vectors])
        finders.append(NearVectors(every[order[unlike]], foreign[unlike], rules.embedding_similarity, device, groups))
    verdicts = thin(len(unlike), finders, block, lambda one, two: contents.apart(unlike[one], unlike[two]))
    return _marks(table, best, unlike, verdicts, exact)


def thin(count: int, finders: list[Finder], block: int = BLOCK, apart: Apart | None = None) -> Verdicts:
    """Keep the rows `0 ... count - 1`, which are in the order of rank, that resemble none kept before.

    Of several kept rows a dropped one points at the first; of several finders that find this one the first names it.
    `apart` says of pairs that were found (int64 places of their rows) which of them stay apart all the same.
    """
    verdicts = Verdicts(np.full(count, KEPT, np.int64), np.zeros(count, np.int64), np.zeros(count))
    for start in range(0, count, block):
        rows = np.arange(start, min(start + block, count))
        for kind, finder in enumerate(finders):
            _settle(verdicts, kind, _together(finder.against_kept(rows), apart))
        rows = rows[verdicts.winner[rows] == KEPT]
        _decide_among(verdicts, rows, finders, apart)
        rows = rows[verdicts.winner[rows] == KEPT]
        for finder in finders:
            finder.keep(rows)
    return verdicts


def _decide_among(verdicts: Verdicts, rows: np.ndarray, finders: list[Finder], apart: Apart | None) -> None:
    """Go through `rows` in the order of rank: each that is still there drops those that resemble it."""
    found = [
        pairs.only(np.argsort(pairs.earlier, kind="stable"))
        for pairs in (_together(f.among(rows), apart) for f in finders)
    ]
    for row in np.unique(np.concatenate([pairs.earlier for pairs in found])):
        if verdicts.winner[row] == KEPT:
            for kind, pairs in enumerate(found):
                begin, end = np.searchsorted(pairs.earlier, [row, row + 1])
                _settle(verdicts, kind, pairs.only(np.arange(begin, end)))


def _together(pairs: Pairs, apart: Apart | None) -> Pairs:
    """Those that do not stay apart."""
    return pairs if apart is None or not len(pairs.earlier) else pairs.only(~apart(pairs.earlier, pairs.later))


def _settle(verdicts: Verdicts, kind: int, pairs: Pairs) -> None:
    """Drop the later rows of `pairs`, whose earlier rows stay, for the first of these."""
    order = np.lexsort((pairs.earlier, pairs.later))
    pairs = pairs.only(order[np.concatenate([[True], np.diff(pairs.later[order]) > 0])[: len(order)]])
    undecided = verdicts.winner[pairs.later] == KEPT
    pairs = pairs.only(undecided | (pairs.earlier < verdicts.winner[pairs.later]))
    verdicts.winner[pairs.later] = pairs.earlier
    verdicts.kind[pairs.later] = kind
    verdicts.similarity[pairs.later] = pairs.similarity


def _identities(contents: Contents, exact: np.ndarray) -> np.ndarray:
    """uint64 (n,): equal for the same words, and for the same prose around code that does the same."""
    prose = np.where(contents.code == NO_CODE, exact, contents.prose)
    identities: np.ndarray = np.where(contents.code == NO_CODE, exact, prose * np.uint64(31) + contents.code)
    return identities


def _ranked(rows: pl.DataFrame, known: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
    """All rows by rank with `foreign` (of another batch), and the place of each in `rows` followed by `known`."""
    columns = [*(pl.col(name).cast(pl.String) for name in ("batch", "id", "content")), pl.col("value").cast(pl.Float64)]
    parts = [frame.select(*columns, foreign=pl.lit(foreign)) for frame, foreign in ((rows, False), (known, True))]
    table = pl.concat(parts).with_columns(pl.col("value").fill_nan(None)).with_row_index("place")
    table = table.sort(
        "value", "foreign", "batch", "id", descending=[True, True, False, False], nulls_last=[True, False, False, False]
    )
    return table, table["place"].to_numpy()


def _of(shingles: Shingles, rows: np.ndarray) -> Shingles:
    """The shingles of `rows` only."""
    sizes = np.diff(shingles.offsets)[rows]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    places = np.arange(offsets[-1]) + np.repeat(shingles.offsets[rows] - offsets[:-1], sizes)
    return Shingles(shingles.values[places], offsets, shingles.texts[rows], shingles.bands[:, rows])


def _marks(
    table: pl.DataFrame, best: np.ndarray, unlike: np.ndarray, verdicts: Verdicts, words: np.ndarray
) -> pl.DataFrame:
    """What became of each best row, and of the rows of the same words with it."""
    text = np.searchsorted(unlike, best)
    stays = verdicts.winner[text] == KEPT
    winner = np.where(stays, best, unlike[verdicts.winner[text]])
    foreign = table["foreign"].to_numpy()
    dropped = np.flatnonzero((winner != np.arange(len(best))) & ~(foreign & foreign[winner]))
    exact, of = stays[dropped], winner[dropped]
    spelt = np.where(words[dropped] == words[of], EXACT, SYNTAX)
    kinds = np.where(exact, spelt, np.array([MINHASH, EMBEDDING])[verdicts.kind[text[dropped]]])
    similarity = np.where(exact, 1.0, verdicts.similarity[text[dropped]])
    marks = {
        "batch": table["batch"].gather(dropped),
        "id": table["id"].gather(dropped),
        "duplicate_of": table["id"].gather(of),
        "duplicate_batch": table["batch"].gather(of),
        "duplicate_kind": pl.Series(kinds.tolist(), dtype=pl.String),
        "similarity": similarity,
    }
    return pl.DataFrame(marks, schema=SCHEMA).sort("batch", "id")
