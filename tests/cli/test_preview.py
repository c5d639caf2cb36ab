"""`evergrow preview`: a recipe on some seeds to answered rows, beside the batch, which is not asked for them again."""

import hashlib
import os
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.registry import Registry
from evergrow.resources.settings import load_settings
from tests.cli.conftest import Evergrow
from tests.conftest import FakeEndpoint
from tests.platform import functions

ROUNDS = ("--set", "evolution.rounds=2", "--set", "evolution.margin=-10")


@pytest.fixture
def registered(evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path) -> Evergrow:
    """The command, with a batch `b` of eight seeds of which nothing is made."""
    functions(8).frame.select("content", id=pl.col("seed_id")).write_ndjson(tmp_path / "eight.jsonl")
    assert evergrow("seeds", "add", "eight.jsonl", "--batch", "b").code == 0
    return evergrow


def lake() -> set[str]:
    base = Path(os.environ["EVERGROW_HOME"]) / "lake"
    return {path.relative_to(base).as_posix() for path in base.rglob("*.parquet") if "vectors" not in path.parts}


def test_without_yes_it_only_says_what_it_would_take(registered: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    said = registered("preview", "--batch", "b", "--seeds", 2, "--rounds", 2, *ROUNDS[2:], "--json")

    assert said.code == 0, said.err
    assert fake_endpoint.stats()["requests"] == 0
    steps = {row["step"]: row["requests"] for row in said.json}
    assert (steps["round_01/instructions"], steps["round_01/complexity"]) == (4, 4)
    assert steps["round_02/instructions"] > 0
    assert steps["responses"] > 0
    assert "--yes does it" in said.err


def test_it_comes_to_answered_rows_beside_the_batch_which_is_not_asked_for_them_again(
    registered: Evergrow, fake_endpoint: FakeEndpoint
) -> None:
    before = lake()
    places = Path(os.environ["EVERGROW_HOME"]) / "previews"
    killed = places / hashlib.sha256(b"b").hexdigest()[:16] / "home"
    killed.mkdir(parents=True)

    said = registered("preview", "--batch", "b", "--seeds", 4, *ROUNDS, "--yes", "--json")

    assert said.code == 0, said.err
    found = {table["table"]: table for table in said.json["tables"]}
    answered = found["dataset/responses"]["rows"]
    assert answered
    assert all(row["response"] for row in answered)
    assert {row["id"] for row in found["evolution/seeds"]["rows"]} == {"s0", "s2", "s4", "s6"}
    assert (said.json["seeds"], said.json["of"], said.json["stopped"]) == (4, 8, None)
    whole = {row["step"]: row for row in said.json["whole"]}
    assert whole["round_01/instructions"]["requests"] == 16
    assert whole["responses"]["requests"] == 2 * found["evolution/collected"]["kept"]
    assert whole["round_01/instructions"]["basis"].startswith("the mean of its last")
    assert lake() == before
    assert list(places.iterdir()) == [], "nothing stays, nor what a killed one has left"
    assert registered("status", "--json").json[0]["stage"] == "registered"
    assert registered("recipe", "show", "b", "--json").json["values"]["evolution"]["margin"] != -10
    assert said.json["requests"] == fake_endpoint.stats()["requests"]

    asked = fake_endpoint.stats()["requests"]
    assert registered("run", "--batch", "b", "--rounds", 1, "--set", "evolution.margin=-10").code == 0
    assert fake_endpoint.stats()["requests"] == asked + 2 * 8  # of the four other seeds: two children each, judged


def test_a_gate_that_few_rows_do_not_pass_ends_it_with_the_rows_so_far(
    registered: Evergrow, fake_endpoint: FakeEndpoint
) -> None:
    said = registered("preview", "--batch", "b", "--yes", *ROUNDS, "--set", "gates.complexity.min_mean=9.9")

    assert said.code == 1
    assert "it came no further: " in said.err
    assert "gates.complexity.min_mean" in said.err
    assert "the gate judged what came of 5 seeds" in said.err
    assert "`--seeds 8` has it judge more" in said.err
    assert "evolution/round_01/instructions: 10 rows" in said.out
    assert "expected of all 8 seeds of 'b'" in said.out
    assert registered("preview", "--batch", "nosuch", "--yes").code == 2


def test_a_batch_that_is_worked_on_is_not_previewed_as_both_would_pay(
    registered: Evergrow, fake_endpoint: FakeEndpoint
) -> None:
    with closing(Registry.of(load_settings({}))) as registry, lease(registry, "b"):
        said = registered("preview", "--batch", "b", "--yes", *ROUNDS)

    assert said.code == 1
    assert "'b'" in said.err
    assert fake_endpoint.stats()["requests"] == 0


def test_its_seeds_are_spread_over_the_whole_batch_and_no_catalogue_is_told(
    registered: Evergrow, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGROW_OBSERVABILITY__OPENLINEAGE_URL", "http://127.0.0.1:9")

    said = registered("preview", "--batch", "b", "--seeds", 5, "--yes", "--json", "--set", "evolution.rounds=1")

    seeds = next(table for table in said.json["tables"] if table["table"] == "evolution/seeds")
    assert {row["id"] for row in seeds["rows"]} == {"s0", "s1", "s3", "s4", "s6"}
    assert "OpenLineage" not in said.err
