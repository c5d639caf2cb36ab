"""Rows that come from benchmarks: by their words, on HumanEval itself and against a search of every run; by meaning."""

import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evergrow.methods.quality.contamination import COMMON_TO, find_contamination, near_benchmarks
from evergrow.methods.vectors import NOTHING
from evergrow.resources.benchmarks import read_benchmarks
from tests.properties import examples

QUESTION = "A shop sells three sorts of apples. How many ways are there to buy ten apples of at least two sorts?"


def rows(*texts: tuple[str | None, str | None]) -> pl.DataFrame:
    records = [("b", str(number), content, response) for number, (content, response) in enumerate(texts)]
    return pl.DataFrame(records, dict.fromkeys(("batch", "id", "content", "response"), pl.String), orient="row")


def benchmark(*texts: str) -> pl.DataFrame:
    records = [("bench", f"item {number}", text) for number, text in enumerate(texts)]
    return pl.DataFrame(records, dict.fromkeys(("benchmark", "item", "text"), pl.String), orient="row")


def spans(table: pl.DataFrame, items: pl.DataFrame, length: int = 10) -> dict[str, tuple[str, str]]:
    found = find_contamination(table, items, length)
    return {row_id: (item, span) for _, row_id, _, item, span in found.iter_rows()}


@pytest.fixture(scope="module")
def human_eval() -> pl.DataFrame:
    return read_benchmarks(Path("absent"), {"code"}).frame


def test_every_question_and_solution_of_a_benchmark_is_found_in_another_layout(human_eval: pl.DataFrame) -> None:
    texts = human_eval.group_by("item", maintain_order=True).agg("text")
    reworked = [
        ("Solve this, please:\n" + re.sub(r"\s+", " \n", texts[0]).upper(), f"```python\n{texts[2]}\n```")
        for texts in texts["text"]
    ]
    found = find_contamination(rows(*reworked), human_eval, 10)
    assert found.height == 164
    right = [item == texts["item"][int(row_id)] for row_id, item in found.select("id", "item").iter_rows()]
    assert sum(right) >= 163  # one of its questions quotes another in full
    assert find_contamination(rows(*((None, texts[2]) for texts in texts["text"])), human_eval, 10).height > 120


def test_the_span_is_the_longest_run_in_common_in_words() -> None:
    row = f"First: {QUESTION[:80].replace(' ', '  ').replace('sorts', '**SORTS**')} and so on"
    assert spans(rows((row, None)), benchmark(QUESTION)) == {
        "0": ("item 0", "a shop sells three sorts of apples how many ways are there to buy ten apples of")
    }


def test_an_answer_counts_as_a_question_does_and_a_question_is_named_first() -> None:
    assert spans(rows((None, QUESTION), (QUESTION, QUESTION)), benchmark(QUESTION)).keys() == {"0", "1"}


def test_fewer_words_in_a_row_are_no_contamination() -> None:
    words = QUESTION.split()
    for length, found in ((9, False), (10, True)):
        row = " ".join(["so", *words[3 : 3 + length], "it", "goes"])
        assert bool(spans(rows((row, row)), benchmark(QUESTION))) is found


def test_a_short_item_counts_as_a_whole_and_a_very_short_one_only_alone() -> None:
    items = benchmark("How many legs have eight spiders?", "Define entropy.")
    found = spans(
        rows(
            ("Tell me: how many legs have eight spiders, and why?", None),
            ("How many legs have eight ants?", None),
            ("Please define entropy in one sentence.", "Define entropy."),
            ("DEFINE ENTROPY", None),
        ),
        items,
    )
    assert found == {"0": ("item 0", "how many legs have eight spiders"), "3": ("item 1", "define entropy")}


def test_what_many_items_begin_with_and_what_tells_little_prove_nothing() -> None:
    frame = "Our teacher wonders about ships, castles and dragons, and then asks us to describe"
    items = [f"{frame} {noun} briefly." for noun in ("tides", "moons", "roots", "looms")]
    assert spans(rows((f"{frame} windmills.", None)), benchmark(*items)) == {}
    assert spans(rows((f"{frame} windmills.", None)), benchmark(items[0])).keys() == {"0"}
    task = "Write a function that takes a list of integers and returns"
    assert spans(rows((f"{task} their harmonic mean.", None)), benchmark(f"{task} the largest gap.")) == {}


