"""Duplicates within a batch and across batches: exact, by MinHash and by embedding; the better row stays.

Rows are ranked: higher value first, no value last, rows of other batches before own ones, then by batch and id. One
after the other each is kept, unless it resembles one that is kept. So a row that resembles only a dropped one stays,
every pointer leads to a row that stays, and the result depends neither on the order of the rows nor on blocks. Rows of
the same words are one text: the best of them is compared, and what becomes of it becomes of the others.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from evergrow.methods.quality.minhash import Shingles, shingled
from evergrow.methods.quality.near_texts import NearTexts
from evergrow.methods.quality.near_vectors import NearVectors
from evergrow.methods.quality.neighbours import Finder, Pairs
from evergrow.methods.quality.rules import Embedded, Rules

BLOCK = 512  # rows decided together: those that are all alike are compared pair by pair within it
KEPT = -1
EXACT, MINHASH, EMBEDDING = "exact", "minhash", "embedding"
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
    rows: Embedded, known: Embedded, rules: Rules, *, device: str = "cpu", block: int = BLOCK
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
        `batch, id, duplicate_of, duplicate_batch, duplicate_kind` (exact, minhash or embedding) and `similarity`
        (share of shingles or cosine; 1 if exact) of duplicates only, by batch and id. Rows of `known` are among them
        where the better one is of `rows`: the other batch was cleaned before that row was there.
    """
    table, order = _ranked(rows.frame, known.frame)
    foreign = table["foreign"].to_numpy()
    shingles = shingled(table["content"], rules.shingle_words, rules.permutations, rules.minhash_similarity)
    _, first, text = np.unique(shingles.texts, return_index=True, return_inverse=True)
    best = first[text]  # the best row of the same words
    unlike = np.flatnonzero(best == np.arange(len(best)))
    finders: list[Finder] = [NearTexts(_of(shingles, unlike), foreign[unlike], rules.minhash_similarity)]
    if rows.vectors is not None and rows.vectors.size:
        every = rows.vectors
        if known.frame.height:
            if known.vectors is None:
                raise ValueError("rows of other batches need vectors, since those of this batch have them")
            every = np.concatenate([every, known.vectors])
        finders.append(NearVectors(every[order[unlike]], foreign[unlike], rules.embedding_similarity, device))
    return _marks(table, best, unlike, thin(len(unlike), finders, block))


def thin(count: int, finders: list[Finder], block: int = BLOCK) -> Verdicts:
    """Keep the rows `0 ... count - 1`, which are in the order of rank, that resemble none kept before.

    Of several kept rows a dropped one points at the first; of several finders that find this one the first names it.
    """
    verdicts = Verdicts(np.full(count, KEPT, np.int64), np.zeros(count, np.int64), np.zeros(count))
    for start in range(0, count, block):
        rows = np.arange(start, min(start + block, count))
        for kind, finder in enumerate(finders):
            _settle(verdicts, kind, finder.against_kept(rows))
        rows = rows[verdicts.winner[rows] == KEPT]
        _decide_among(verdicts, rows, finders)
        rows = rows[verdicts.winner[rows] == KEPT]
        for finder in finders:
            finder.keep(rows)
    return verdicts


def _decide_among(verdicts: Verdicts, rows: np.ndarray, finders: list[Finder]) -> None:
    """Go through `rows` in the order of rank: each that is still there drops those that resemble it."""
    found = [pairs.only(np.argsort(pairs.earlier, kind="stable")) for pairs in (f.among(rows) for f in finders)]
    for row in np.unique(np.concatenate([pairs.earlier for pairs in found])):
        if verdicts.winner[row] == KEPT:
            for kind, pairs in enumerate(found):
                begin, end = np.searchsorted(pairs.earlier, [row, row + 1])
                _settle(verdicts, kind, pairs.only(np.arange(begin, end)))


def _settle(verdicts: Verdicts, kind: int, pairs: Pairs) -> None:
    """Drop the later rows of `pairs`, whose earlier rows stay, for the first of these."""
    order = np.lexsort((pairs.earlier, pairs.later))
    pairs = pairs.only(order[np.concatenate([[True], np.diff(pairs.later[order]) > 0])[: len(order)]])
    undecided = verdicts.winner[pairs.later] == KEPT
    pairs = pairs.only(undecided | (pairs.earlier < verdicts.winner[pairs.later]))
    verdicts.winner[pairs.later] = pairs.earlier
    verdicts.kind[pairs.later] = kind
    verdicts.similarity[pairs.later] = pairs.similarity


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


def _marks(table: pl.DataFrame, best: np.ndarray, unlike: np.ndarray, verdicts: Verdicts) -> pl.DataFrame:
    """What became of each best row, and of the rows of the same words with it."""
    text = np.searchsorted(unlike, best)
    stays = verdicts.winner[text] == KEPT
    winner = np.where(stays, best, unlike[verdicts.winner[text]])
    foreign = table["foreign"].to_numpy()
    dropped = np.flatnonzero((winner != np.arange(len(best))) & ~(foreign & foreign[winner]))
    exact, of = stays[dropped], winner[dropped]
    kinds = np.where(exact, EXACT, np.array([MINHASH, EMBEDDING])[verdicts.kind[text[dropped]]])
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
