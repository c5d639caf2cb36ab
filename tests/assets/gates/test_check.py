"""What a gate says of a table: figures that were measured, counts of rows, and what closes it."""

from typing import Any

import dagster as dg
import polars as pl
import pytest

from evergrow.assets.dataset import clean, verified
from evergrow.assets.gates.check import SUITES, evaluate, thresholds
from evergrow.assets.gates.suite import FigureRule, RowRule, Setting
from evergrow.assets.gates.treesynth import filling
from evergrow.methods.treesynth.nodes import LEVEL_SCHEMA
from evergrow.resources.settings import Settings
from evergrow.resources.settings.gates import Gates

EMPTY_FACTS = {
    "verified": {"requested": 0, "kept_against_settings": 0},
    "clean": {"requested": 0, "pointers_astray": 0, "benchmarks": 0, "benchmarks_missing": 0},
}
SETTINGS = Settings(gates=Gates())  # the defaults, not those that the embedded model is judged by
COLUMNS = {"verified": verified.COLUMNS, "clean": clean.COLUMNS}


def told(result: dg.AssetCheckResult) -> dict[str, Any]:
    """The records of a verdict, by the words of their rule."""
    table = result.metadata["expectations"]
    assert isinstance(table, dg.TableMetadataValue)
    return {str(record.data["expectation"]): record.data for record in table.records}


def scored(scores: list[float | None]) -> pl.DataFrame:
    rows = [(f"r_{n}", score, None if score else "failed: transient") for n, score in enumerate(scores)]
    return pl.DataFrame(rows, schema={"id": pl.String, "complexity": pl.Float64, "reason": pl.String}, orient="row")


def complexity(scores: list[float | None], **facts: object) -> dg.AssetCheckResult:
    return evaluate("complexity", scored(scores), SETTINGS, {"requested": len(scores), "lowest_mean": None, **facts})


def samples(adherence: list[float | None], *, asked: bool = True) -> dg.AssetCheckResult:
    rows = len(adherence)
    table = pl.DataFrame(
        {
            "id": [f"s{n}" for n in range(rows)],
            "leaf_id": "leaf",
            "content": [f"text {n}" for n in range(rows)],
            "told": [f"text {n}" for n in range(rows)],
            "origin": "written",
            "likeness": None,
            "leaf_rows": rows,
            "shard_rows": rows,
            "reason": None,
            "adherence": adherence,
            "adherence_reason": "invalid: no JSON" if asked else None,
            "judge_call_id": [None if share is None else "call" for share in adherence],
            "planted_found": None,
        },
        schema_overrides={
            **dict.fromkeys(("likeness", "adherence"), pl.Float64),
            **dict.fromkeys(("reason", "adherence_reason", "judge_call_id"), pl.String),
            "planted_found": pl.Boolean,
        },
    )
    return evaluate("samples", table, SETTINGS, filling(table, rows))


def accepted(reasons: list[str | None]) -> dg.AssetCheckResult:
    rows = len(reasons)
    table = pl.DataFrame(
        {
            "id": [f"r_{n}" for n in range(rows)],
            "content": [f"text {n}" for n in range(rows)],
            **dict.fromkeys(("complexity", "diversity", "value"), 5.0),
            "reason": reasons,
        },
        schema_overrides={"reason": pl.String},
    )
    return evaluate("accepted", table, SETTINGS, {"requested": rows, "known_parent": table["id"]})


def level(depth: int, states: list[tuple[str, str | None]]) -> dg.AssetCheckResult:
    """A level whose nodes have these states, and reasons why they are leaves."""
    rows = len(states)
    table = pl.DataFrame(
        {
            "id": [f"n{n}" for n in range(rows)],
            "depth": depth,
            "state": [state for state, _ in states],
            "leaf_reason": [reason for _, reason in states],
        },
        schema_overrides={"leaf_reason": pl.String},
    )
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in LEVEL_SCHEMA.items() if name not in table.columns]
    plan = ("nodes", "leaves", "rows", "requests", "tokens", "usd", "rows_per_leaf")
    nothing = dict.fromkeys(("repeated_values", "uncovered_pivots", "reused_dimension", "fan_out"))
    facts = {name: pl.Series([None] * rows, dtype=pl.Int64) for name in nothing}
    return evaluate(
        "level",
        table.with_columns(missing),
        SETTINGS,
        {"requested": rows, **facts, **dict.fromkeys(f"plan_{name}" for name in plan)},
    )


@pytest.mark.parametrize("stage", EMPTY_FACTS)
def test_an_empty_table_passes_the_gates_between_answers_and_release(stage: str) -> None:
    empty = pl.DataFrame(schema=dict.fromkeys(COLUMNS[stage], pl.String))

    assert evaluate(stage, empty, SETTINGS, EMPTY_FACTS[stage]).passed


def test_an_empty_table_is_said_to_be_nothing_to_judge() -> None:
    empty = pl.DataFrame(
        schema={"id": pl.String, "told": pl.String, "reason": pl.String, "leaf_id": pl.String, "leaf_rows": pl.Int64}
    )

    result = evaluate("samples", empty, SETTINGS, filling(empty, 0))

    assert str(result.description).startswith("there is nothing to judge in 0 rows")


