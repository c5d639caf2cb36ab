"""What does not belong into a dataset is rejected with its reason; what it was not compared with is told loudly."""

import json
from typing import Any

import dagster as dg
import polars as pl
import pytest

from evergrow.assets.dataset.clean import COLUMNS
from evergrow.assets.names import CLEAN, gate_name
from evergrow.resources.lake.readable import judgement
from evergrow.resources.lake.versions import latest_materialization
from tests.platform import Platform
from tests.samples import PLAIN, SUMS, instructions

KEY = "AKIA" + "Q3R7TZ5WLJ2NV4KD"  # of the shape that a cloud gives out
COPY = PLAIN[1].replace("politely", "").upper()


def cleaned(platform: Platform, batch: str) -> pl.DataFrame:
    """The clean table of a batch that is registered, all rows, after all jobs that lead to it."""
    for job in ("seeds", "responses", "verified", "clean"):
        assert platform.run(job, batch) == ""
    return platform.table(CLEAN, batch, "all")


def warned(platform: Platform, batch: str) -> str:
    """What the gate of a batch says."""
    version = latest_materialization(platform.instance, CLEAN, batch)
    assert version is not None
    return str(judgement(platform.instance, dg.AssetCheckKey(CLEAN, gate_name("clean")), batch, version).why)


def metadata(platform: Platform, batch: str, name: str) -> Any:
    """What the asset says of its latest version."""
    record = latest_materialization(platform.instance, CLEAN, batch)
    assert record is not None
    assert record.asset_materialization is not None
    found = record.asset_materialization.metadata.get(name)
    return found.value if found else None


@pytest.fixture(scope="module")
def first(platform: Platform) -> pl.DataFrame:
    """A batch with a copy, a key and a text that is too short."""
    contents = [PLAIN[0], PLAIN[1], COPY, f"Explain why the login {KEY} fails in the shop.", "Hi there."]
    platform.register("first", instructions(contents))
    return cleaned(platform, "first")


def test_a_copy_within_the_batch_points_at_the_row_that_stays(first: pl.DataFrame) -> None:
    assert tuple(first.columns) == COLUMNS
    copy = first.row(2, named=True)
    assert copy["reason"].startswith("duplicate: exact of q1 in first")
    assert (copy["duplicate_of"], copy["duplicate_batch"], copy["similarity"]) == ("q1", "first", 1.0)


def test_a_key_and_a_text_of_the_wrong_size_are_rejected(first: pl.DataFrame) -> None:
    reasons = first["reason"].to_list()

    assert reasons[:2] == [None, None]
    assert reasons[3].startswith("secret")
    assert reasons[4].startswith("short")


def test_an_empty_folder_of_benchmarks_is_loud(platform: Platform, first: pl.DataFrame) -> None:
    assert "benchmarks of your own were there to compare with" in warned(platform, "first")
    assert "no benchmarks of your own are checked" in str(metadata(platform, "first", "benchmarks_note"))


def test_of_two_batches_of_equal_seeds_the_second_has_nothing_new(platform: Platform, first: pl.DataFrame) -> None:
    platform.register("second", instructions([PLAIN[0], PLAIN[2]], prefix="r"))

    second = cleaned(platform, "second")

    assert second["reason"].to_list() == ["duplicate: exact of q0 in first", None]
    assert second.row(0, named=True)["duplicate_batch"] == "first"
    assert metadata(platform, "second", "compared_with") == ["first"]
    alone = platform.but(cleaning={"across_batches": False})
    assert alone.run("clean", "second") == ""
    assert alone.table(CLEAN, "second").height == 2


def test_a_batch_behind_a_closed_gate_is_no_reason_to_drop_rows(platform: Platform, first: pl.DataFrame) -> None:
    platform.register("third", instructions([PLAIN[0], PLAIN[3]], prefix="t"))
    closed = platform.but(gates={**platform.overrides["gates"], "clean": {"min_share": 1.0}})
    assert "a large enough share of the rows is clean" in closed.run("clean", "first")

    third = cleaned(platform.but(cleaning={"across_batches": True}), "third")

    assert platform.run("clean", "first") == ""
    assert third["reason"][0] is None or "in second" in third["reason"][0]
    assert "first" not in metadata(platform, "third", "compared_with")
    assert "share of the rows is clean" in metadata(platform, "third", "not_compared_with")["first"]


def test_a_benchmark_in_the_folder_rejects_what_comes_from_it_and_is_named(platform: Platform) -> None:
    platform.register("taken", instructions([f"{SUMS[0]} Explain each step.", PLAIN[5]], prefix="x"))
    folder = platform.home.path / "benchmarks"
    folder.mkdir()
    (folder / "bakers.jsonl").write_text(json.dumps({"id": "b1", "question": SUMS[0], "answer": "12"}) + "\n")

    taken = cleaned(platform, "taken")

    row = taken.row(0, named=True)
    assert row["reason"].startswith("contaminated: ")
    assert (row["benchmark"], row["benchmark_item"]) == ("bakers", "b1")
    assert row["span"] is None or "rolls by the dozen" in row["span"]
    assert taken["reason"][1] is None
    assert "benchmarks of your own were there" not in warned(platform, "taken")
    assert metadata(platform, "taken", "benchmarks")["bakers"] == 1
    assert metadata(platform, "taken", "benchmarks_note") is None


def test_a_faulty_benchmark_is_named_and_nothing_is_cleaned(platform: Platform) -> None:
    faulty = platform.home.path / "benchmarks" / "broken.json"
    faulty.parent.mkdir(exist_ok=True)
    faulty.write_text("{")

    said = platform.run("clean", "taken")

    faulty.unlink()
    assert "broken.json" in said


def test_code_names_the_benchmarks_that_one_would_expect(platform: Platform) -> None:
    platform.register("code", 2)
    for job in ("seeds", "round_01", "collected"):
        assert platform.run(job, "code") == ""

    cleaned(platform, "code")

    assert "no benchmark that one would expect is missing" in warned(platform, "code")
    assert {"MBPP", "LiveCodeBench"} <= set(metadata(platform, "code", "benchmarks_missing"))
