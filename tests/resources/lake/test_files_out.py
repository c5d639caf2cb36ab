"""Tables in formats of the ecosystem: values that a format has not become text, none is lost, nothing panics."""

import datetime as dt
import json
from pathlib import Path

import polars as pl
import pytest

from evergrow.resources.lake.files_out import UnknownFormat, formulas, write_table

DAY = dt.timedelta(days=1)
FRAME = pl.DataFrame(
    {
        "id": ["a", "b"],
        "bytes": [b"a", None],
        "took": [dt.timedelta(seconds=3), None],
        "list": [[b"x"], None],
        "struct": [{"took": DAY, "parts": [b"q"]}, None],
        "dates": [[dt.date(2020, 1, 2)], []],
        "at": [dt.datetime(2020, 1, 2, 3, tzinfo=dt.UTC), None],
    }
)


def test_bytes_and_durations_become_text_in_jsonl_at_any_depth(tmp_path: Path) -> None:
    assert write_table(FRAME.lazy(), tmp_path / "t.jsonl") == 2

    first, second = (json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines())
    assert (first["bytes"], first["took"], first["list"]) == ("YQ==", "PT3S", ["eA=="])
    assert first["struct"] == {"took": "P1D", "parts": ["cQ=="]}
    assert first["dates"] == ["2020-01-02"]
    assert {second[name] for name in ("bytes", "took", "list", "struct", "at")} == {None}


def test_csv_has_nested_values_as_json(tmp_path: Path) -> None:
    write_table(FRAME.lazy(), tmp_path / "t.csv")

    row = pl.read_csv(tmp_path / "t.csv").row(0, named=True)
    assert json.loads(row["struct"]) == {"took": "P1D", "parts": ["cQ=="]}
    assert json.loads(row["dates"]) == ["2020-01-02"]
    assert row["took"] == "PT3S"


def test_parquet_keeps_every_type(tmp_path: Path) -> None:
    write_table(FRAME.lazy(), tmp_path / "t.parquet")

    assert pl.read_parquet(tmp_path / "t.parquet").equals(FRAME)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match=r"t\.xlsx: write to a file that ends in"):
        write_table(FRAME.lazy(), tmp_path / "t.xlsx")


def test_texts_that_a_spreadsheet_would_compute_stand_as_they_are_and_are_counted(tmp_path: Path) -> None:
    texts = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\tx", "plain", "a=b", None, "-5", "+1.5e-3", "- item"]
    pl.LazyFrame({"content": texts, "value": [-0.5] * len(texts)}).pipe(write_table, tmp_path / "t.csv")

    assert formulas(tmp_path / "t.csv") == 6
    assert pl.read_csv(tmp_path / "t.csv")["content"].to_list() == texts
    assert formulas(tmp_path / "t.jsonl") == 0
