"""What the gates of the dataset's tables expect, as data; see `suites`."""

from collections.abc import Mapping
from typing import Literal

import polars as pl

from evergrow.assets.gates.evolution import Expectation, Fact, Setting, Suite, complete

_KEPT = pl.col("reason").is_null()
_UNIQUE = Expectation("every sample stands in one row", "column_values_to_be_unique", "id")
_SOME = Expectation("there are rows", "table_row_count_to_be_between", None, {"min_value": 1})
_COUNTS = {"kept_rows": _KEPT.sum(), "kept_share": _KEPT.mean()}


def _between(
    says: str,
    column: str,
    *,
    severity: Literal["critical", "warning"] = "critical",
    **bounds: int | float | Setting | Fact,
) -> Expectation:
    """What all rows say alike, if there are any, is within bounds; as their largest: so the gate reports the figure."""
    return Expectation(says, "column_max_to_be_between", column, bounds, severity, from_rows=1)


def _enough(stage: str, of: str) -> tuple[Expectation, ...]:
    return (
        _between(f"enough rows are {of}", "kept_rows", min_value=Setting(f"gates.{stage}.min_rows")),
        _between(
            f"a large enough share of the rows is {of}", "kept_share", min_value=Setting(f"gates.{stage}.min_share")
        ),
    )


DATASET_SUITES: Mapping[str, Suite] = {
    "responses": Suite(
        (
            _SOME,
            complete("the samples of the batch"),
            _UNIQUE,
            _between("what is kept has a response", "kept_without_response", max_value=0),
            _between(
                "few samples are without an answer",
                "failed_share",
                max_value=Setting("gates.responses.max_failed_share"),
            ),
        ),
        derived={
            "kept_without_response": (_KEPT & (pl.col("response").str.strip_chars().fill_null("") == "")).sum(),
            "failed_share": (~_KEPT).mean(),
        },
    ),
    "verified": Suite(
        (
            complete("the answers"),
            _UNIQUE,
            Expectation("every answer has a verdict", "column_values_to_not_be_null", "verdict"),
            _between("what is kept has a verdict that goes on", "kept_against_settings", max_value=0),
            *_enough("verified", "verified"),
            _between(
                "a sandbox was there to run the answers",
                "unavailable_share",
                max_value=Setting("gates.verified.max_unavailable_share"),
            ),
        ),
        derived={**_COUNTS, "unavailable_share": (pl.col("verdict") == "sandbox_unavailable").mean()},
    ),
    "clean": Suite(
        (
            complete("the verified answers"),
            _UNIQUE,
            _between("a duplicate points at a row that is kept", "pointers_astray", max_value=0),
            _between("what is contaminated names the benchmark", "unnamed_benchmarks", max_value=0),
            *_enough("clean", "clean"),
            _between(
                "benchmarks of your own were there to compare with", "benchmarks", min_value=1, severity="warning"
            ),
            _between(
                "the benchmarks that one would expect were there", "benchmarks_missing", max_value=0, severity="warning"
            ),
        ),
        derived={
            **_COUNTS,
            "unnamed_benchmarks": (
                pl.col("reason").str.starts_with("contaminated") & pl.col("benchmark").is_null()
            ).sum(),
        },
    ),
    "release": Suite(
        (
            _SOME,
            complete("the clean rows of its batches"),
            Expectation("every sample stands in one row", "column_values_to_be_unique", "sample"),
            _between("what is released has a response", "kept_without_response", max_value=0),
            Expectation("no two released rows ask the same", "column_values_to_be_unique", "kept_content"),
            _between("no root has samples in two splits", "roots_in_two_splits", max_value=0),
            _between("enough rows are released", "kept_rows", min_value=Setting("gates.release.min_rows")),
        ),
        derived={
            **_COUNTS,
            "sample": pl.format("{}/{}", "batch", "id"),
            "kept_content": pl.when(_KEPT).then("content"),
            "kept_without_response": (_KEPT & pl.col("response").is_null()).sum(),
            "roots_in_two_splits": (pl.col("split").filter(_KEPT).n_unique().over("batch", "root_id") > 1).sum(),
        },
    ),
}
