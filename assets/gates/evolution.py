"""What the gates of a round's tables expect, as data; see `suite`."""

from collections.abc import Mapping

import polars as pl

from evergrow.assets.gates.suite import (
    KEPT,
    Fact,
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

_UNFIT = pl.col("reason").str.starts_with("unfit").fill_null(value=False)
_UNANSWERED = pl.col("reason").str.contains("^(failed|invalid)").fill_null(value=False)
_UNSCORED = pl.any_horizontal(pl.col("complexity", "diversity", "value").is_null())
_ONE_ROW = unique("every child stands in one row")

EVOLUTION_SUITES: Mapping[str, Suite] = {
    "instructions": Suite(
        (
            complete("the children that were asked for"),
            _ONE_ROW,
            at_least("enough of the requests were answered", "answered_share", "gates.instructions.min_answered_share"),
        ),
        figures={"answered_share": (~_UNANSWERED).mean()},
    ),
    "collected": Suite(
        (_ONE_ROW, there_are_rows(), at_least("enough samples are collected", "kept_rows", "gates.collected.min_rows")),
        figures={"kept_rows": KEPT.sum()},
    ),
    "complexity": Suite(
        (
            complete("the instructions that were kept"),
            _ONE_ROW,
            RowRule(
                "the judge scored enough of the children",
                "not_be_null",
                "judged",
                {"mostly": Setting("gates.complexity.min_scored_share")},
            ),
            at_most(
                "few enough of the children are unfit: ill posed, unsolvable, or with nothing that decides",
                "unfit_share",
                "gates.complexity.max_unfit_share",
            ),
            RowRule("every score is on the scale", "be_between", "complexity", {"min_value": 1, "max_value": 10}),
            at_least("the mean complexity is high enough", "complexity_mean", "gates.complexity.min_mean"),
            FigureRule(
                "the mean complexity is not below the previous round's by more than gates.complexity.max_drop",
                "complexity_mean",
                {"min_value": Fact("lowest_mean")},
            ),
            FigureRule(
                "the judge tells children apart",
                "complexity_std",
                {"min_value": Setting("gates.complexity.min_std")},
                of="scored",
                from_rows=10,
            ),
            FigureRule(
                "the judge does not give one score to all",
                "complexity_scores",
                {"min_value": 2},
                "warning",
                of="scored",
                from_rows=3,
            ),
        ),
        columns={"judged": pl.when(_UNFIT).then(1.0).otherwise("complexity")},
        figures={
            "unfit_share": _UNFIT.mean(),
            "scored": pl.col("complexity").count(),
            "complexity_mean": pl.col("complexity").mean(),
            "complexity_std": pl.col("complexity").std(),
            "complexity_scores": pl.col("complexity").drop_nulls().n_unique(),
        },
    ),
    "diversity": Suite(
        (
            complete("the children that were scored"),
            _ONE_ROW,
            RowRule("every child has a diversity", "not_be_null", "diversity"),
            RowRule("every diversity is on the scale", "be_between", "diversity", {"min_value": 0, "max_value": 1}),
            at_least("the mean diversity is high enough", "diversity_mean", "gates.diversity.min_mean"),
            at_least("the least diverse tenth is diverse enough", "diversity_p10", "gates.diversity.min_p10"),
            FigureRule(
                "the mean diversity beside that of the seeds of as many trees: gates.diversity.min_ratio_to_seeds",
                "ratio_to_seeds",
                {"min_value": Fact("lowest_ratio_to_seeds")},
                from_rows=10,
            ),
            FigureRule(
                "that ratio beside the previous round's: gates.diversity.min_ratio_to_previous",
                "ratio_to_seeds",
                {"min_value": Fact("lowest_ratio_to_previous")},
                from_rows=10,
            ),
        ),
        figures={
            "diversity_mean": pl.col("diversity").mean(),
            "diversity_p10": pl.col("diversity").quantile(0.1),
        },
    ),
    "difficulty": Suite(
        (
            complete("the children that were to be tried"),
            _ONE_ROW,
            at_least(
                "the difficulty of enough of them could be measured",
                "measured_share",
                "gates.difficulty.min_measured_share",
            ),
            FigureRule(
                "the judge's scores go with the measured difficulty",
                "rank_correlation",
                {"min_value": Setting("gates.difficulty.min_rank_correlation")},
                "warning",
                of="measured",
                from_rows=10,
            ),
        ),
        figures={
            "measured_share": pl.col("difficulty").is_not_null().mean(),
            "measured": pl.col("difficulty").count(),
            "below_gap": pl.col("below").count(),
            "gap_mean": pl.col("gap").mean(),
        },
    ),
    "accepted": Suite(
        (
            complete("the children that were asked for"),
            _ONE_ROW,
            RowRule("every child has a parent among those of the round", "not_be_null", "known_parent"),
            unique("accepted children are all different", "kept_content"),
            none("accepted children have both scores and a value", "kept_without_score"),
            at_most("few enough children copy another", "copy_share", "gates.accepted.max_copy_share"),
            at_least("enough children are accepted", "kept_rows", "gates.accepted.min_rows"),
            at_least("a large enough share of the children is accepted", "kept_share", "gates.accepted.min_share"),
        ),
        columns={"kept_content": pl.when(KEPT).then("content")},
        figures={
            "kept_without_score": (KEPT & _UNSCORED).sum(),
            "copy_share": pl.col("reason").str.contains("^(duplicate|equals_parent)").fill_null(value=False).mean(),
            "kept_rows": KEPT.sum(),
            "kept_share": KEPT.mean(),
            "value_mean": pl.col("value").filter(KEPT).mean(),
        },
    ),
}
