"""Contamination: rows that share a run of words with a benchmark, or ask what it asks (method.md E.1).

The paper rejects a row that has 10 words in a row in common with an item, following Qwen2.5-Coder. Words are runs of
letters, digits and underscores in lower case, in prose as in code: layout, quotes, brackets, tags, invisible characters
and look-alike letters hide nothing. Runs that prove nothing do not count: those that several items of one benchmark
have, and those with fewer than three different words that tell something, unless they are a whole text. Many tasks
begin with "Write a function that takes a list of integers and returns", many tests hold the same lists of numbers.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from evergrow.methods.quality.lexicon import COMMON
from evergrow.methods.quality.words import (
    WORDS,
    Tokens,
    Windows,
    in_chunks,
    token_hashes,
    tokens,
    unmarked,
    windows,
    words,
)
from evergrow.methods.vectors import NOTHING, cosines, heads, principal_axes, reaching, whole

ITEMS_PER_RUN = 4  # a run that more items have counts for the first of them
COMMON_TO = 3  # items of one benchmark; a run that more have is its boilerplate
NO_HASH = np.uint64(2**64 - 1)
FIELDS = ("content", "response")
SCHEMA = dict.fromkeys(("batch", "id", "benchmark", "item", "span"), pl.String)

HIT = ("row", "field", "place", "length", "number", "proves", "whole")

_BITS = range(16, 27)  # of the table that most runs are looked up in: 64 KiB to 64 MiB


@dataclass(frozen=True, slots=True)
class RunIndex:
    """The runs of words of benchmarks.

    `hashes` uint64, sorted, different; `items` int64 (runs, `ITEMS_PER_RUN`): numbers of the first items that have
    each, else `NOTHING`; `proves` bool (runs,): whether it proves anything; `wholes` int64
    (runs,): words of its text if none of that text's runs does, else 0; `maybe` bool: whether a run's hash begins
    with these bits; `lengths`: words of the runs.
    """

    hashes: np.ndarray
    items: np.ndarray
    proves: np.ndarray
    wholes: np.ndarray
    maybe: np.ndarray
    lengths: tuple[int, ...]

    def find(self, runs: Windows) -> tuple[np.ndarray, np.ndarray]:
        """Which of `runs` are known (their places in it), and the place of each in `hashes`."""
        likely = np.flatnonzero(self.maybe[runs.hashes >> np.uint64(65 - len(self.maybe).bit_length())])
        if not len(likely):
            return likely, likely
        place = np.minimum(np.searchsorted(self.hashes, runs.hashes[likely]), len(self.hashes) - 1)
        sure = self.hashes[place] == runs.hashes[likely]
        return likely[sure], place[sure]


def find_contamination(rows: pl.DataFrame, benchmarks: pl.DataFrame, length: int) -> pl.DataFrame:
    """The rows whose instruction or response has `length` words in a row in common with an item of a benchmark.

    Of an item's text that is shorter all words must be in the row, one after the other, if they are at least half of
    `length`; of one still shorter the row's instruction must consist.

    Args:
        rows: `batch, id, content, response` (may be null).
        benchmarks: `benchmark, item, text`: as many texts an item as it has.
        length: words in a row.

    Returns:
        `batch, id, benchmark, item, span` (all String) of contaminated rows, in their order; `span` is the longest run
        of words in common, of an instruction before that of a response, of the first item among equals.
    """
    items = benchmarks.select("benchmark", "item").unique(maintain_order=True).with_row_index("number")
    index = build_index(benchmarks.join(items, on=["benchmark", "item"], maintain_order="left"), length)
    if not len(index.hashes):
        return pl.DataFrame(schema=SCHEMA)
    longest = [_longest(_hits(rows[part], index, length), part.start) for part in in_chunks(rows.height)]
    found = pl.concat(longest or [_longest(_no_hits(), 0)])
    named = items[found["number"].to_list()].select("benchmark", "item")
    return pl.concat([_spans(rows, found), named], how="horizontal").select(*SCHEMA)


def near_benchmarks(
    vectors: np.ndarray, benchmark_vectors: np.ndarray, threshold: float, device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """The question of a benchmark that each row is nearest to, if their cosine is at least `threshold`.

    Args:
        vectors: float32 (n, d), unit vectors of the rows' instructions.
        benchmark_vectors: float32 (m, d), unit vectors of the benchmarks' questions.
        threshold: least cosine.
        device: torch device of the products.

    Returns:
        int64 (n,) the nearest question, the first among equals, `NOTHING` where none is near; float64 (n,) the cosine.
    """
    nearest, similarity = np.full(len(vectors), NOTHING, dtype=np.int64), np.zeros(len(vectors))
    if not len(vectors) or not len(benchmark_vectors):
        return nearest, similarity
    axes = principal_axes(benchmark_vectors)
    first, second = (
        heads(each, axes, device) if device == "cpu" else whole(each, device) for each in (vectors, benchmark_vectors)
    )
    row, question = reaching(first, second, threshold)
    cosine = cosines(vectors, benchmark_vectors, row, question)
    best = np.lexsort((question, -cosine, row))
    best = best[cosine[best] >= threshold]
    best = best[np.concatenate([[True], np.diff(row[best]) > 0])[: len(best)]]
    nearest[row[best]], similarity[row[best]] = question[best], cosine[best]
    return nearest, similarity


def build_index(texts: pl.DataFrame, length: int) -> RunIndex:
    """The runs of `length` words in `texts` (`benchmark, text, number` of its item); shorter texts as a whole."""
    hashes, numbers, sources, proofs, wholes, lengths = [], [], [], [], [], {length}
    for part in in_chunks(texts.height):
        found = tokens(unmarked(texts["text"][part]), WORDS)
        runs = windows(found, length, whole_if_shorter=True)
        proof = _proving(texts["text"][part], found, runs, length)
        hashes.append(runs.hashes)
        proofs.append(proof)
        proven = np.zeros(len(found.counts), bool)
        proven[runs.rows[proof]] = True
        wholes.append(np.where(proven, 0, found.counts)[runs.rows])
        numbers.append(texts["number"][part].to_numpy().astype(np.int64)[runs.rows])
        sources.append(texts["benchmark"][part].hash().to_numpy()[runs.rows])
        short = found.counts[(found.counts >= (length + 1) // 2) & (found.counts < length)]
        lengths.update(short.tolist())
    columns = {"hash": hashes, "number": numbers, "source": sources, "proves": proofs, "whole": wholes}
    table = pl.DataFrame({name: np.concatenate(part) for name, part in columns.items()}) if hashes else _no_runs()
    table = table.unique()
    boilerplate = table.group_by("hash", "source").len().filter(pl.col("len") > COMMON_TO)
    grouped = (
        table.join(boilerplate, on=["hash", "source"], how="left")
        .with_columns(pl.col("proves") & pl.col("len").is_null())
        .sort("hash", "number")
        .group_by("hash", maintain_order=True)
        .agg(
            pl.col("number").unique(maintain_order=True).head(ITEMS_PER_RUN),
            pl.col("proves").any(),
            pl.col("whole").max(),
        )
    )
    first = grouped.select(
        pl.col("number").list.get(place, null_on_oob=True).fill_null(NOTHING).alias(str(place))
        for place in range(ITEMS_PER_RUN)
    )
    known = grouped["hash"].to_numpy()
    bits = min(max(math.ceil(math.log2(max(1, len(known)) * 32)), _BITS[0]), _BITS[-1])
    maybe = np.zeros(1 << bits, dtype=bool)
    maybe[known >> np.uint64(64 - bits)] = True
    return RunIndex(
        known,
        first.to_numpy(),
        grouped["proves"].to_numpy(),
        grouped["whole"].to_numpy(),
        maybe,
        tuple(sorted(lengths)),
    )


def _proving(texts: pl.Series, found: Tokens, runs: Windows, length: int) -> np.ndarray:
    """Whether each run has enough different words that tell something: one if it is a short text as a whole, else
    three; the name of a function, as `max_element`, counts as two.
    """
    tells = ~np.isin(found.hashes, _common_hashes())
    names = words(unmarked(texts), WORDS).explode(empty_as_null=False).str.contains(r"\w_\w").to_numpy()
    begins, ends = found.offsets[runs.rows] + runs.places, found.offsets[runs.rows + 1]
    least, greatest = np.full(len(begins), NO_HASH), np.zeros(len(begins), np.uint64)
    places = [np.minimum(begins + step, ends - 1) for step in range(length)]
    for at in places:
        least = np.where(tells[at], np.minimum(least, found.hashes[at]), least)
        greatest = np.where(tells[at], np.maximum(greatest, found.hashes[at]), greatest)
    others = np.zeros(len(begins), bool)
    for at in places:
        third = (found.hashes[at] != least) & (found.hashes[at] != greatest)
        others |= tells[at] & (third | (names[at] & (least < greatest)))
    short = ends - begins < length
    enough: np.ndarray = np.where(short, greatest > 0, others)
    return enough


@cache
def _common_hashes() -> np.ndarray:
    return token_hashes((*COMMON, *map(str, range(1000))))


def _hits(rows: pl.DataFrame, index: RunIndex, length: int) -> pl.DataFrame:
    """Every run of `rows` that is in the index: `row, field, place, length, number`, once for each item."""
    parts = [_no_hits()]
    for field, name in enumerate(FIELDS):
        found = tokens(unmarked(rows[name]), WORDS)
        for words_in_run in index.lengths:
            runs = windows(found, words_in_run, whole_if_shorter=field == 0 and words_in_run == length)
            at, known = index.find(runs)
            if len(at):
                hits = _by_item(runs, at, index.items[known], index.proves[known], index.wholes[known])
                sizes = np.minimum(found.counts, words_in_run)[hits["row"].to_numpy()]
                parts.append(hits.with_columns(field=pl.lit(field, pl.Int64), length=sizes).select(HIT))
    return pl.concat(parts)


def _by_item(runs: Windows, at: np.ndarray, items: np.ndarray, proves: np.ndarray, wholes: np.ndarray) -> pl.DataFrame:
    """`row, place, number, proves, whole` of the runs at these places, once for each of their items."""
    which, _ = np.nonzero(items != NOTHING)
    hits = {"row": runs.rows[at][which], "place": runs.places[at][which], "number": items[items != NOTHING]}
    hits |= {"proves": proves[which], "whole": wholes[which]}
    return pl.DataFrame({name: values.astype(np.int64) for name, values in hits.items()})


def _longest(hits: pl.DataFrame, first_row: int) -> pl.DataFrame:
    """`row, field, place, words, number` of the longest run of hits of each row, overlapping ones as one,
    of those that prove something.
    """
    one = ["row", "field", "number", "length"]
    step = pl.col("place") - pl.int_range(pl.len()).over(one)
    return (
        hits.sort(*one, "place")
        .with_columns(run=step)
        .group_by(*one, "run", maintain_order=True)
        .agg(
            pl.col("place").first(),
            words=pl.len() + pl.col("length").first() - 1,
            proves=pl.col("proves").sum(),
            whole=pl.col("whole").max(),
        )
        .filter((pl.col("proves") > 0) | ((pl.col("whole") > 0) & (pl.col("words") >= pl.col("whole"))))
        .sort("row", "words", "field", "number", "place", descending=[False, True, False, False, False])
        .unique("row", keep="first", maintain_order=True)
        .select(pl.col("row") + first_row, "field", "place", "words", "number")
    )


def _spans(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """`batch, id, span` of the rows that were found."""
    hit = rows[found["row"].to_list()]
    text = pl.select(pl.when(found["field"] == 0).then(hit["content"]).otherwise(hit["response"])).to_series()
    spans = words(unmarked(text), WORDS).to_frame("words").with_columns(found["place"], length=found["words"])
    return hit.select("batch", "id").with_columns(
        span=spans.select(pl.col("words").list.slice("place", "length").list.join(" ")).to_series()
    )


def _no_hits() -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(HIT, pl.Int64))


def _no_runs() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"hash": pl.UInt64, "number": pl.Int64, "source": pl.UInt64, "proves": pl.Boolean, "whole": pl.Int64}
    )