@pytest.mark.parametrize("stage", ["samples", "balanced"])
def test_an_empty_table_that_rows_were_aimed_at_closes_its_gate(stage: str) -> None:
    empty = pl.DataFrame(
        schema={
            **dict.fromkeys(("id", "told", "reason", "leaf_id", "origin"), pl.String),
            **dict.fromkeys(("leaf_rows", "tree_rows"), pl.Int64),
        }
    )

    result = evaluate(stage, empty, SETTINGS, filling(empty, 12))

    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.ERROR
    assert "the leaves hold the rows that were aimed at (0, wanted at least 1" in str(result.description)


def test_a_rule_about_rows_says_how_many_of_how_many_fail_and_names_them() -> None:
    result = complexity([11.0, 5.0, 6.0, 0.5])

    record = told(result)["every score is on the scale"]
    assert record["observed"] == "2 of 4 rows fail"
    assert record["rows"] == "r_0, r_3"
    assert "every score is on the scale (2 of 4 rows fail, wanted at least 1, at most 10)" in str(result.description)
    assert not result.passed


def test_a_rule_that_all_rows_meet_counts_those_it_looked_at() -> None:
    records = told(complexity([5.0, 6.0, 7.0]))

    assert records["every score is on the scale"]["observed"] == "0 of 3 rows fail"
    assert records["every child stands in one row"]["observed"] == "0 of 3 rows fail"


def test_doubled_ids_are_named() -> None:
    table = scored([5.0, 6.0, 7.0]).with_columns(id=pl.Series(["a", "b", "a"]))

    result = evaluate("complexity", table, SETTINGS, {"requested": 3, "lowest_mean": None})

    assert told(result)["every child stands in one row"]["rows"] == "a, a"


def test_a_mean_of_nothing_is_not_met_and_says_that_nothing_was_measured() -> None:
    result = complexity([None, None, None])

    record = told(result)["the mean complexity is high enough"]
    assert (record["met"], record["observed"]) == (False, "nothing was measured")
    assert "every score is on the scale" not in told(result)


def test_a_row_too_few_is_said_as_whole_numbers() -> None:
    result = complexity([5.0, 6.0], requested=1200)

    record = told(result)["the funnel adds up: one row for each of the instructions that were kept"]
    assert (record["met"], record["observed"], record["wanted"]) == (False, "2", "exactly 1,200")


def test_one_score_for_all_warns_from_three_rows_on() -> None:
    rule = "the judge does not give one score to all"

    assert rule not in told(complexity([5.0, 5.0]))
    result = complexity([5.0, 5.0, 5.0])
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert told(complexity([5.0, 5.0, 6.0]))[rule]["met"]


def test_a_judge_that_gives_one_score_to_ten_closes_the_gate() -> None:
    assert complexity([5.0] * 10).severity == dg.AssetCheckSeverity.ERROR


def test_children_that_copy_each_other_close_the_gate() -> None:
    rule = "few enough children copy another"

    result = accepted([None, *["duplicate of r_0"] * 16, "equals_parent"])

    assert told(result)[rule]["observed"] == "0.944"
    assert "setting gates.accepted.max_copy_share" in str(result.description)
    assert not result.passed
    assert told(accepted([None, None, "duplicate of r_0"]))[rule]["met"]


def test_adherence_that_no_reply_says_anything_about_closes_the_gate() -> None:
    result = samples([None] * 40)

    record = told(result)["checked samples have the attributes of their leaves"]
    assert (record["met"], record["observed"]) == (False, "nothing was measured")
    assert not result.passed


def test_adherence_that_nobody_asked_about_does_not_apply() -> None:
    result = samples([None] * 4, asked=False)

    assert result.passed
    assert "checked samples have the attributes of their leaves" not in told(result)
    assert "do not apply" in str(result.description)


def test_checks_that_mostly_cannot_be_read_are_shown() -> None:
    result = samples([1.0, None, None, None])

    assert result.severity == dg.AssetCheckSeverity.WARN
    assert told(result)["most of the checks can be read"]["observed"] == "0.250"


def test_a_level_of_which_nothing_could_be_divided_is_shown() -> None:
    result = level(2, [("leaf", "it has fewer than two pivots")] * 3)

    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert told(result)["most nodes that can divide do"]["observed"] == "1"


def test_leaves_of_the_greatest_depth_are_none_that_failed_to_divide() -> None:
    assert level(2, [("leaf", "it has the greatest depth")] * 3).passed
    assert level(0, [("leaf", "it has the greatest depth")]).passed


@pytest.mark.parametrize("stage", SUITES)
def test_every_rule_names_a_figure_or_setting_that_there_is(stage: str) -> None:
    suite, said = SUITES[stage], thresholds(stage, SETTINGS)

    for rule in suite.rules:
        assert isinstance(rule, RowRule) or rule.of in {"rows", "aimed_rows", *suite.figures}  # the second is a fact
        for bound in rule.bounds.values():
            assert not isinstance(bound, Setting) or f"{bound.path} " in said
    assert len({rule.says for rule in suite.rules}) == len(suite.rules)
    assert any(isinstance(rule, FigureRule) for rule in suite.rules)
