"""What the gates of the dataset's tables expect, as data; see `suite`."""

from collections.abc import Mapping

import polars as pl

from evergrow.assets.gates.suite import (
    KEPT,
    FigureRule,
    RowRule,
    Setting,
    Suite,
    at_least,
    at_most,
    complete,
    none,
    there_are_rows,
    unique,
)

_ONE_ROW = "every sample stands in one row"
_COUNTS = {"kept_rows": KEPT.sum(), "kept_share": KEPT.mean()}


def _enough(stage: str, of: str) -> tuple[FigureRule, ...]:
    return (
        at_least(f"enough rows are {of}", "kept_rows", f"gates.{stage}.min_rows"),
        at_least(f"a large enough share of the rows is {of}", "kept_share", f"gates.{stage}.min_share"),
    )


DATASET_SUITES: Mapping[str, Suite] = {
    "responses": Suite(
        (
            there_are_rows(),
            complete("the samples of the batch"),
            unique(_ONE_ROW),
            none("what is kept has a response", "kept_without_response"),
            at_most("few samples are without an answer", "failed_share", "gates.responses.max_failed_share"),
        ),
        figures={
            "kept_without_response": (KEPT & (pl.col("response").str.strip_chars().fill_null("") == "")).sum(),
            "failed_share": (~KEPT).mean(),
        },
    ),
    "verified": Suite(
        (
            complete("the answers"),
            unique(_ONE_ROW),
            RowRule("every answer has a verdict", "not_be_null", "verdict"),
            none("what is kept has a verdict that goes on", "kept_against_settings"),
            *_enough("verified", "verified"),
            at_most(
                "a sandbox was there to run the answers", "unavailable_share", "gates.verified.max_unavailable_share"
            ),
        ),
        figures={**_COUNTS, "unavailable_share": (pl.col("verdict") == "sandbox_unavailable").mean()},
    ),
    "clean": Suite(
        (
            complete("the verified answers"),
            unique(_ONE_ROW),
            none("a duplicate points at a row that is kept", "pointers_astray"),
            none("what is contaminated names the benchmark", "unnamed_benchmarks"),
            *_enough("clean", "clean"),
            FigureRule(
                "few enough instructions speak to whoever judges them",
                "judge_addressing_share",
                {"max_value": Setting("gates.clean.max_judge_addressing_share")},
                of="kept_rows",
                from_rows=10,
            ),
            FigureRule("benchmarks of your own were there to compare with", "benchmarks", {"min_value": 1}, "warning"),
            none("no benchmark that one would expect is missing", "benchmarks_missing", "warning"),
        ),
        figures={
            **_COUNTS,
            "judge_addressing_share": pl.col("addresses_judge").filter(KEPT).mean(),
            "unnamed_benchmarks": (
                pl.col("reason").str.starts_with("contaminated") & pl.col("benchmark").is_null()
            ).sum(),
        },
    ),
    "release": Suite(
        (
            there_are_rows(),
            complete("the clean rows of its batches"),
            unique(_ONE_ROW, "sample"),
            none("what is released has a response", "kept_without_response"),
            unique("no two released rows ask the same", "kept_content"),
            none("no root has samples in two splits", "roots_in_two_splits"),
            at_least("enough rows are released", "kept_rows", "gates.release.min_rows"),
        ),
        columns={
            "sample": pl.format("{}/{}", "batch", "id"),
            "kept_content": pl.when(KEPT).then("content"),
            "in_two_splits": pl.col("split").filter(KEPT).n_unique().over("batch", "root_id") > 1,
        },
        figures={
            **_COUNTS,
            "kept_without_response": (KEPT & pl.col("response").is_null()).sum(),
            "roots_in_two_splits": pl.struct("batch", "root_id").filter("in_two_splits").n_unique(),
        },
    ),
}
