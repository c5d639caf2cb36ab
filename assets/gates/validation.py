"""Great Expectations at work: row rules on the columns that they need, figure rules on one row of figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

import polars as pl

from evergrow.assets.gates.suite import FigureRule, RowRule
from evergrow.methods.text.counts import counted

MAX_NAMED_ROWS = 20  # ids of offending rows that a check names
NOT_MEASURED = "nothing was measured"
_ROW = "__row"
_LOCK = Lock()  # there is one batch definition, whose engine keeps the frame that it was given last

Bounds = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about a rule: whether it is met, the figure or the count as words, ids of some rows that fail."""

    met: bool
    observed: str
    rows: tuple[str, ...] = ()


def validate_rows(frame: pl.DataFrame, rules: Sequence[tuple[RowRule, Bounds]]) -> list[Finding]:
    """One finding a rule.

    Args:
        frame: has the rules' columns, and `id`.
        rules: with their bounds.
    """
    needed = [as_numbers(rule).alias(str(place)) for place, (rule, _) in enumerate(rules)]
    wanted = [(f"expect_column_values_to_{rule.type}", bounds) for rule, bounds in rules]
    return [_counted(result, frame) for result in _validate(frame.with_row_index(_ROW).select(needed), wanted)]


def validate_figures(figures: Mapping[str, float | None], rules: Sequence[tuple[FigureRule, Bounds]]) -> list[Finding]:
    """One finding a rule; a figure that is null meets none."""
    row = {str(place): [figures[rule.figure]] for place, (rule, _) in enumerate(rules)}
    wanted = [("expect_column_max_to_be_between", bounds) for _, bounds in rules]
    return [_measured(result) for result in _validate(pl.DataFrame(row, schema=dict.fromkeys(row, pl.Float64)), wanted)]


def as_numbers(rule: RowRule) -> pl.Expr:
    """The rule's column as numbers, of a frame with the row's number as `__row`: texts would be copied one by one."""
    column = pl.col(rule.column)
    match rule.type:
        case "be_between":
            return column.cast(pl.Float64)
        case "be_unique":  # the first row with the same value stands for it
            return pl.when(column.is_not_null()).then(pl.col(_ROW).first().over(column))
        case "not_be_null":
            return pl.when(column.is_not_null()).then(1.0)


def _validate(frame: pl.DataFrame, wanted: Sequence[tuple[str, Bounds]]) -> list[Any]:
    """The result of each expectation on the column that has its place as name."""
    if not wanted:
        return []
    import great_expectations as gx  # noqa: PLC0415 - takes seconds: only in the process that validates

    suite = gx.ExpectationSuite(
        name="gate",
        expectations=[
            {"type": name, "kwargs": {"column": str(place), **bounds}, "severity": "critical", "meta": {"place": place}}
            for place, (name, bounds) in enumerate(wanted)
        ],
    )
    asked = {"result_format": "SUMMARY", "partial_unexpected_count": MAX_NAMED_ROWS}
    with _LOCK:
        batch = _whole_frame().get_batch({"dataframe": frame.to_pandas()})
        results = batch.validate(suite, result_format=asked).results
    for result in results:
        if result.exception_info.get("raised_exception"):
            raise RuntimeError(f"Great Expectations could not judge: {result.exception_info['exception_message']}")
    return sorted(results, key=lambda result: int(result.expectation_config.meta["place"]))  # they come grouped


@cache
def _whole_frame() -> Any:  # noqa: ANN401 - the library's types are hollow
    """A definition of batches that are a frame each: to make one takes as long as to judge a small table."""
    import great_expectations as gx  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("all")


def _counted(result: Any, frame: pl.DataFrame) -> Finding:  # noqa: ANN401
    found = result.result
    judged = found["element_count"]
    if result.expectation_config.type != "expect_column_values_to_not_be_null":
        judged -= found["missing_count"]
    rows = [int(row) for row in found.get("partial_unexpected_index_list") or ()]
    return Finding(
        bool(result.success),
        f"{found['unexpected_count']:,} of {counted(judged, 'rows')} fail",
        tuple(frame["id"].gather(rows[:MAX_NAMED_ROWS]).cast(pl.String).fill_null("(no id)")),
    )


def _measured(result: Any) -> Finding:  # noqa: ANN401
    value = result.result["observed_value"]
    if value is None:
        return Finding(met=False, observed=NOT_MEASURED)
    return Finding(bool(result.success), as_text(float(value)))


def as_text(value: float) -> str:
    """A figure for a person: whole numbers whole, others to three digits behind the point."""
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.3f}"
