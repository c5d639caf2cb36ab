"""Cleaning: filters, then benchmarks, then duplicates among what is left, so that no dropped row hides a clean one."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from evergrow.methods.quality.contamination import find_contamination, near_benchmarks
from evergrow.methods.quality.duplicates import mark_duplicates
from evergrow.methods.quality.filters import filter_findings
from evergrow.methods.quality.judges import addresses_judge
from evergrow.methods.quality.rules import CleaningRules, Embedded
from evergrow.methods.vectors import NOTHING

KEY = ["batch", "id"]
FOUND = {
    "reason": pl.String,
    "duplicate_of": pl.String,
    "duplicate_batch": pl.String,
    "similarity": pl.Float64,
    "benchmark": pl.String,
    "benchmark_item": pl.String,
    "span": pl.String,
    "addresses_judge": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """All rows with what was found, and the rows of other batches that a better row of these stands in for."""

    rows: pl.DataFrame
    superseded: pl.DataFrame


def clean(
    rows: Embedded, known: Embedded, benchmarks: Embedded, rules: CleaningRules, *, device: str = "cpu"
) -> Cleaned:
    """Say of each row whether it stays, and if not, why.

    Args:
        rows: `batch, id, content, response, value` and whatever else; (batch, id) is unique; vectors of `content`.
        known: `batch, id, content, value` of the rows that other batches kept, likewise.
        benchmarks: `benchmark, item, text`, all String, and `is_question`: which of an item's texts asks; the vectors
            are those of the texts that ask, in their order.
        rules: thresholds, and which filters are on.
        device: torch device of the products of vectors.

    Returns:
        `rows` as they are, followed by `reason` (null: it stays; its first word is the class), `duplicate_of`,
        `duplicate_batch`, `similarity` (to that, or to a benchmark's question), `benchmark`, `benchmark_item`,
        `span` (the words in common, or what lies where) and `addresses_judge` (whether the instruction addresses who
        judges it); and the marks of rows of `known` (see `mark_duplicates`).

    Raises:
        ValueError: `rules.languages` has one that cannot be told, or only some of the rows have vectors.
    """
    found = pl.concat([rows.frame.select(KEY), filter_findings(rows.frame, rules)], how="horizontal")
    contaminated = _contaminated(rows.at(_undecided(found)), benchmarks, rules, device)
    found = found.join(contaminated, on=KEY, how="left", maintain_order="left", suffix="_found")
    found = found.with_columns(pl.coalesce(name, f"{name}_found") for name in ("reason", "span"))
    found = found.drop("reason_found", "span_found")
    marks = mark_duplicates(rows.at(_undecided(found)), known, rules, device=device)
    found = found.join(_explained(marks), on=KEY, how="left", maintain_order="left", suffix="_found")
    found = found.with_columns(pl.coalesce(name, f"{name}_found") for name in ("reason", "similarity"))
    found = found.with_columns(addresses_judge(rows.frame["content"]))
    kept = rows.frame.drop(*FOUND, strict=False)
    superseded = marks.join(known.frame.select(KEY), on=KEY, how="semi")
    return Cleaned(pl.concat([kept, found.select(*FOUND)], how="horizontal"), superseded)


def _contaminated(rows: Embedded, benchmarks: Embedded, rules: CleaningRules, device: str) -> pl.DataFrame:
    """`batch, id, reason, benchmark, benchmark_item, span, similarity`: by words, else by embedding."""
    by_words = find_contamination(rows.frame, benchmarks.frame, rules.ngram_words).select(
        *KEY,
        pl.format("contaminated: {} words of {} {}", _words("span"), "benchmark", "item").alias("reason"),
        "benchmark",
        pl.col("item").alias("benchmark_item"),
        "span",
        pl.lit(None, pl.Float64).alias("similarity"),
    )
    if rows.vectors is None or benchmarks.vectors is None:
        return by_words
    nearest, similarity = near_benchmarks(rows.vectors, benchmarks.vectors, rules.benchmark_similarity, device)
    near = np.flatnonzero(nearest != NOTHING)
    questions = benchmarks.frame.filter("is_question")[nearest[near]].select("benchmark", "item")
    by_meaning = pl.concat([rows.frame[near].select(KEY), questions], how="horizontal").select(
        *KEY,
        pl.format("contaminated: asks what {} {} asks", "benchmark", "item").alias("reason"),
        "benchmark",
        pl.col("item").alias("benchmark_item"),
        pl.lit(None, pl.String).alias("span"),
        pl.Series("similarity", similarity[near]),
    )
    return pl.concat([by_words, by_meaning.join(by_words, on=KEY, how="anti")])


def _explained(marks: pl.DataFrame) -> pl.DataFrame:
    like = pl.format("duplicate: {} of {} in {}", "duplicate_kind", "duplicate_of", "duplicate_batch")
    return marks.with_columns(like.alias("reason")).drop("duplicate_kind")


def _undecided(found: pl.DataFrame) -> np.ndarray:
    return found["reason"].is_null().arg_true().to_numpy()


def _words(span: str) -> pl.Expr:
    return pl.col(span).str.count_matches(" ", literal=True) + 1
