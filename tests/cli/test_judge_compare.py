"""`evergrow judge compare` with judges of known faults: what each way of asking makes of them."""

from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Evergrow, Said
from tests.conftest import FakeEndpoint

pytestmark = pytest.mark.usefixtures("fake_endpoint")
METHODS = {"by_criterion", "overall", "against_examples"}


def compare(evergrow: Evergrow, model: str, *arguments: object) -> tuple[Said, dict[str, dict[str, float]]]:
    said = evergrow("judge", "compare", "--model", model, *arguments, "--json")
    return said, {row["method"]: row for row in said.json}


def test_where_all_ways_do_alike_todays_stays_and_nothing_is_asked_twice(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint
) -> None:
    planned = evergrow("judge", "compare", "--model", "expert", "--plan", "--json")
    assert fake_endpoint.stats()["requests"] == 0

    said, rows = compare(evergrow, "expert", "--write")

    assert said.code == 0, said.err
    assert fake_endpoint.stats()["requests"] == planned.json[-1]["requests"]
    assert set(rows) == METHODS
    assert all(row["trusted"] for row in rows.values())
    assert [name for name, row in rows.items() if row["best"]] == ["by_criterion"]
    dear, cheap = rows["by_criterion"]["tokens_a_score"], rows["overall"]["tokens_a_score"]
    assert rows["overall"]["readings"] > 1
    assert 0.6 * dear < cheap < 1.5 * dear
    asked = fake_endpoint.stats()["requests"]
    again, _ = compare(evergrow, "expert")
    assert again.out == said.out
    assert evergrow("judge", "calibrate", "--model", "expert").code == 0
    assert fake_endpoint.stats()["requests"] == asked


def test_a_way_in_which_a_judge_is_better_is_found_and_written(evergrow: Evergrow, seed_file: Path) -> None:
    Path("evergrow.yaml").write_text("# mine\nroles:\n  judge: {model: expert-places}  # a good one\n")

    said, rows = compare(evergrow, "expert-places", "--write")

    assert said.code == 0, said.err
    assert {name for name, row in rows.items() if row["trusted"]} == {"against_examples"}
    assert rows["against_examples"]["low"] > 0
    assert "the best: evolution.judging against_examples, evolution.readings 1" in said.err
    written = Path("evergrow.yaml").read_text()
    assert "# mine" in written
    assert "# a good one" in written
    shown = {row["setting"]: row["value"] for row in evergrow("config", "show", "--json").json}
    assert shown["evolution.judging"] == "against_examples"
    # What was measured is what a batch that wants a calibrated judge is judged by.
    assert evergrow("seeds", "add", seed_file, "--batch", "b").code == 0
    wanted = ("--set", "gates.judge.required=true", "--set", "evolution.margin=-10")
    ran = evergrow("run", "--batch", "b", "--rounds", 1, *wanted)
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("model", ["expert-long", "expert-full"])
def test_a_judge_with_a_fault_that_no_way_mends_is_not_trusted_and_nothing_is_written(
    evergrow: Evergrow, model: str
) -> None:
    said, rows = compare(evergrow, model, "--write")

    assert said.code == 1
    assert "none of them can be trusted" in said.err
    assert not any(row["trusted"] or row["best"] for row in rows.values())
    assert not Path("evergrow.yaml").exists()


def test_more_readings_of_a_noisy_judge_are_nearer_to_each_other(evergrow: Evergrow) -> None:
    once, one = compare(evergrow, "expert-noisy", "--method", "by_criterion")
    often, many = compare(evergrow, "expert-noisy", "--method", "by_criterion", "--readings", 5)

    assert (once.code, often.code) == (1, 1)
    assert set(one) == {"by_criterion"}
    assert many["by_criterion"]["readings"] == 5
    assert many["by_criterion"]["retest_change"] < 0.7 * one["by_criterion"]["retest_change"]
    assert many["by_criterion"]["rank_correlation"] > one["by_criterion"]["rank_correlation"]


def test_a_batch_is_held_to_a_calibration_in_the_way_and_by_the_thresholds_of_its_own_recipe(
    evergrow: Evergrow, seed_file: Path
) -> None:
    own = ("roles.judge.model=expert", "gates.judge.required=true", "evolution.judging=overall", "evolution.readings=2")
    assert evergrow("seeds", "add", seed_file, "--batch", "b").code == 0
    assert evergrow("recipe", "set", "b", *own, "evolution.margin=-10", "evolution.rounds=1").code == 0
    assert evergrow("judge", "calibrate", "--model", "expert").code == 0

    refused = evergrow("run", "--batch", "b")

    assert refused.code == 1
    remedy = "judge calibrate --model expert --set evolution.judging=overall --set evolution.readings=2"
    assert f"evergrow {remedy}" in refused.err.replace("\n", " ")
    assert evergrow(*remedy.split()).code == 0
    assert evergrow("run", "--batch", "b").code == 0
    calls = sum(row["calls"] for row in evergrow("cost", "--json").json if row["asset"].endswith("complexity"))
    children = evergrow(
        "table", "evolution/round_01/complexity", "--partition", "b", "--rows", "all", "--out", "c.parquet"
    )
    assert children.code == 0
    assert calls == 2 * pl.read_parquet("c.parquet").height
    strict = evergrow("recipe", "set", "b", "gates.judge.max_retest_change=0", "gates.judge.min_rank_correlation=1")
    assert strict.code == 0
    assert evergrow("judge", "show", "--model", "expert").code == 0
