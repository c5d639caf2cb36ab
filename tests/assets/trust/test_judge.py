import polars as pl

from evergrow.assets.gates.check import evaluate
from evergrow.assets.trust.judge import COLUMNS, SCHEMA, comparable, judge_facts
from evergrow.methods.calibration.planted_tasks import planted_version
from evergrow.methods.evolution.judge import judge_prompt
from evergrow.resources.settings import Settings
from evergrow.resources.settings.gates import Gates
from evergrow.resources.settings.growth import Evolution


def reading(**told: object) -> pl.DataFrame:
    versions = {"tasks_version": planted_version(), "prompt_version": judge_prompt().version}
    known = {
        "id": "by_criterion:c1a#0",
        "method": "by_criterion",
        "task": "c1a",
        "reading": 0,
        "score": 1.0,
        **versions,
    }
    return pl.DataFrame({name: [{**known, **told}.get(name)] for name in COLUMNS}, schema=SCHEMA)


def test_readings_of_other_tasks_and_prompts_and_of_earlier_versions_are_none_of_todays() -> None:
    assert comparable(reading()).height == 1
    assert comparable(reading(tasks_version="0")).is_empty()
    assert comparable(reading(prompt_version="0")).is_empty()
    assert comparable(reading(method="gone")).is_empty()
    assert comparable(reading().drop("method")).is_empty()


def test_a_table_without_readings_of_today_closes_the_gate() -> None:
    table, settings = reading().drop("method"), Settings(gates=Gates())

    found = evaluate("judge", table, settings, judge_facts(comparable(table), Evolution()))

    assert not found.passed
    assert "0, wanted exactly 176" in str(found.description)
