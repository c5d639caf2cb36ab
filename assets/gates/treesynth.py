"""What the gates of TreeSynth's tables expect, as data; see `suites`."""

from collections.abc import Mapping

import polars as pl

from evergrow.assets.gates.evolution import Expectation, Setting, Suite, complete

_KEPT = pl.col("reason").is_null()


def _at_most(says: str, column: str, setting: str) -> Expectation:
    """No value of a derived column, which has no nulls, is above a setting; the largest is what the gate reports."""
    return Expectation(says, "column_max_to_be_between", column, {"max_value": Setting(setting)}, from_rows=1)


def _at_least(says: str, column: str, setting: str) -> Expectation:
    return Expectation(says, "column_min_to_be_between", column, {"min_value": Setting(setting)}, from_rows=1)


def _none(says: str, column: str) -> Expectation:
    return Expectation(says, "column_values_to_be_between", column, {"max_value": 0})


_LEVEL = Suite(
    (
        complete("the children of the level above"),
        Expectation("every node stands in one row", "column_values_to_be_unique", "id"),
        _at_most("for few enough nodes no answer came", "failed_share", "gates.level.max_failed_share"),
        _none("the values of each split differ in more than spelling", "repeated_values"),
        _at_most(
            "no two values of a split mean nearly the same", "most_closest_values", "gates.level.max_value_similarity"
        ),
        _none("each pivot has exactly one value of its node's dimension", "uncovered_pivots"),
        _none("no path divides by one dimension twice", "reused_dimension"),
        _at_most("no node has too many children", "fan_out", "gates.level.max_fan_out"),
        _at_most("the next level is small enough", "plan_nodes", "treesynth.max_nodes"),
        _at_most("the tree is heading for few enough leaves", "plan_leaves", "treesynth.max_leaves"),
        _at_most("the tree is heading for few enough rows", "plan_rows", "treesynth.max_rows"),
        _at_most("the tree needs few enough further requests", "plan_requests", "treesynth.max_requests"),
        _at_most("the tree needs few enough further tokens", "plan_tokens", "treesynth.max_tokens"),
        _at_most("the tree costs little enough from here on", "plan_usd", "treesynth.max_usd"),
        Expectation(
            "there is at least one row for each leaf",
            "column_values_to_be_between",
            "plan_rows_per_leaf",
            {"min_value": 1},
            "warning",
        ),
    ),
    derived={
        "failed_share": pl.col("reason").is_not_null().mean(),
        "most_closest_values": pl.col("closest_values").max().fill_null(0),
    },
)
_SAMPLES = Suite(
    (
        Expectation("every sample stands in one row", "column_values_to_be_unique", "id"),
        _at_least("the leaves hold the rows that were aimed at", "fill", "gates.samples.min_fill"),
        Expectation("samples that are kept are all different", "column_values_to_be_unique", "kept_told"),
        _at_most("no sample that is kept repeats another in its meaning", "most_alike", "treesynth.sample_similarity"),
        _none("samples that are kept have a text and a leaf", "kept_without_text"),
        _none("no leaf holds more than its share", "kept_beyond_quota"),
        _at_least(
            "checked samples have the attributes of their leaves", "mean_adherence", "gates.samples.min_adherence"
        ),
    ),
    derived={
        "fill": (_KEPT.sum() / pl.col("shard_rows")).fill_nan(1.0),
        "kept_told": pl.when(_KEPT).then("told"),
        "most_alike": pl.col("likeness").filter(_KEPT & (pl.col("origin") != "imported")).max().fill_null(0.0),
        "kept_without_text": (_KEPT & pl.any_horizontal(pl.col("content", "leaf_id").is_null())).sum(),
        "kept_beyond_quota": (_KEPT.sum().over("leaf_id") - pl.col("leaf_rows")).clip(0),
        "mean_adherence": pl.col("adherence").mean().fill_null(1.0),
    },
)
_ROUTED = Suite(
    (
        complete("the rows of the dataset"),
        Expectation("every row stands once", "column_values_to_be_unique", "id"),
        _at_most("few enough rows find no way down the tree", "unrouted_share", "gates.routed.max_unrouted_share"),
        _none("for every row an answer came", "failed_rows"),
    ),
    derived={
        "unrouted_share": pl.col("reason").is_not_null().mean(),
        "failed_rows": pl.col("reason").str.starts_with("failed").fill_null(value=False).sum(),
    },
)
_BALANCED = Suite(
    (
        Expectation("every row stands once", "column_values_to_be_unique", "id"),
        _none("no leaf holds more than its share", "kept_beyond_quota"),
        _at_least("the leaves hold the rows that were aimed at", "fill", "gates.balanced.min_fill"),
        _none("every row says whether it was kept or generated", "unmarked_rows"),
    ),
    derived={
        "kept_beyond_quota": (_KEPT.sum().over("leaf_id") - pl.col("leaf_rows")).clip(0),
        "fill": (_KEPT.sum() / pl.col("tree_rows")).fill_nan(1.0),
        "unmarked_rows": (~pl.col("origin").is_in(["kept", "generated"])).sum(),
    },
)
_AWARE = Suite(
    (
        complete("the samples"),
        Expectation("every story stands in one row", "column_values_to_be_unique", "id"),
        Expectation(
            "both letters are right equally often, but for one",
            "column_values_to_be_between",
            "letter_surplus",
            {"max_value": 1},
        ),
        _at_most("few enough stories could not be converted", "failed_share", "gates.aware.max_failed_share"),
    ),
    derived={
        "letter_surplus": ((_KEPT & (pl.col("letter") == "A")).sum() * 2 - _KEPT.sum()).abs(),
        "failed_share": pl.col("reason").is_not_null().mean(),
    },
)

TREE_SUITES: Mapping[str, Suite] = {
    "level": _LEVEL,
    "samples": _SAMPLES,
    "routed": _ROUTED,
    "balanced": _BALANCED,
    "aware": _AWARE,
}
