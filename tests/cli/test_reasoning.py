"""What a reasoning model thought: a column of its own, and part of an export's answers where that is asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.cli.conftest import Evergrow
from tests.conftest import FakeEndpoint
from tests.fake_endpoint.quirks import DRAFT
from tests.samples import SUMS, instructions

SPOKEN: dict[str, Callable[[dict[str, Any]], str]] = {
    "chat": lambda row: row["messages"][1]["content"],
    "alpaca": lambda row: row["output"],
    "completion": lambda row: row["completion"][0]["content"],
    "preference": lambda row: row["rejected"][0]["content"],
}


@pytest.fixture
def reasoned(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Evergrow:
    """The command on a release of four sums whose answers come with thoughts beside them."""
    seeds = instructions(SUMS[:4], domain="sums").frame.select(pl.exclude("seed_id", "source"))
    seeds.write_ndjson(tmp_path / "sums.jsonl")
    monkeypatch.setenv("EVERGROW_ANSWERS__TASKS__SUMS", "maths")
    fake_endpoint.control(quirks=["reasoning_content"])
    assert evergrow("seeds", "add", tmp_path / "sums.jsonl", "--batch", "b").code == 0
    said = evergrow("release", "--batch", "b", "--as-is")
    assert said.code == 0, said.err
    return evergrow


def rows(folder: str) -> list[dict[str, Any]]:
    return [row for path in sorted(Path(folder).glob("*.jsonl")) for row in pl.read_ndjson(path).to_dicts()]


def test_thoughts_are_a_column_and_part_of_answers_only_where_that_is_asked_for(reasoned: Evergrow) -> None:
    for form, spoken in SPOKEN.items():
        plain, thinking = f"{form}-plain", f"{form}-thinking"
        assert reasoned("export", "--format", form, "--out", plain).code == 0
        told = reasoned("export", "--format", form, "--with-reasoning", "--out", thinking)
        assert told.code == 0, told.err
        assert "answers have the reasoning that led to them" in told.err
        assert rows(plain)
        assert len(rows(plain)) == len(rows(thinking))
        assert all(DRAFT not in spoken(row) for row in rows(plain))
        assert all(spoken(row).startswith(f"<think>\n{DRAFT}\n</think>\n\n") for row in rows(thinking))
        assert all(spoken(row).count(DRAFT) == 1 for row in rows(thinking))
        if form != "preference":
            assert {row["response_reasoning"] for row in rows(plain)} == {DRAFT}
            assert (proved := reasoned("verify", thinking, "--lake")).code == 0, proved.err
    assert "answers with their reasoning" in Path("chat-thinking/README.md").read_text()
    traced = reasoned("trace", "chat-thinking/train.jsonl:1", "--json")
    assert not any("changed" in (step["says"] or "") for step in traced.json)


def test_a_takedown_writes_an_export_again_with_the_thoughts_that_it_had(reasoned: Evergrow) -> None:
    assert reasoned("export", "--with-reasoning", "--out", "out").code == 0
    lost = rows("out")[0]["root_id"]

    assert reasoned("forget", "--seed", lost, "--yes").code == 0

    assert lost not in {row["root_id"] for row in rows("out")}
    assert all(DRAFT in SPOKEN["chat"](row) for row in rows("out"))
