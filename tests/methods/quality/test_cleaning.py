"""The whole of cleaning, on the real embedding model and HumanEval."""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from evergrow.methods.quality.cleaning import FOUND, clean
from evergrow.methods.quality.rules import CleaningRules, Embedded
from evergrow.resources.benchmarks import read_benchmarks
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.lake.content_files import Files
from evergrow.resources.settings.dataset import Cleaning
from evergrow.resources.settings.embedding import Embedding

SCHEMA = {"batch": pl.String, "id": pl.String, "content": pl.String, "response": pl.String, "value": pl.Float64}
MERGE = "Write a Python function that merges overlapping intervals and returns them sorted by their start."
MERGED = "Write a Python function that merges the overlapping intervals and returns them, sorted by their start."
TREE = "Implement a binary search tree with insertion, deletion and an iterator over its keys in order."
ABOUT = (
    "Check if in given list of numbers, are any two numbers closer to each other than given threshold. Explain how "
    "long that takes."
)

Embed = Callable[[pl.DataFrame], Embedded]


@pytest.fixture(scope="module")
def embed(tmp_path_factory: pytest.TempPathFactory) -> Embed:
    folder = tmp_path_factory.mktemp("embeddings")
    model = Embedder(Embedding(device="cpu"), Files(folder), LogProgress(logging.getLogger()))
    return lambda frame: Embedded(frame, model.embed(frame["content"].to_list()))


def rows(*records: tuple[str, str, str, str, float | None]) -> pl.DataFrame:
    return pl.DataFrame(records, schema=SCHEMA, orient="row")


@pytest.fixture(scope="module")
def benchmarks(embed: Embed) -> Embedded:
    frame = read_benchmarks(Path("absent"), {"code"}).frame
    frame = frame.filter(pl.col("item").is_in([f"HumanEval/{number}" for number in range(25)]))
    asked = frame.filter("is_question").select(content="text")
    return Embedded(frame, embed(asked).vectors)


def test_rules_are_the_settings() -> None:
    settings = Cleaning().model_dump(exclude={"across_batches", "benchmarks"})
    assert dataclasses.asdict(CleaningRules()) == settings
    assert CleaningRules(**settings) == CleaningRules()


def test_each_row_is_judged_by_filters_then_benchmarks_then_the_others(embed: Embed, benchmarks: Embedded) -> None:
    own = rows(
        ("b", "1", MERGE, "def merge(): ...", 5.0),
        ("b", "2", MERGED, "def merge(): ...", 4.0),
        ("b", "3", TREE, "class Tree: ...", None),
        ("b", "4", TREE, "Mail me: maria.kowalska87@gmail.com", 9.0),
        ("b", "5", ABOUT, "It takes n log n.", 9.0),
        ("b", "6", "Short?", "Yes.", 9.0),
        ("b", "7", "Count the vowels of a text that is read from standard input.", benchmarks.frame["text"][2], 1.0),
    ).with_columns(task=pl.lit("code"))
    known = rows(("a", "1", TREE, "class Tree: ...", None))
    found = clean(embed(own), embed(known), benchmarks, CleaningRules())
    assert found.rows.drop(*FOUND).equals(own)
    assert found.rows.select(*FOUND).schema == pl.Schema(FOUND)
    by_id = {row["id"]: row for row in found.rows.iter_rows(named=True)}
    assert by_id["1"]["reason"] is None
    assert by_id["2"]["reason"] == "duplicate: embedding of 1 in b"
    assert by_id["2"]["similarity"] >= 0.95
    assert by_id["3"]["reason"] == "duplicate: exact of 1 in a"  # not of 4, which is better, but dropped
    assert (by_id["3"]["duplicate_of"], by_id["3"]["duplicate_batch"], by_id["3"]["similarity"]) == ("1", "a", 1.0)
    assert by_id["4"]["reason"] == "personal: e-mail address"
    assert by_id["5"]["reason"] == "contaminated: 18 words of HumanEval HumanEval/0"
    assert by_id["5"]["span"] == ABOUT.partition(".")[0].lower().replace(",", "")
    assert by_id["6"]["reason"].startswith("short: instruction")
    assert by_id["7"]["reason"].startswith("contaminated: ")
    assert (by_id["7"]["benchmark"], by_id["7"]["benchmark_item"]) == ("HumanEval", "HumanEval/0")
    assert found.superseded.is_empty()


def test_a_question_of_a_benchmark_in_other_words_is_contamination(embed: Embed, benchmarks: Embedded) -> None:
    asked = benchmarks.frame.filter("is_question")["text"][23]  # HumanEval/23, strlen
    own = rows(
        ("b", "1", asked.replace("Return length of given string", "Give the given string's length back"), "", None)
    )
    found = clean(embed(own), embed(rows()), benchmarks, CleaningRules(min_response_chars=0, ngram_words=30)).rows
    row = found.row(0, named=True)
    assert row["reason"] == "contaminated: asks what HumanEval HumanEval/23 asks"
    assert row["similarity"] >= 0.95
    assert row["span"] is None


def test_a_row_of_another_batch_that_a_better_one_stands_in_for_is_named(embed: Embed, benchmarks: Embedded) -> None:
    own, known = rows(("b", "1", MERGE, "x", 5.0)), rows(("a", "1", MERGE, "x", 4.0))
    found = clean(embed(own), embed(known), benchmarks, CleaningRules())
    assert found.rows["reason"].to_list() == [None]
    assert found.superseded.select("batch", "id", "duplicate_of", "duplicate_batch").rows() == [("a", "1", "1", "b")]


def test_a_second_cleaning_of_the_same_rows_changes_nothing(embed: Embed, benchmarks: Embedded) -> None:
    own = rows(("b", "1", MERGE, "x", 5.0), ("b", "2", MERGE, "x", 4.0))
    once = clean(embed(own), embed(rows()), benchmarks, CleaningRules()).rows
    assert clean(embed(once), embed(rows()), benchmarks, CleaningRules()).rows.equals(once)


def test_no_rows_are_clean(benchmarks: Embedded) -> None:
    nothing = Embedded(rows(), np.empty((0, 0), np.float32))
    assert clean(nothing, nothing, benchmarks, CleaningRules()).rows.schema == pl.Schema({**SCHEMA, **FOUND})


def test_no_benchmarks_and_no_vectors_are_done_without() -> None:
    own = Embedded(rows(("b", "1", MERGE, "x", 5.0), ("b", "2", MERGED, "x", 4.0)))
    none = Embedded(read_benchmarks(Path("absent"), ()).frame.clear())
    assert clean(own, Embedded(rows()), none, CleaningRules()).rows["reason"].to_list() == [None, None]
