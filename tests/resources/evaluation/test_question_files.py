"""Question files as they are published, read out of the benchmarks' folder."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from evergrow.methods.evaluation.problems import Problem
from evergrow.resources.benchmarks import BenchmarkError
from evergrow.resources.evaluation.question_files import read_benchmark

MBPP = [
    {
        "task_id": 11,
        "text": "Remove a letter.",
        "test_list": ['assert cut("hello", "l") == "heo"'],
        "test_imports": None,
    },
    {"task_id": 12, "prompt": "Root.", "test_list": ["assert root(4) == 2"], "test_imports": ["import math"]},
]
MIXED: list[dict[str, Any]] = [
    {"question": "Capital of France?", "answer": "Paris"},
    {"question": "Two and three?", "answer": 5},
    {"question": "Which?", "choices": ["sun", "moon"], "answer": 1},
    {"question": "Which?", "choices": {"text": ["sun", "moon"], "label": ["1", "2"]}, "answerKey": "2"},
]


def problems(folder: Path, name: str, data: bytes) -> list[Problem]:
    (folder / name).write_bytes(data)
    return read_benchmark(folder, name.partition(".")[0]).problems


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


@pytest.mark.parametrize("name", ["mbpp.jsonl", "mbpp.json", "mbpp.jsonl.gz", "mbpp.parquet"])
def test_the_tests_of_mbpp_are_lists_in_every_format(tmp_path: Path, name: str) -> None:
    if name.endswith(".parquet"):
        pl.DataFrame(MBPP).write_parquet(tmp_path / "made")
        data = (tmp_path / "made").read_bytes()
    elif name == "mbpp.json":
        data = json.dumps(MBPP).encode()
    else:
        data = gzip.compress(lines(MBPP)) if name.endswith(".gz") else lines(MBPP)
    found = problems(tmp_path, name, data)

    assert [problem.tests for problem in found] == [
        ('assert cut("hello", "l") == "heo"',),
        ("import math\nassert root(4) == 2",),
    ]


def test_a_file_of_many_kinds_keeps_each_value_as_it_stands(tmp_path: Path) -> None:
    found = problems(tmp_path, "mixed.jsonl", lines(MIXED))

    assert [(problem.kind, problem.answer) for problem in found] == [
        ("maths", "Paris"),
        ("maths", "5"),
        ("choice", "B"),
        ("choice", "B"),
    ]


def test_places_count_as_the_whole_file_tells_or_the_settings_say(tmp_path: Path) -> None:
    def row(stated: object) -> dict[str, Any]:
        return {"question": "Which?", "choices": ["sun", "moon"], "answer": stated}

    assert [problem.answer for problem in problems(tmp_path, "one.jsonl", lines([row(1), row(2)]))] == ["A", "B"]
    assert [problem.answer for problem in problems(tmp_path, "zero.jsonl", lines([row(1), row(0)]))] == ["B", "A"]
    problems(tmp_path, "untold.jsonl", lines([row(1), row(1)]))
    untold, said = (read_benchmark(tmp_path, "untold", first) for first in (None, 1))

    assert [problem.answer for problem in untold.problems] == ["B", "B"]
    assert "in 2 rows, and no row tells whether the first is 0 or 1" in untold.notes[0]
    assert "evaluation.first_choice" in untold.notes[0]
    assert ([problem.answer for problem in said.problems], said.notes) == (["A", "A"], ())


def test_how_a_number_beside_choices_was_read_is_said(tmp_path: Path) -> None:
    listed = {"question": "Which?\n(A) sun\n(B) moon"}
    in_text = [{**listed, "answer": one} for one in (0, 1, 1)]
    as_number = [{"question": "How many?", "choices": ["1", "2", "3"], "answer": one} for one in (1, 2)]
    of_numbers = [{"question": "How many?", "choices": [1, 2, 3.5], "answer": one} for one in (1, 2)]
    for name, rows in (
        ("text", in_text),
        ("numbers", as_number),
        ("values", of_numbers),
        ("plain", [{**listed, "answer": "B"}]),
    ):
        (tmp_path / f"{name}.jsonl").write_bytes(lines(rows))

    text, numbers, values, plain = (read_benchmark(tmp_path, name) for name in ("text", "numbers", "values", "plain"))

    assert [problem.answer for problem in text.problems] == ["A", "B", "B"]
    assert text.notes == (
        "text.jsonl: in 3 rows the answer is a number, and the choices are listed in the question; it is read as the "
        "place of the right choice, the first of which is 0: state a letter where that is wrong",
    )
    assert [problem.answer for problem in numbers.problems] == ["B", "C"]
    assert "in 2 rows, and no row tells" in numbers.notes[0]
    assert (
        "in 2 rows the answer is a number which is the text of a choice, too; it is read as the place"
        in (numbers.notes[1])
    )
    assert [problem.answer for problem in values.problems] == ["A", "B"]
    assert values.notes == (
        "values.jsonl: in 2 rows the answer is a number, and so are the choices; it is read as the choice that it "
        "equals: state a letter where that is wrong",
    )
    assert plain.notes == ()


def test_a_row_that_nobody_can_read_is_refused_by_its_number_whatever_was_looked_at_first(tmp_path: Path) -> None:
    huge = {"question": "Which?", "choices": ["sun", "moon"], "answer": "9" * 5000}
    deep = {"question": "Which?", "choices": "[" * 100_000, "answer": "A"}

    with pytest.raises(BenchmarkError, match=r"2 faults(?s:.*)row 1: (?s:.*)row 2: "):
        problems(tmp_path, "hostile.jsonl", lines([huge, deep]))
