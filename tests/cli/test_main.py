"""The command on real input: what each one says and leaves behind."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from evergrow.cli import console
from tests.cli.conftest import Evergrow
from tests.conftest import FakeEndpoint

COMMANDS = ("demo", "seeds add", "seeds harvest", "plan", "run", "trace", "cost", "table", "export", "ui")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_explains_every_command(evergrow: Evergrow, command: str) -> None:
    said = evergrow(*command.split(), "--help")

    assert said.code == 0
    assert "Usage:" in said.out


def test_a_file_of_seeds_becomes_a_batch(evergrow: Evergrow, seed_file: Path) -> None:
    said = evergrow("seeds", "add", seed_file, "--batch", "first")

    assert said.code == 0
    assert "4 seeds are batch 'first'" in said.err
    assert "evergrow run --batch first" in said.err


def test_functions_of_a_package_become_a_batch(evergrow: Evergrow) -> None:
    said = evergrow("seeds", "harvest", "statistics", "--batch", "stats", "--limit", 3)

    assert said.code == 0
    assert "3 seeds are batch 'stats'" in said.err


def test_a_run_ends_with_its_funnel(grown: Evergrow) -> None:
    stages = grown("run", "--batch", "b", "--rounds", 2, "--set", "evolution.margin=-10", "--json").json

    assert [row["stage"] for row in stages] == ["round_01", "round_02", "collected"]
    assert all(row["requested"] == row["rejected"] + row["accepted"] for row in stages)
    assert stages[0]["requested"] == 8


def test_a_finished_run_repeated_sends_nothing(grown: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    asked = fake_endpoint.stats()["requests"]

    said = grown("run", "--batch", "b", "--rounds", 2, "--set", "evolution.margin=-10")

    assert said.code == 0
    assert said.err.count("up to date") == 4
    assert fake_endpoint.stats()["requests"] == asked


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_a_table_is_written_in_the_format_of_its_suffix(grown: Evergrow, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"accepted.{suffix}"
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        "parquet": pl.read_parquet,
        "jsonl": pl.read_ndjson,
        "csv": pl.read_csv,
    }

    said = grown("table", "evolution/round_01/accepted", "--partition", "b", "--out", target)

    frame = readers[suffix](target)
    assert said.code == 0
    assert {"id", "content", "complexity", "diversity", "value"} <= set(frame.columns)
    assert f"{frame.height} rows" in said.err
    assert "reason" not in frame.columns


def test_rejected_rows_can_be_asked_for_with_their_reasons(grown: Evergrow, tmp_path: Path) -> None:
    target = tmp_path / "rejected.parquet"

    grown("table", "evolution/round_01/accepted", "--partition", "b", "--rows", "rejected", "--out", target)
    assert "no rejected rows" in grown("table", "evolution/seeds", "--partition", "b", "--rows", "rejected").out

    assert set(pl.read_parquet(target)["reason"]) == {"outside_beam"}


def test_a_samples_ancestry_leads_from_its_seed_with_prompts_scores_and_calls(grown: Evergrow, tmp_path: Path) -> None:
    target = tmp_path / "accepted.parquet"
    grown("table", "evolution/round_02/accepted", "--partition", "b", "--out", target)
    sample = pl.read_parquet(target)["id"][0]

    steps = grown("trace", sample, "--json").json
    drawn = grown("trace", sample, "--prompts").out

    seed, parent = sample.split("_")[0], sample.rsplit("_", 1)[0]
    assert [step["id"] for step in steps] == [seed, parent, sample, sample]  # the last step: that it was collected
    assert [len(step["calls"]) for step in steps] == [0, 2, 2, 0]
    assert steps[1]["calls"][0]["request"]["messages"][1]["content"].count(steps[0]["content"]) == 1
    assert steps[2]["complexity"] is not None
    assert steps[1]["content"] in steps[2]["calls"][0]["request"]["messages"][1]["content"]
    assert "round 2" in drawn
    assert "reply:" in drawn


def test_text_of_a_model_cannot_command_the_terminal(evergrow: Evergrow, tmp_path: Path) -> None:
    path = tmp_path / "evil.jsonl"
    path.write_text(json.dumps({"id": "x", "content": "[bold red]hi[/] \x1b[2J\x1b]0;owned\x07 there"}))
    evergrow("seeds", "add", path, "--batch", "evil")

    shown = evergrow("trace", "x")

    assert "\x1b" not in shown.out + shown.err


def test_cost_adds_up_what_was_asked(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert evergrow("seeds", "add", seed_file, "--batch", "b").code == 0
    assert evergrow("run", "--batch", "b", "--rounds", 1).code == 0
    rows = evergrow("cost", "--json").json

    assert sum(row["calls"] for row in rows) == fake_endpoint.stats()["requests"]
    assert {row["batch"] for row in rows} == {"b"}
    assert "unknown" in evergrow("cost").out
    monkeypatch.setattr(console, "out", Console(width=100))
    narrow = evergrow("cost").out
    assert all(str(row["asset"]) in narrow for row in rows)
    assert "tokens" in narrow
    assert "unsettled" not in narrow


def test_a_price_makes_the_cost_known(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    (tmp_path / "evergrow.yaml").write_text("model: m\nprices: {m: {input: 1, output: 2}}\n")
    evergrow("seeds", "add", seed_file, "--batch", "b")
    evergrow("run", "--batch", "b", "--rounds", 1)

    rows = evergrow("cost", "--json").json

    for row in rows:
        assert row["usd"] == pytest.approx((row["tokens_in"] + 2 * row["tokens_out"]) / 1e6)
    assert fake_endpoint.stats()["requests"]


@pytest.mark.parametrize(("form", "name"), [("chat", "train.jsonl"), ("parquet", "train.parquet")])
def test_an_export_is_a_dataset_with_a_card(grown: Evergrow, tmp_path: Path, form: str, name: str) -> None:
    said = grown("export", "--format", form, "--out", tmp_path / "out")

    rows = grown("table", "evolution/collected", "--partition", "b", "--out", tmp_path / "collected.parquet")
    collected = pl.read_parquet(tmp_path / "collected.parquet")
    card = (tmp_path / "out" / "README.md").read_text()
    assert (said.code, rows.code) == (0, 0)
    assert "# Instructions of b\n" in card
    assert "The rows are instructions without answers" in card
    assert f"{collected.height} synthetic rows of the batches b" in card
    assert grown("verify", tmp_path / "out").code == 0
    if form == "parquet":
        assert pl.read_parquet(tmp_path / "out" / name).height == collected.height
    else:
        lines = [json.loads(line) for line in (tmp_path / "out" / name).read_text().splitlines()]
        assert {line["messages"][0]["content"] for line in lines} == set(collected["content"])
        assert {message["role"] for line in lines for message in line["messages"]} == {"user"}


def test_settings_can_be_given_for_one_command(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")

    evergrow("run", "--batch", "b", "--rounds", 1, "--set", "evolution.children=1")

    assert fake_endpoint.stats()["requests"] == 8


def test_a_fresh_run_asks_everything_again(grown: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    asked = fake_endpoint.stats()["requests"]
    arguments = ("run", "--batch", "b", "--rounds", 1, "--set", "evolution.margin=-10")

    assert grown(*arguments, "--fresh").code == 0

    assert fake_endpoint.stats()["requests"] >= asked + 8
    asked = fake_endpoint.stats()["requests"]
    assert grown(*arguments).code == 0
    assert fake_endpoint.stats()["requests"] == asked


def test_a_run_that_reaches_its_budget_says_so_and_goes_on_when_the_limit_is_raised(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")

    stopped = evergrow("run", "--batch", "b", "--rounds", 1, "--set", "budget.max_tokens=12000")
    spent = fake_endpoint.stats()["tokens"]
    resumed = evergrow("run", "--batch", "b", "--rounds", 1)

    assert stopped.code == 1
    assert "budget.max_tokens" in stopped.err
    assert 0 < spent <= 12_000
    assert resumed.code == 0
    assert fake_endpoint.stats()["repeated"] == 0


def test_a_budget_that_is_spent_before_the_first_round_is_the_cause_that_is_told(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")
    evergrow("run", "--batch", "b", "--rounds", 1, "--set", "budget.max_tokens=12000")
    asked = fake_endpoint.stats()["requests"]
    monkeypatch.setenv("EVERGROW_BUDGET__MAX_TOKENS", "1")

    said = evergrow("run", "--batch", "b", "--rounds", 1)

    assert said.code == 1
    assert "budget.max_tokens" in said.err
    assert "collected" not in said.err
    assert fake_endpoint.stats()["requests"] == asked


def test_a_budget_that_ends_a_later_round_leaves_the_earlier_ones_collected(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")
    evergrow("run", "--batch", "b", "--rounds", 1)
    spent = fake_endpoint.stats()["tokens"]

    said = evergrow("run", "--batch", "b", "--rounds", 2, "--set", f"budget.max_tokens={spent + 7000}")

    assert said.code == 0
    assert "budget.max_tokens" in said.err
    assert fake_endpoint.stats()["tokens"] <= spent + 7000
    assert evergrow("export", "--out", "out").code == 0


def test_a_fresh_run_that_was_stopped_goes_on_without_paying_twice(
    grown: Evergrow, fake_endpoint: FakeEndpoint
) -> None:
    arguments = ("run", "--batch", "b", "--rounds", 1, "--set", "evolution.margin=-10")
    asked = fake_endpoint.stats()["requests"]
    fake_endpoint.control(only="rate how challenging", share={"500": 1.0})
    stopped = grown(*arguments, "--fresh", "--set", "endpoints={default: {attempts: 1}}")
    fake_endpoint.control(only="", share={})

    resumed = grown(*arguments)

    assert (stopped.code, resumed.code) == (1, 0)
    generated = [row for row in grown("cost", "--json").json if row["asset"] == "evolution/round_01/instructions"]
    assert sum(row["calls"] for row in generated) == 16
    assert fake_endpoint.stats()["requests"] > asked
