"""`evergrow run` in batch mode: says what it has handed in, ends, and goes on when it is called again."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from evergrow.resources.ledger import Ledger, State
from evergrow.resources.settings import load_settings
from tests.cli.conftest import Evergrow, Said
from tests.conftest import FakeEndpoint

ROUND = ("run", "--batch", "b", "--rounds", 1, "--set", "evolution.margin=-10")


@pytest.fixture
def batch(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> Evergrow:
    """The command, all roles in batch mode, on a registered batch `b`."""
    for role in ("GENERATOR", "JUDGE"):
        monkeypatch.setenv(f"EVERGROW_ROLES__{role}__MODE", "batch")
    assert evergrow("seeds", "add", seed_file, "--batch", "b").code == 0
    return evergrow


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """The ledger of the command's home."""
    with closing(Ledger.of(load_settings())) as opened:
        yield opened


def until_done(batch: Evergrow, *arguments: object) -> Said:
    """Call the command until nothing is waited for."""
    for _ in range(6):
        said = batch(*(arguments or ROUND))
        assert said.code == 0, said.err
        if "waiting for" not in said.err:
            break
    return said


def test_a_run_hands_in_says_how_to_go_on_and_goes_on(batch: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.control(batch_end="")
    said = batch(*ROUND)
    assert said.code == 0
    assert "round_01 of batch 'b' is waiting for batch batch-0 (8 requests of evolution/round_01/inst" in said.err
    assert "`evergrow run --batch b` looks again" in said.err

    said = batch(*ROUND)
    assert said.code == 0
    assert (
        "batch-0 (8 requests of evolution/round_01/instructions to endpoint 'default': in_progress, 0 ans" in said.err
    )
    assert "batch 'b' still waits for 1 of 1 submissions" in said.err

    fake_endpoint.control(batch_end="completed")
    said = batch(*ROUND)
    assert "completed, fetched, 8 answered, 0 failed" in said.err
    assert "round_01: the answers that it waited for have come" in said.err
    assert "waiting for batch batch-1 (8 requests of evolution/round_01/complexity" in said.err

    stages = {row["stage"]: row for row in batch(*ROUND, "--json").json}
    assert stages["round_01"]["requested"] == stages["round_01"]["answered"] == 8
    assert "collected" in stages
    assert fake_endpoint.stats()["batch"]["sizes"] == [8, 8]
    assert fake_endpoint.stats()["requests"] == 0


def test_a_batch_that_failed_is_one_clear_error_and_the_next_run_hands_in_anew(
    batch: Evergrow, fake_endpoint: FakeEndpoint
) -> None:
    fake_endpoint.control(batch_end="failed", batch_reason="Enqueued [bold]token[/bold] limit reached.")
    batch(*ROUND)
    said = batch(*ROUND)
    assert said.code == 1
    assert "Enqueued [bold]token[/bold] limit reached." in said.err
    assert "hands in anew what has no answer" in said.err
    assert "Traceback" not in said.err
    fake_endpoint.control(batch_end="completed")
    assert "collected" in until_done(batch).err


def test_an_endpoint_without_a_batch_api_is_one_clear_error(
    batch: Evergrow, fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(batches=False)
    said = batch(*ROUND)
    assert said.code == 1
    assert "has no Batch API for model" in said.err
    assert "set roles.generator.mode to live" in said.err
    assert ledger.submissions.find(tuple(State)) == []


def test_an_endpoint_that_cannot_be_asked_is_one_clear_error(
    batch: Evergrow, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch(*ROUND)
    monkeypatch.setenv("EVERGROW_ENDPOINTS__DEFAULT__BASE_URL", "http://127.0.0.1:9/v1")
    said = batch(*ROUND)
    assert said.code == 1
    assert "cannot fetch batch batch-0" in said.err


def test_fresh_answers_are_waited_for_and_then_used(batch: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    live = [argument for role in ("generator", "judge") for argument in ("--set", f"roles.{role}.mode=live")]
    assert batch(*ROUND, *live).code == 0
    assert fake_endpoint.stats()["batch"]["batches"] == 0
    said = batch(*ROUND, "--fresh")
    assert "round_01 of batch 'b' is waiting" in said.err
    until_done(batch)
    assert batch("table", "evolution/round_01/accepted", "--partition", "b", "--out", "rows.jsonl").code == 0
    assert set(pl.read_ndjson("rows.jsonl")["call_id"].str.tail(2)) == {"-1"}


def test_the_plan_knows_the_lower_price(batch: Evergrow, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = ("--set", "prices={gpt-4o-2024-08-06: {input: 2, output: 8}}")
    halved = batch("plan", "--batch", "b", "--rounds", 1, *prices, "--json")
    for role in ("GENERATOR", "JUDGE"):
        monkeypatch.setenv(f"EVERGROW_ROLES__{role}__MODE", "live")
    full = batch("plan", "--batch", "b", "--rounds", 1, *prices, "--json")
    assert [row["usd"] for row in halved.json] == pytest.approx([row["usd"] / 2 for row in full.json])
