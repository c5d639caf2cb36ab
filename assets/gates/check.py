"""Great Expectations suites as blocking, per-partition asset checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.gates.dataset import DATASET_SUITES
from evergrow.assets.gates.evolution import EVOLUTION_SUITES
from evergrow.assets.gates.measured import measured_rules
from evergrow.assets.gates.suite import Bound, Fact, FigureRule, RowRule, Rule, Setting, Suite
from evergrow.assets.gates.treesynth import TREE_SUITES
from evergrow.assets.gates.trust import TRUST_SUITES
from evergrow.assets.gates.validation import MAX_NAMED_ROWS, Bounds, Finding, as_text, validate_figures, validate_rows
from evergrow.methods.text.counts import counted
from evergrow.resources.lake.readable import EXPECTATIONS, THRESHOLDS
from evergrow.resources.settings import Settings

Facts = Mapping[str, object]
SUITES: Mapping[str, Suite] = {**EVOLUTION_SUITES, **TREE_SUITES, **DATASET_SUITES, **TRUST_SUITES}
SETTING = "setting"  # before the path of a setting, in what was wanted
_SHOWN = dg.TableSchema(
    [
        dg.TableColumn("expectation", description="what must hold"),
        dg.TableColumn("met", "bool"),
        dg.TableColumn("severity", description="critical closes the gate, warning is shown"),
        dg.TableColumn("observed", description="the figure, or how many of the rows that it is about fail"),
        dg.TableColumn("wanted", description="bounds, and the setting that holds them"),
        dg.TableColumn("rows", description=f"ids of up to {MAX_NAMED_ROWS} rows that fail"),
    ]
)
_WORDS = {"min_value": "at least", "max_value": "at most", "mostly": "a share of at least"}


@dataclass(frozen=True, slots=True)
class Applied:
    """A suite on a table: its rows with the columns that the suite adds, its figures, and the rules that apply.

    Each rule stands with its bounds; `of` counts all rules of the suite.
    """

    frame: pl.DataFrame
    figures: Mapping[str, float | None]
    rules: Sequence[tuple[Rule, Bounds]]
    of: int


def thresholds(stage: str, settings: Settings) -> str:
    """What the settings ask of a stage, in one line: a verdict is current while this line is."""
    own = getattr(settings.gates, stage).model_dump(exclude={"measures"})
    wanted = {f"gates.{stage}.{name}": value for name, value in own.items()}
    for rule in (*SUITES[stage].rules, *measured_rules(stage, settings)):
        named = [bound.path for bound in rule.bounds.values() if isinstance(bound, Setting)]
        wanted |= {path: _setting(settings, path) for path in named}
    return ", ".join(f"{name} {value}" for name, value in wanted.items())


def evaluate(
    stage: str, table: pl.DataFrame, settings: Settings, facts: Facts, measured: Facts | None = MappingProxyType({})
) -> dg.AssetCheckResult:
    """The verdict of the stage's suite on `table`, all rows of it, rejected ones too.

    Args:
        stage: whose suite.
        table: what is judged.
        settings: where thresholds are looked up.
        facts: what the suite names beside the table. A series is a further column of it; a number is a bound or a
            figure; what rests on None does not apply.
        measured: the measures of the whole set that the settings bound, by figure; one that is missing or None is not
            met. None: they are judged elsewhere, as those of a tree are with its last shard.
    """
    asked = applied(stage, table, settings, facts, measured)
    frame, figures, rules = asked.frame, asked.figures, asked.rules
    of_rows = iter(validate_rows(frame, [(rule, b) for rule, b in rules if isinstance(rule, RowRule)]))
    of_figures = iter(validate_figures(figures, [(rule, b) for rule, b in rules if isinstance(rule, FigureRule)]))
    findings = [next(of_rows if isinstance(rule, RowRule) else of_figures) for rule, _ in rules]
    records = [_record(rule, bounds, found) for (rule, bounds), found in zip(rules, findings, strict=True)]
    unmet = [record for record in records if not record["met"]]
    closed = any(record["severity"] == "critical" for record in unmet)
    return dg.AssetCheckResult(
        passed=not unmet,
        severity=dg.AssetCheckSeverity.ERROR if closed or not unmet else dg.AssetCheckSeverity.WARN,
        description="; ".join(
            f"not met: {record['expectation']} ({record['observed']}, wanted {record['wanted']})" for record in unmet
        )
        or _all_met(len(records), asked.of, table.height),
        metadata={
            EXPECTATIONS: dg.MetadataValue.table([dg.TableRecord(record) for record in records], _SHOWN),
            THRESHOLDS: thresholds(stage, settings),
            # Numbers are plotted per partition in the UI.
            **{name: value for name, value in figures.items() if value is not None},
        },
    )


def applied(
    stage: str, table: pl.DataFrame, settings: Settings, facts: Facts, measured: Facts | None = MappingProxyType({})
) -> Applied:
    """What the stage's suite asks of `table`; arguments as of `evaluate`."""
    suite, whole = SUITES[stage], measured_rules(stage, settings)
    rules: Sequence[Rule] = (*suite.rules, *(whole if measured is not None else ()))
    facts = {**facts, **dict.fromkeys((rule.figure for rule in whole), None), **(measured or {})}
    columns = {name: fact for name, fact in facts.items() if isinstance(fact, pl.Series)}
    frame = table.with_columns(**columns).with_columns(**suite.columns)
    figures = _figures(frame, suite, facts)
    asked = [(rule, bounds) for rule in rules if (bounds := _bounds(rule, settings, facts)) is not None]
    return Applied(frame, figures, [(r, bounds) for r, bounds in asked if _applies(r, frame, figures)], len(rules))


