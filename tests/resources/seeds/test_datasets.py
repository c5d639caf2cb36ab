import json
from pathlib import Path

import polars as pl
import pytest

from evergrow.resources.seeds.datasets import read_dataset
from evergrow.resources.seeds.source import SeedError


def test_any_column_may_hold_the_texts_and_rows_without_ids_get_numbers(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({"question": f"q{n}", "x": n}) + "\n" for n in range(3)))

    rows = read_dataset(path, "question").rows.to_dicts()

    assert [(row["id"], row["content"]) for row in rows] == [(f"row-{n + 1}", f"q{n}") for n in range(3)]
    assert [json.loads(row["given"]) for row in rows] == [{"x": n} for n in range(3)]


def test_ids_of_the_file_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("id,content\n7,one\n9,two\n")

    assert read_dataset(path, "content").rows["id"].to_list() == ["7", "9"]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.jsonl", '{"text": "x"}\n', "has no column 'content', only 'text'.*--text-column"),
        ("a.jsonl", '{"content": "x"}\n{"content": " "}\n', "row 2.*has no text"),
        ("a.csv", "id,content\n1,a\n1,b\n", "row 1.*has the id '1', as another row"),
        ("a.jsonl", "", "is empty"),
        ("a.json", "[", "not JSON"),
    ],
)
def test_what_is_no_dataset_is_named_with_file_row_and_remedy(tmp_path: Path, name: str, text: str, why: str) -> None:
    path = tmp_path / name
    path.write_text(text)

    with pytest.raises(SeedError, match=f"(?s){name}.*{why}"):
        read_dataset(path, "content")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match=r"none\.jsonl: cannot be read"):
        read_dataset(tmp_path / "none.jsonl", "content")


def test_what_of_a_file_is_left_out_is_said(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pl.DataFrame({"content": ["one"], "picture": [b"\x00"], "more": [1]}).write_parquet(path)

    read = read_dataset(path, "content")

    assert json.loads(read.rows["given"][0]) == {"more": 1}
    assert read.notes == ("left out, columns of bytes: 'picture'",)
