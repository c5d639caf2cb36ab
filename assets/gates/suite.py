"""What a suite is made of: rules about rows and about figures, whose thresholds are named, not written in.

A bound is a number, a setting (`Setting("gates.complexity.min_mean")`) or a fact (`Fact("requested")`) that the gate
finds out when it judges. A critical rule that is not met closes the gate; a warning is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Setting:
    """A bound that the settings hold, by its path."""

    path: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A bound that the gate finds out; where it is None, the rule does not apply."""

    name: str


Bound = float | int | Setting | Fact
Bounds = Mapping[str, Bound]


@dataclass(frozen=True, slots=True)
class RowRule:
    """What each row must satisfy. It does not apply where its column has no values, unless it asks for values.

    Attributes:
        says: what must hold, in words for a person.
        type: Great Expectations' name of it, without `expect_column_values_to_`.
        column: of the table, or one that the suite or a fact adds.
        bounds: keyword arguments of the expectation.
        severity: whether not meeting it closes the gate.
    """

    says: str
    type: Literal["be_unique", "not_be_null", "be_between"]
    column: str
    bounds: Bounds = field(default_factory=dict)
    severity: Severity = "critical"


@dataclass(frozen=True, slots=True)
class FigureRule:
    """What one figure of the whole table must satisfy. A figure that is null was not measured, and satisfies nothing.

    Attributes:
        says: what must hold, in words for a person.
        figure: a number that the suite computes of the table, or a fact; a fact that is None does not apply.
        bounds: `min_value`, `max_value`, or both.
        severity: whether not meeting it closes the gate.
        of: the figure that counts what this one is measured on; where that is 0, the rule does not apply.
        from_rows: fewest of `of` for which it is meaningful.
        known: whether a fact that is None does not apply; else it was to be measured, and is not met.
    """

    says: str
    figure: str
    bounds: Bounds
    severity: Severity = "critical"
    of: str = "rows"
    from_rows: int = 1
    known: bool = True


Rule = RowRule | FigureRule


@dataclass(frozen=True, slots=True)
class Suite:
    """A gate's rules.

    Attributes:
        rules: in the order in which they are shown.
        columns: further columns, one value a row.
        figures: numbers of the whole table, after its columns; `rows` is always among them.
    """

    rules: tuple[Rule, ...]
    columns: Mapping[str, pl.Expr] = field(default_factory=dict)
    figures: Mapping[str, pl.Expr] = field(default_factory=dict)


KEPT = pl.col("reason").is_null()


def complete(of: str) -> FigureRule:
    """Every row that was asked for is there: `of` names what there should be one row for each of."""
    requested = Fact("requested")
    return FigureRule(
        f"the funnel adds up: one row for each of {of}",
        "rows",
        {"min_value": requested, "max_value": requested},
        from_rows=0,
    )


def there_are_rows() -> FigureRule:
    """The table is not empty."""
    return FigureRule("there are rows", "rows", {"min_value": 1}, from_rows=0)


def unique(says: str, column: str = "id") -> RowRule:
    """No two rows have the same value of `column`; nulls are no values."""
    return RowRule(says, "be_unique", column)


def none(says: str, figure: str, severity: Severity = "critical") -> FigureRule:
    """A count is 0."""
    return FigureRule(says, figure, {"max_value": 0}, severity)


def at_least(says: str, figure: str, setting: str) -> FigureRule:
    """A figure reaches a setting."""
    return FigureRule(says, figure, {"min_value": Setting(setting)})


def at_most(says: str, figure: str, setting: str) -> FigureRule:
    """A figure does not pass a setting."""
    return FigureRule(says, figure, {"max_value": Setting(setting)})
