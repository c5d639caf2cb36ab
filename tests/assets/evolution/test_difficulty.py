"""Difficulty by solvers: measured where a recipe asks for it, and what becomes of children that teach nothing."""

from typing import Any

import polars as pl
import pytest

from evergrow.assets.names import DIFFICULTY, STAGES, stage_key
from evergrow.flows.evolve import stages_of
from evergrow.resources.seeds.source import Seeds
from tests.conftest import FakeEndpoint
from tests.platform import Platform
from tests.samples import SUMS, instructions

MEASURED, ACCEPTED = stage_key(1, DIFFICULTY), stage_key(1, "accepted")
TWO = {"solver_strong": {"model": "model-1"}, "solver_weak": {"model": "novice-1"}}


def solved(platform: Platform, how: str = "both", seeds: int | Seeds = 4, **changes: Any) -> Platform:
    """The platform with its first round made, difficulty measured by two solvers."""
    evolution = {**platform.overrides["evolution"], "rounds": 1, "difficulty": how}
    found = platform.but(**{"evolution": evolution, "roles": TWO, "solvers": {"draws": 2}, **changes})
    found.register("b", seeds)
    assert found.run("seeds", "b") == ""
    assert found.run("round_01", "b", [stage_key(1, stage) for stage in stages_of(found.settings)]) == ""
    return found


def test_a_strong_and_a_weak_model_try_a_sample_of_the_round(platform: Platform) -> None:
    found = solved(platform, solvers={"draws": 2, "rows": 5})

    table = found.table(MEASURED, "b", "all")

    assert table.height == 5
    assert table["task"].unique().to_list() == ["code"]
    assert table["reason"].null_count() == 5
    assert (table["strong"] == 1.0).all()
    assert set(table["weak"]) == {0.0, 1.0}
    assert table["gap"].to_list() == (table["strong"] - table["weak"]).to_list()
    assert table["difficulty"].to_list() == [
        1 + 9 * (1 - (s + w) / 2) for s, w in table.select("strong", "weak").rows()
    ]
    assert {draw["solver"] for draws in table["draws"] for draw in draws} == {"strong", "weak"}
    assert table["solver_weak_model"].unique().to_list() == ["novice-1-fake"]


def test_a_child_that_the_weak_one_solves_is_rejected_and_says_so(platform: Platform) -> None:
    found = solved(platform, solvers={"draws": 2, "rows": 100})

    table, every = found.table(MEASURED, "b", "all"), found.table(ACCEPTED, "b", "all")

    easy = set(table.filter(pl.col("weak") == 1.0)["id"])
    reasons = dict(every.select("id", "reason").iter_rows())
    assert easy
    assert {reasons[child] for child in easy} == {"below_gap: strong 1.0, weak 1.0"}
    assert not any(str(reasons[child]).startswith("below_gap") for child in set(table["id"]) - easy)


def test_solvers_count_in_place_of_the_judge_where_the_recipe_says_so(platform: Platform) -> None:
    found = solved(platform, how="solvers")

    table, every = found.table(MEASURED, "b", "all"), found.table(ACCEPTED, "b", "all")

    assert table.height == found.table(stage_key(1, "complexity"), "b").height
    both = every.join(table.select("id", "difficulty", judged="complexity"), on="id")
    assert both["complexity"].equals(both["difficulty"])
    assert both["value"].to_list() == pytest.approx((both["difficulty"] + 10 * both["diversity"]).to_list())
    assert both["complexity_reason"].str.starts_with("solved by the strong solver").all()


def test_nobody_is_asked_where_the_judge_decides(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    platform.register("b", 2)
    assert [platform.run(job, "b") for job in ("seeds", "round_01")] == ["", ""]
    asked = fake_endpoint.stats()["requests"]

    assert stages_of(platform.settings) == STAGES
    assert platform.run("round_01", "b", [MEASURED]) == ""
    assert platform.table(MEASURED, "b", "all").height == 0
    assert fake_endpoint.stats()["requests"] == asked
    assert platform.due(ACCEPTED, "b") is None


def test_two_solvers_that_are_one_model_are_refused(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    same = {"solver_strong": {"model": "m"}, "solver_weak": {"model": "m"}}
    found = platform.but(evolution={**platform.overrides["evolution"], "difficulty": "both"}, roles=same)
    found.register("b", 2)
    assert found.run("seeds", "b") == ""

    said = found.run("round_01", "b")

    assert "both solvers are 'm'" in said
    assert "roles.solver_weak.model" in said


def test_what_solvers_owe_is_asked_for_again(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    evolution = {**platform.overrides["evolution"], "rounds": 1, "difficulty": "both"}
    found = platform.but(evolution=evolution, roles=TWO, solvers={"draws": 2})
    found.register("b", 4)
    assert found.run("seeds", "b") == ""
    assert found.run("round_01", "b", [stage_key(1, stage) for stage in STAGES[:3]]) == ""
    fake_endpoint.control(share={"422": 1.0}, only="novice-1")

    said = found.run("round_01", "b", [MEASURED])

    assert "requests failed" in said
    assert found.due(MEASURED, "b") is not None
    fake_endpoint.control(share={})
    assert found.run("round_01", "b", [MEASURED, ACCEPTED]) == ""
    assert found.due(MEASURED, "b") is None


def test_mathematics_are_tried_by_what_the_strong_solver_agrees_on(platform: Platform) -> None:
    seeds, answers = instructions(SUMS[:4], domain="sums"), {"tasks": {"sums": "maths"}}
    rules = {"draws": 5, "rows": 4, "min_gap": 0.0, "max_weak": 1.0, "min_strong": 0.0}
    found = solved(platform, seeds=seeds, answers=answers, solvers=rules)

    table = found.table(MEASURED, "b", "all")

    assert table["task"].unique().to_list() == ["maths"]
    known = table.filter(pl.col("reason").is_null())
    assert known.height > 0
    assert (known["strong"] > 0.5).all()  # it agrees with itself
    assert table.filter(pl.col("reason").is_not_null())["reason"].str.contains("too few of the draws agree").all()
