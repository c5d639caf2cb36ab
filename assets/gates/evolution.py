"""What each gate expects, as data: Great Expectations' expectations, their thresholds named, not written in.

A bound is a number, a setting (`Setting("gates.complexity.min_mean")`) or a fact about the run (`Fact("requested")`)
that the gate computes when it judges. A critical expectation that is not met closes the gate; a warning is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl


@dataclass(frozen=True, slots=True)
class Setting:
    """A bound that the settings hold, by its path."""

    path: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A bound that the gate computes from other tables; without it the expectation does not apply."""

    name: str


Bound = float | int | Setting | Fact


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation of a suite.

    Attributes:
        says: what must hold, in words for a person.
        type: Great Expectations' name of it, without `expect_`.
        column: the column that it is about, if any.
        bounds: keyword arguments of the expectation.
        severity: whether not meeting it closes the gate.
        from_rows: fewest rows for which it is meaningful.
    """

    says: str
    type: str
    column: str | None = None
    bounds: Mapping[str, Bound] = field(default_factory=dict)
    severity: Literal["critical", "warning"] = "critical"
    from_rows: int = 0


@dataclass(frozen=True, slots=True)
class Suite:
    """A gate's expectations, and columns that are derived for them from the table's own."""

    expectations: tuple[Expectation, ...]
    derived: Mapping[str, pl.Expr] = field(default_factory=dict)


_KEPT = pl.col("reason").is_null()
_UNFIT = pl.col("reason").str.starts_with("unfit").fill_null(value=False)
_UNSCORED = pl.any_horizontal(pl.col("complexity", "diversity", "value").is_null())
_UNIQUE_ID = Expectation("every child stands in one row", "column_values_to_be_unique", "id")


def complete(of: str) -> Expectation:
    """Every row that was asked for is there: `of` names what there should be one row for each of."""
    return Expectation(
        f"the funnel adds up: one row for each of {of}", "table_row_count_to_equal", None, {"value": Fact("requested")}
    )


SUITES: Mapping[str, Suite] = {
    "complexity": Suite(
        (
            complete("the instructions that were kept"),
            _UNIQUE_ID,
            Expectation(
                "the judge scored enough of the children",
                "column_values_to_not_be_null",
                "judged",
                {"mostly": Setting("gates.complexity.min_scored_share")},
            ),
            Expectation(
                "few enough of the children are unfit: ill posed, unsolvable, or with nothing that decides",
                "column_max_to_be_between",
                "unfit_share",
                {"max_value": Setting("gates.complexity.max_unfit_share")},
                from_rows=1,
            ),
            Expectation(
                "every score is on the scale",
                "column_values_to_be_between",
                "complexity",
                {"min_value": 1, "max_value": 10},
            ),
            Expectation(
                "the mean complexity is high enough",
                "column_mean_to_be_between",
                "complexity",
                {"min_value": Setting("gates.complexity.min_mean")},
            ),
            Expectation(
                "the mean complexity is not below the previous round's by more than gates.complexity.max_drop",
                "column_mean_to_be_between",
                "complexity",
                {"min_value": Fact("lowest_mean")},
            ),
            Expectation(
                "the judge tells children apart",
                "column_stdev_to_be_between",
                "complexity",
                {"min_value": Setting("gates.complexity.min_std")},
                from_rows=10,
            ),
        ),
        derived={"judged": pl.when(_UNFIT).then(1.0).otherwise("complexity"), "unfit_share": _UNFIT.mean()},
    ),
    "diversity": Suite(
        (
            complete("the children that were scored"),
            _UNIQUE_ID,
            Expectation("every child has a diversity", "column_values_to_not_be_null", "diversity"),
            Expectation(
                "every diversity is on the scale",
                "column_values_to_be_between",
                "diversity",
                {"min_value": 0, "max_value": 1},
            ),
            Expectation(
                "the mean diversity is high enough",
                "column_mean_to_be_between",
                "diversity",
                {"min_value": Setting("gates.diversity.min_mean")},
            ),
            Expectation(
                "the least diverse tenth is diverse enough",
                "column_max_to_be_between",
                "diversity_p10",
                {"min_value": Setting("gates.diversity.min_p10")},
                from_rows=1,
            ),
            Expectation(
                "the mean diversity is gates.diversity.min_ratio_to_seeds of what the seeds of as many trees reach",
                "column_min_to_be_between",
                "ratio_to_seeds",
                {"min_value": Fact("lowest_ratio_to_seeds")},
                from_rows=10,
            ),
            Expectation(
                "that share is gates.diversity.min_ratio_to_previous of the previous round's",
                "column_min_to_be_between",
                "ratio_to_seeds",
                {"min_value": Fact("lowest_ratio_to_previous")},
                from_rows=10,
            ),
        ),
        derived={"diversity_p10": pl.col("diversity").quantile(0.1)},
    ),
    "accepted": Suite(
        (
            complete("the children that were asked for"),
            _UNIQUE_ID,
            Expectation(
                "every child has a parent among those of the round", "column_values_to_not_be_null", "known_parent"
            ),
            Expectation("accepted children are all different", "column_values_to_be_unique", "kept_content"),
            Expectation(
                "accepted children have both scores and a value",
                "column_max_to_be_between",
                "kept_without_score",
                {"max_value": 0},
                from_rows=1,
            ),
            Expectation(
                "enough children are accepted",
                "column_max_to_be_between",
                "kept_rows",
                {"min_value": Setting("gates.accepted.min_rows")},
                from_rows=1,
            ),
            Expectation(
                "a large enough share of the children is accepted",
                "column_max_to_be_between",
                "kept_share",
                {"min_value": Setting("gates.accepted.min_share")},
                from_rows=1,
            ),
        ),
        derived={
            "kept_content": pl.when(_KEPT).then("content"),
            "kept_without_score": (
                _KEPT & pl.any_horizontal(pl.col("complexity", "diversity", "value").is_null())
            ).sum(),
            "kept_rows": _KEPT.sum(),
            "kept_share": _KEPT.mean(),
        },
    ),
}