def test_lists_of_numbers_prove_nothing() -> None:
    numbers = "check([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])"
    assert spans(rows((f"Sum {numbers} up", numbers)), benchmark(f"assert {numbers}")) == {}


def test_nothing_in_common_with_nothing() -> None:
    assert spans(rows((QUESTION, None)), benchmark()) == spans(rows(), benchmark(QUESTION)) == {}
    assert spans(rows((None, ""), ("", None)), benchmark(QUESTION)) == {}


@settings(max_examples=examples(60))
@example(6836, 3)  # a whole text that says little, in a row
@given(st.integers(0, 2**32), st.integers(3, 6))
def test_equals_a_search_for_every_run(seed: int, length: int) -> None:
    draw = random.Random(seed)
    letters = [f"{letter}{letter}" for letter in "abcdef"]

    def text(most: int) -> list[str]:
        return [draw.choice(letters) for _ in range(draw.randint(0, most))]

    items, questions = [text(15) for _ in range(4)], [text(40) for _ in range(6)]
    found = find_contamination(
        rows(*((" ".join(words), None) for words in questions)), benchmark(*map(" ".join, items)), length
    )
    runs = {tuple(words[at : at + length]) for words in items for at in range(len(words) - length + 1)}
    runs |= {tuple(words) for words in items if (length + 1) // 2 <= len(words) < length}
    runs = {run for run in runs if len(run) < length or len(set(run)) > 2}
    common = Counter(run for words in items for run in {tuple(words[a : a + length]) for a in range(len(words))})
    runs = {run for run in runs if common[run] <= COMMON_TO}
    alone = {tuple(words) for words in items if 0 < len(words) < length}
    alone = {run for run in alone if sum(tuple(words) == run for words in items) <= COMMON_TO}
    wholes = [
        words
        for words in items
        if len(words) >= length and not any(len(set(words[a : a + length])) > 2 for a in range(len(words) - length + 1))
    ]
    expected = {
        str(number)
        for number, words in enumerate(questions)
        if tuple(words) in alone
        or any(words[at : at + len(whole)] == whole for whole in wholes for at in range(len(words)))
        or any(tuple(words[at : at + size]) in runs for size in range(1, length + 1) for at in range(len(words)))
    }
    assert set(found["id"]) == expected
    for row_id, span in found.select("id", "span").iter_rows():
        assert span in " ".join(questions[int(row_id)])


def test_the_nearest_question_is_named_where_it_is_near_enough() -> None:
    turn = np.deg2rad([0, 40, 80])
    questions = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    row = np.deg2rad([10, 60, 79, 140])
    vectors = np.stack([np.cos(row), np.sin(row)], axis=1).astype(np.float32)
    nearest, similarity = near_benchmarks(vectors, questions, 0.95)
    assert nearest.tolist() == [0, NOTHING, 2, NOTHING]
    assert similarity == pytest.approx([np.cos(np.deg2rad(10)), 0, np.cos(np.deg2rad(1)), 0], abs=1e-6)


@pytest.mark.parametrize("width", [8, 200])
def test_near_questions_are_those_of_a_full_product(width: int) -> None:
    generator = np.random.default_rng(width)
    questions = generator.standard_normal((300, width))
    vectors = questions[generator.integers(300, size=500)] + generator.standard_normal((500, width)) * 0.5
    questions, vectors = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (questions, vectors))
    product = vectors @ questions.T
    threshold = float(np.median(product.max(axis=1)))
    nearest, similarity = near_benchmarks(vectors.astype(np.float32), questions.astype(np.float32), threshold)
    near = product.max(axis=1) >= threshold + 1e-6
    assert np.array_equal(nearest[near], product.argmax(axis=1)[near])
    assert similarity[near] == pytest.approx(product.max(axis=1)[near], abs=1e-6)
    assert (nearest[product.max(axis=1) < threshold - 1e-6] == NOTHING).all()


def test_no_vectors_are_near_nothing() -> None:
    nothing = np.empty((0, 0), np.float32)
    nearest, similarity = near_benchmarks(nothing, np.eye(3, dtype=np.float32), 0.9)
    assert (nearest.shape, similarity.shape) == ((0,), (0,))
    assert near_benchmarks(np.eye(3, dtype=np.float32), nothing, 0.9)[0].tolist() == [NOTHING] * 3
