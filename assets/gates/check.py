"""Great Expectations suites as blocking, per-partition asset checks."""

import json
from collections.abc import Callable, Mapping
from functools import reduce, wraps
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.gates.dataset import DATASET_SUITES
from evergrow.assets.gates.evolution import SUITES as ROUND_SUITES
from evergrow.assets.gates.evolution import Bound, Expectation, Fact, Setting, Suite
from evergrow.assets.gates.treesynth import TREE_SUITES
from evergrow.assets.names import gate_name
from evergrow.resources.lake.readable import THRESHOLDS
from evergrow.resources.settings import Settings

Facts = Mapping[str, object]
SUITES: Mapping[str, Suite] = {**ROUND_SUITES, **TREE_SUITES, **DATASET_SUITES}
MAX_NAMED_ROWS = 20  # ids of offending rows that a check names
_WORDS = {"min_value": "at least", "max_value": "at most", "value": "exactly", "mostly": "a share of at least"}


def gate(
    asset: dg.AssetsDefinition,
    stage: str,
    settings: Settings,
    others: Mapping[str, dg.AssetKey | dg.AssetIn],
) -> Callable[[Callable[..., Facts]], dg.AssetChecksDefinition]:
    """The check that guards `asset`, with the suite `SUITES[stage]`.

    It decorates a function from tables, all their rows, to the facts that the suite names: its parameter `table` is the
    one that is judged, the others are named as in `others`. A fact that is None does not apply; one that is an
    expression becomes a column.

    Args:
        asset: the asset to guard.
        stage: the name of the stage, and of its suite.
        settings: where thresholds are looked up.
        others: further tables that the gate compares with; an input marked `IF_ANY` may be missing, and is None then.
    """

    def declare(facts: Callable[..., Facts]) -> dg.AssetChecksDefinition:
        @wraps(facts)  # Dagster reads the inputs of a check off its signature
        def check(table: pl.DataFrame, **tables: pl.DataFrame | None) -> dg.AssetCheckResult:
            return judge(stage, table, settings, facts(table, **tables))

        return dg.asset_check(
            name=gate_name(stage),
            asset=asset,
            blocking=True,
            partitions_def=asset.partitions_def,
            additional_ins={
                name: other if isinstance(other, dg.AssetIn) else dg.AssetIn(other) for name, other in others.items()
            },
            description="; ".join(e.says for e in SUITES[stage].expectations),
            metadata={THRESHOLDS: thresholds(stage, settings)},
        )(check)

    return declare


def thresholds(stage: str, settings: Settings) -> str:
    """What the settings ask of a stage, in one line: a verdict is current while this line is."""
    wanted = {f"gates.{stage}.{name}": value for name, value in getattr(settings.gates, stage).model_dump().items()}
    for expectation in SUITES[stage].expectations:
        named = [bound.path for bound in expectation.bounds.values() if isinstance(bound, Setting)]
        wanted |= {path: reduce(getattr, path.split("."), settings) for path in named}
    return ", ".join(f"{name} {value}" for name, value in wanted.items())


def judge(stage: str, table: pl.DataFrame, settings: Settings, facts: Facts) -> dg.AssetCheckResult:
    """The verdict of the stage's suite on `table`, all rows of it, rejected ones too."""
    suite = SUITES[stage]
    columns = {name: fact for name, fact in facts.items() if isinstance(fact, pl.Expr)}
    frame = table.with_columns(**suite.derived, **columns)
    wanted = [(e, _bounds(e, settings, facts)) for e in suite.expectations if table.height >= e.from_rows]
    applicable = [(e, bounds) for e, bounds in wanted if bounds is not None]
    results = _validate(frame, [(e.type, {**_column(e), **bounds}, e.severity) for e, bounds in applicable])
    rows = [_row(e, bounds, r) for (e, bounds), r in zip(applicable, results, strict=True)]
    unmet = [row for row in rows if not row["met"]]
    closed = any(row["severity"] == "critical" for row in unmet)
    return dg.AssetCheckResult(
        passed=not unmet,
        severity=dg.AssetCheckSeverity.ERROR if closed or not unmet else dg.AssetCheckSeverity.WARN,
        description="; ".join(
            f"not met: {row['expectation']} ({row['observed']}, wanted {row['wanted']})" for row in unmet
        )
        or f"all {len(rows)} expectations met by {table.height} rows",
        metadata={
            "expectations": dg.MetadataValue.table([dg.TableRecord(row) for row in rows]),
            "rows": table.height,
            THRESHOLDS: thresholds(stage, settings),
            # Numbers are plotted per partition in the UI.
            **{f"{c}_mean": m for c in ("complexity", "diversity", "value") if (m := _mean(table, c)) is not None},
        },
    )