def _figures(frame: pl.DataFrame, suite: Suite, facts: Facts) -> dict[str, float | None]:
    """Numbers of the table, in one pass; of an empty one there is only its size."""
    wanted = suite.figures if frame.height else {}
    found = frame.lazy().select(pl.len().alias("rows"), **wanted).collect().row(0, named=True)
    known = {name: fact for name, fact in facts.items() if fact is None or isinstance(fact, int | float)}
    return {name: None if value is None else float(value) for name, value in {**found, **known}.items()}


def _bounds(rule: Rule, settings: Settings, facts: Facts) -> Mapping[str, float] | None:
    """The rule's bounds as numbers; None if it rests on a setting or fact that does not apply."""
    if isinstance(rule, FigureRule) and rule.known and facts.get(rule.figure, ...) is None:
        return None
    found = {name: _value(bound, settings, facts) for name, bound in rule.bounds.items()}
    return None if any(value is None for value in found.values()) else found


def _value(bound: Bound, settings: Settings, facts: Facts) -> Any:  # noqa: ANN401
    match bound:
        case Setting(path):
            return _setting(settings, path)
        case Fact(name):
            return facts[name]
        case number:
            return number


def _setting(settings: Settings, path: str) -> Any:  # noqa: ANN401
    """The setting of that path; on the way there may be sections by name."""
    at: Any = settings
    for name in path.split("."):
        at = at[name] if isinstance(at, Mapping) else getattr(at, name)
    return at


def _applies(rule: Rule, frame: pl.DataFrame, figures: Mapping[str, float | None]) -> bool:
    match rule:
        case FigureRule():
            return (figures.get(rule.of) or 0) >= rule.from_rows
        case RowRule(type="not_be_null"):
            return frame.height > 0
        case RowRule():
            return frame[rule.column].null_count() < frame.height


def _record(rule: Rule, bounds: Mapping[str, float], found: Finding) -> dict[str, Any]:
    settings = [f"{SETTING} {bound.path}" for bound in rule.bounds.values() if isinstance(bound, Setting)]
    return {
        "expectation": rule.says,
        "met": found.met,
        "severity": rule.severity,
        "observed": found.observed,
        "wanted": ", ".join([wanted(bounds), *settings]),
        "rows": ", ".join(found.rows),
    }


def wanted(bounds: Mapping[str, float]) -> str:
    """The bounds of a rule in words, such as `at least 0.5`."""
    if len(set(bounds.values())) == 1 and len(bounds) == 2:
        return f"exactly {as_text(float(bounds['min_value']))}"
    return ", ".join(f"{_WORDS[name]} {bound:g}" for name, bound in bounds.items()) or "none"


def _all_met(applied: int, rules: int, rows: int) -> str:
    if not applied:
        return f"there is nothing to judge in {counted(rows, 'rows')}: none of {rules} expectations applies"
    idle = f"; {rules - applied} do not apply" if rules > applied else ""
    return f"all {applied} expectations met by {counted(rows, 'rows')}{idle}"
