"""What the gates of TreeSynth's tables expect, as data; see `suite`."""

from collections.abc import Mapping

import polars as pl

from evergrow.assets.gates.suite import (
    KEPT,
    FigureRule,
    RowRule,
    Setting,
    Suite,
    at_most,
    complete,
    none,
    unique,
)

_TO_DIVIDE = (pl.col("state") == "inner") | pl.col("leaf_reason").str.contains("^it has (no valid|fewer than)")
_UNDIVIDED = _TO_DIVIDE & (pl.col("state") == "leaf")
_LEAF_SURPLUS = (KEPT.sum().over("leaf_id") - pl.col("leaf_rows")).clip(0)


def _zero(says: str, column: str) -> RowRule:
    return RowRule(says, "be_between", column, {"max_value": 0})


def _filled(setting: str) -> FigureRule:
    """Measured on the rows that were aimed at, not on those that are there: an empty table holds none of them."""
    return FigureRule(
        "the leaves hold the rows that were aimed at", "fill", {"min_value": Setting(setting)}, of="aimed_rows"
    )


def filling(table: pl.DataFrame, aimed: int | None) -> dict[str, float | None]:
    """The facts that tell how full leaves are.

    table: samples, kept and rejected. aimed: rows that the leaves were to hold; None where nobody noted it.
    """
    kept = table["reason"].null_count()
    return {"aimed_rows": aimed, "fill": kept / aimed if aimed else None}


_LEVEL = Suite(
    (
        complete("the children of the level above"),
        unique("every node stands in one row"),
        at_most("for few enough nodes no answer came", "failed_share", "gates.level.max_failed_share"),
        FigureRule(
            "most nodes that can divide do", "undivided_share", {"max_value": 0.5}, "warning", of="nodes_to_divide"
        ),
        _zero("the values of each split differ in more than spelling", "repeated_values"),
        FigureRule(
            "no two values of a split mean nearly the same",
            "closest_values",
            {"max_value": Setting("gates.level.max_value_similarity")},
            of="compared_splits",
        ),
        _zero("each pivot has exactly one value of its node's dimension", "uncovered_pivots"),
        _zero("no path divides by one dimension twice", "reused_dimension"),
        FigureRule(
            "no node has too many children",
            "most_children",
            {"max_value": Setting("gates.level.max_fan_out")},
            of="divided",
        ),
        at_most("the next level is small enough", "plan_nodes", "treesynth.max_nodes"),
        at_most("the tree is heading for few enough leaves", "plan_leaves", "treesynth.max_leaves"),
        at_most("the tree is heading for few enough rows", "plan_rows", "treesynth.max_rows"),
        at_most("the tree needs few enough further requests", "plan_requests", "treesynth.max_requests"),
        at_most("the tree needs few enough further tokens", "plan_tokens", "treesynth.max_tokens"),
        at_most("the tree costs little enough from here on", "plan_usd", "treesynth.max_usd"),
        FigureRule("there is at least one row for each leaf", "plan_rows_per_leaf", {"min_value": 1}, "warning"),
    ),
    figures={
        "failed_share": pl.col("reason").is_not_null().mean(),
        "nodes_to_divide": _TO_DIVIDE.sum(),
        "undivided_share": _UNDIVIDED.sum() / _TO_DIVIDE.sum(),
        "compared_splits": pl.col("closest_values").count(),
        "closest_values": pl.col("closest_values").max(),
        "divided": pl.col("fan_out").count(),
        "most_children": pl.col("fan_out").max(),
    },
)
_CHECKED = pl.col("adherence_reason").is_not_null()
_SAMPLES = Suite(
    (
        unique("every sample stands in one row"),
        _filled("gates.samples.min_fill"),
        unique("samples that are kept are all different", "kept_told"),
        FigureRule(
            "no sample that is kept repeats another in its meaning",
            "most_alike",
            {"max_value": Setting("treesynth.sample_similarity")},
            of="compared_samples",
        ),
        none("samples that are kept have a text and a leaf", "kept_without_text"),
        _zero("no leaf holds more than its share", "kept_beyond_quota"),
        FigureRule(
            "checked samples have the attributes of their leaves",
            "adherence_mean",
            {"min_value": Setting("gates.samples.min_adherence")},
            of="checked",
        ),
        FigureRule("most of the checks can be read", "read_checks_share", {"min_value": 0.5}, "warning", of="checked"),
        FigureRule(
            "the judge finds enough of the wrong attributes that were planted",
            "planted_found_share",
            {"min_value": Setting("gates.samples.min_planted_found")},
            "warning",
            of="planted_checks",
        ),
    ),
    columns={"kept_told": pl.when(KEPT).then("told"), "kept_beyond_quota": _LEAF_SURPLUS},
    figures={
        "compared_samples": pl.col("likeness").filter(KEPT & (pl.col("origin") != "imported")).count(),
        "most_alike": pl.col("likeness").filter(KEPT & (pl.col("origin") != "imported")).max(),
        "kept_without_text": (KEPT & pl.any_horizontal(pl.col("content", "leaf_id").is_null())).sum(),
        "checked": _CHECKED.sum(),
        "adherence_mean": pl.col("adherence").mean(),
        "read_checks_share": pl.col("judge_call_id").count() / _CHECKED.sum(),
        "planted_checks": pl.col("planted_found").count(),
        "planted_found_share": pl.col("planted_found").mean(),
    },
)
_ROUTED = Suite(
    (
        complete("the rows of the dataset"),
        unique("every row stands once"),
        at_most("few enough rows find no way down the tree", "unrouted_share", "gates.routed.max_unrouted_share"),
        none("for every row an answer came", "failed_rows"),
    ),
    figures={
        "unrouted_share": pl.col("reason").is_not_null().mean(),
        "failed_rows": pl.col("reason").str.starts_with("failed").sum(),
    },
)
_BALANCED = Suite(
    (
        unique("every row stands once"),
        _zero("no leaf holds more than its share", "kept_beyond_quota"),
        _filled("gates.balanced.min_fill"),
        none("every row says whether it was kept, generated or thinned out", "unmarked_rows"),
    ),
    columns={"kept_beyond_quota": _LEAF_SURPLUS},
    figures={
        "unmarked_rows": (~pl.col("origin").is_in(["kept", "generated", "thinned"]).fill_null(value=False)).sum(),
    },
)
_TOLD = ~pl.col("reason").str.starts_with("known_as_text").fill_null(value=False)  # whose parts are known
_AWARE = Suite(
    (
        complete("the samples"),
        unique("every story stands in one row"),
        FigureRule("both letters are right equally often, but for one", "letter_surplus", {"max_value": 1}),
        at_most("few enough stories could not be converted", "failed_share", "gates.aware.max_failed_share"),
    ),
    figures={
        "letter_surplus": ((KEPT & (pl.col("letter") == "A")).sum() * 2 - KEPT.sum()).abs(),
        "failed_share": pl.col("reason").filter(_TOLD).is_not_null().mean(),
    },
)

TREE_SUITES: Mapping[str, Suite] = {
    "level": _LEVEL,
    "samples": _SAMPLES,
    "routed": _ROUTED,
    "balanced": _BALANCED,
    "aware": _AWARE,
}