def _validate(frame: pl.DataFrame, expectations: list[tuple[str, dict[str, Any], str]]) -> list[dict[str, Any]]:
    import great_expectations as gx  # noqa: PLC0415 - takes seconds: only in the process that validates

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    needed = ["id", *dict.fromkeys(kwargs["column"] for _, kwargs, _ in expectations if "column" in kwargs)]
    batch = source.add_batch_definition_whole_dataframe("all").get_batch(
        {"dataframe": frame.select(*dict.fromkeys(needed)).to_pandas()}
    )
    suite = gx.ExpectationSuite(
        name="gate",
        expectations=[
            {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity, "meta": {"place": place}}
            for place, (kind, kwargs, severity) in enumerate(expectations)
        ],
    )
    result = batch.validate(
        suite,
        result_format={
            "result_format": "SUMMARY",
            "unexpected_index_column_names": ["id"],
            "partial_unexpected_count": MAX_NAMED_ROWS,
        },
    )
    # Great Expectations answers with numpy numbers, and groups results by column.
    plain = [json.loads(json.dumps(r.to_json_dict(), default=_plain)) for r in result.results]
    return sorted(plain, key=lambda r: r["expectation_config"]["meta"]["place"])


def _plain(value: Any) -> Any:  # noqa: ANN401
    return value.item() if hasattr(value, "item") else str(value)


def _column(expectation: Expectation) -> dict[str, str]:
    return {"column": expectation.column} if expectation.column else {}


def _bounds(expectation: Expectation, settings: Settings, facts: Facts) -> dict[str, Any] | None:
    """The expectation's bounds as numbers; None if it rests on a fact that does not apply."""
    found = {name: _value(bound, settings, facts) for name, bound in expectation.bounds.items()}
    return None if any(v is None for v in found.values()) else found


def _value(bound: Bound, settings: Settings, facts: Facts) -> Any:  # noqa: ANN401
    match bound:
        case Setting(path):
            return reduce(getattr, path.split("."), settings)
        case Fact(name):
            return facts[name]
        case number:
            return number


def _row(expectation: Expectation, bounds: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    observed = result["result"]
    failing = [str(i["id"]) for i in observed.get("partial_unexpected_index_list") or []]
    share = observed.get("unexpected_percent")
    value = observed.get(
        "observed_value", f"{share:.1f}% of rows do not" if share is not None else "nothing to observe"
    )
    settings = [f"setting {b.path}" for b in expectation.bounds.values() if isinstance(b, Setting)]
    wanted = [f"{_WORDS[name]} {bound:g}" for name, bound in bounds.items()] + settings
    return {
        "expectation": expectation.says,
        "met": bool(result["success"]),
        "severity": expectation.severity,
        "observed": f"{value:.3f}" if isinstance(value, float) else str(value),
        "wanted": ", ".join(wanted) or "all rows",
        "rows": ", ".join(failing),
    }


def _mean(table: pl.DataFrame, column: str) -> float | None:
    mean = table[column].mean() if column in table.columns else None
    return float(mean) if isinstance(mean, float) else None
