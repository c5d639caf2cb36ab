"""`evergrow measure` on files, with the real embedding model."""

import json
from pathlib import Path

import polars as pl
import pytest

from evergrow.cli.main import main

TEXTS = [
    "Write a function that merges two sorted lists of invoices.",
    "Explain why the sky is blue to a child of six.",
    "Prove that the sum of two odd numbers is even.",
    "Plan a week of vegetarian dinners for four people.",
    "Translate this legal notice into plain English.",
    "Count the bridges of a city that is given as a graph.",
    "Design a logo for a bakery that opens at night.",
]


def measured(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, object]]:
    assert main(["measure", *arguments, "--json"]) == 0
    return {row["measure"]: row for row in json.loads(capsys.readouterr().out)}


def test_a_set_that_repeats_itself_is_less_diverse_by_every_measure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pl.DataFrame({"content": TEXTS}).write_ndjson(tmp_path / "varied.jsonl")
    pl.DataFrame({"content": [f"{TEXTS[n % 2]} Case {n}." for n in range(7)]}).write_csv(tmp_path / "alike.csv")

    varied = measured(capsys, str(tmp_path / "varied.jsonl"))
    against = measured(capsys, str(tmp_path / "alike.csv"), "--against", str(tmp_path / "varied.jsonl"))

    for name, row in against.items():
        if (worse := row["difference"]) is not None and row["better"]:
            assert isinstance(worse, float), name
            assert (worse < 0) == (row["better"] == "higher"), name
            assert varied[name]["value"] == pytest.approx(row["value"] - worse), name  # type: ignore[operator]
    assert "coverage_of_reference" in against


def test_a_column_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pl.DataFrame({"question": TEXTS}).write_ndjson(tmp_path / "varied.jsonl")

    assert main(["measure", str(tmp_path / "varied.jsonl")]) == 2
    assert "'question'" in capsys.readouterr().err
