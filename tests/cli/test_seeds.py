"""`evergrow seeds` and `evergrow table`: what they take, show and leave alone."""

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Evergrow

ROWS = [{"id": n, "content": f"def f{n}(x):\n    return x + {n}"} for n in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def pipe(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_standard_input_is_read_compressed_or_not(evergrow: Evergrow, monkeypatch: pytest.MonkeyPatch) -> None:
    for batch, data in (("plain", LINES.encode()), ("packed", gzip.compress(LINES.encode()))):
        pipe(monkeypatch, data)
        assert "5 seeds are batch" in evergrow("seeds", "add", "-", "--batch", batch).err


def test_files_patterns_and_folders_are_one_batch(evergrow: Evergrow, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for number, row in enumerate(ROWS):
        (folder / f"part-{number}.jsonl").write_text(json.dumps(row))
    (folder / "README.md").write_text("about")

    for batch, named in (("a", ["data"]), ("b", ["data/part-[0-2].jsonl", "data/part-3.jsonl", "data/part-4.jsonl"])):
        said = evergrow("seeds", "add", *named, "--batch", batch)
        assert said.code == 0
        assert f"5 seeds are batch '{batch}'" in said.err
    assert "README.md" in evergrow("seeds", "add", "data", "--batch", "a").err
    assert "matches no file" in evergrow("seeds", "add", "data/*.parquet", "--batch", "c").err


def test_a_fault_in_one_file_of_several_registers_none(evergrow: Evergrow, tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_text(LINES)
    (tmp_path / "bad.jsonl").write_text('{"content": ""}\n{"content": NaN}\n')
    (tmp_path / "worse.jsonl").write_bytes(b"%PDF-1.7")

    said = evergrow("seeds", "add", "good.jsonl", "bad.jsonl", "worse.jsonl", "--batch", "b")

    assert said.code == 2
    for words in ("2 of 3 files", "bad.jsonl: row 1", "bad.jsonl: row 2", "worse.jsonl: is a PDF"):
        assert words in said.err
    assert evergrow("run", "--batch", "b").code == 2


def test_ids_that_two_files_share_are_named_with_their_files(evergrow: Evergrow, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "content": "x"}')
    (tmp_path / "b.jsonl").write_text('{"id": 1, "content": "y"}')

    assert (
        "b.jsonl:1: id '1' is also that of a.jsonl:1"
        in evergrow("seeds", "add", "a.jsonl", "b.jsonl", "--batch", "b").err
    )


def test_a_dry_run_tells_rows_kinds_languages_and_registers_nothing(evergrow: Evergrow, tmp_path: Path) -> None:
    rows = [
        *ROWS,
        {"content": "function add(a, b) {\n  return a + b;\n}"},
        {"content": "Write a Python function that returns the longest common prefix of a list of strings."},
        {"content": "Explain to a child in a few friendly sentences why the sky is blue and not green."},
    ]
    (tmp_path / "f.json").write_text(json.dumps(rows))

    told = evergrow("seeds", "add", "f.json", "--batch", "b", "--dry-run", "--json").json
    drawn = evergrow("seeds", "add", "f.json", "--batch", "b", "--dry-run")
    some = evergrow("seeds", "add", "f.json", "--batch", "b", "--dry-run", "--limit", "3", "--json").json

    assert {row["kind"]: row["rows"] for row in told["counts"]} == {"code": 6, "question": 1, "instruction": 1}
    assert told["counts"][0]["languages"] == "python 83%, javascript 17%"
    assert told["counts"][2]["languages"] == "en 100%"
    assert [row["id"] for row in told["first"]] == ["0", "1", "2"]
    assert [row["id"] for row in some["first"]][:2] == ["0", "2"]
    assert "3 of 8 rows are taken" in some["notes"]
    assert "8 seeds would be batch 'b'" in drawn.out
    assert "Nothing was registered" in drawn.err
    assert evergrow("run", "--batch", "b").code == 2
    assert "cannot name a batch" in evergrow("seeds", "add", "f.json", "--batch", "../x", "--dry-run").err


def test_help_teaches_by_examples(evergrow: Evergrow) -> None:
    for command, example in (("add", "--form alpaca"), ("harvest", "--limit 20")):
        assert example in evergrow("seeds", command, "--help").out


@pytest.fixture
def loaded(grown: Evergrow) -> Evergrow:
    return grown


def test_a_table_gives_the_rows_and_columns_that_are_asked_for(loaded: Evergrow) -> None:
    table = ("table", "evolution/round_01/instructions", "--partition", "b")
    whole = loaded(*table, "--json").json

    assert len(whole) == 8
    assert loaded(*table, "--json", "--limit", 2).json == whole[:2]
    assert [list(row) for row in loaded(*table, "--json", "--columns", "content,id").json] == [["content", "id"]] * 8
    piped = loaded(*table, "--out", "-").out.splitlines()
    assert [json.loads(line)["id"] for line in piped] == [row["id"] for row in whole]
    drawn = loaded(*table)
    assert "3 of 8 rows" in drawn.err
    assert drawn.out.count(" slot ") == 3
    assert "there is no 'nope', only id" in loaded(*table, "--columns", "nope").err


def test_records_of_tree_of_evolution_are_written_and_continued(loaded: Evergrow, tmp_path: Path) -> None:
    table = ("table", "evolution/round_01/accepted", "--partition", "b")
    assert loaded(*table, "--form", "toe", "--out", "round.json").code == 0
    records = json.loads((tmp_path / "round.json").read_text())

    assert {"id", "content", "self complexity score", "self diversity score", "root_node", "layer"} <= records[0].keys()
    assert all(record["id"].startswith(record["root_node"] + "_") and record["layer"] == 1 for record in records)
    again = loaded("seeds", "add", "round.json", "--batch", "again")
    assert f"{len(records)} rows are scored records" in again.err
    assert loaded("run", "--batch", "again", "--rounds", 1, "--set", "evolution.margin=-10").code == 0
    assert (
        loaded(
            "table", "evolution/round_01/accepted", "--partition", "again", "--form", "toe", "--out", "two.json"
        ).code
        == 0
    )
    children = json.loads((tmp_path / "two.json").read_text())
    before = {record["id"]: record for record in records}
    for child in children:
        parent = before[child["id"].rpartition("_")[0]]
        assert (child["layer"], child["root_node"]) == (2, parent["root_node"])
        assert child["parent complexity score"] == parent["self complexity score"]
        assert child["parent diversity score"] == parent["self diversity score"]
    assert loaded(*table, "--form", "toe", "--out", "x.csv").code == 2
    assert loaded(*table, "--form", "toe").code == 2


def test_a_wrong_table_is_named_before_its_partition(evergrow: Evergrow) -> None:
    said = evergrow("table", "evolution/round_01/nope", "--partition", "nobody")

    assert said.code == 2
    assert "there is no table 'evolution/round_01/nope'" in said.err


def test_an_outline_is_taken_over_as_a_tree(evergrow: Evergrow, tmp_path: Path) -> None:
    (tmp_path / "topics.md").write_text("# Maths\n- Algebra\n  - Linear\n  - Quadratic\n- Geometry\n")
    (tmp_path / "bad.md").write_text("- A\n- A\n")

    assert "Nodes taken over as tree 't': 5" in evergrow("tree", "import", "t", "topics.md", "--domain", "math").err
    said = evergrow("tree", "import", "u", "bad.md", "--domain", "math")
    assert said.code == 2
    assert "bad.md: line 2: the topic 'A' stands twice" in said.err
