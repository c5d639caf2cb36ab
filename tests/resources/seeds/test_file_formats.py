"""Every kind of file that is read: by what it is, never by its name."""

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import re
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.seeds import delimited, objects
from evergrow.resources.seeds.delimited import read_csv
from evergrow.resources.seeds.raw import UnreadableError
from evergrow.resources.seeds.read import Reading, read_seeds
from evergrow.resources.seeds.source import SeedError, Seeds

MAX_CHARS = 10_000
ROWS: list[dict[str, Any]] = [
    {"id": "a", "content": "Name the capital of France.", "n": 1},
    {"id": "b", "content": 'Say "é", then stop; or | go\ton, twice.\nNow.', "n": 2},
]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def read(folder: Path, name: str, data: bytes | str, **reading: Any) -> Seeds:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_seeds(path, MAX_CHARS, Reading(**reading))


def refusal(folder: Path, name: str, data: bytes | str, **reading: Any) -> str:
    with pytest.raises(SeedError) as caught:
        read(folder, name, data, **reading)
    return str(caught.value)


def binary(write: Callable[[pl.DataFrame, io.BytesIO], object]) -> bytes:
    data = io.BytesIO()
    write(pl.DataFrame(ROWS), data)
    return data.getvalue()


def delimited_by(mark: str) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", "content", "n"], delimiter=mark)
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue()


def zipped(**files: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def declared(data: bytes, flags: int, method: int) -> bytes:
    """A zip of one file, whose entry says how else it was packed."""
    told = bytearray(data)
    told[6:10] = struct.pack("<HH", flags, method)
    entry = data.index(b"PK\1\2")
    told[entry + 8 : entry + 12] = struct.pack("<HH", flags, method)
    return bytes(told)


SAME: dict[str, bytes | str] = {
    "array": json.dumps(ROWS),
    "array_indented": json.dumps(ROWS, indent=2),
    "lines": LINES,
    "lines_with_crlf_and_blank_ones": LINES.replace("\n", "\r\n\r\n"),
    "objects_that_take_lines": "\n".join(json.dumps(row, indent=2) for row in ROWS),
    "objects_on_one_line": "".join(json.dumps(row) for row in ROWS),
    "by_column": json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]}),
    "by_column_of_pandas": json.dumps({name: {str(at): row[name] for at, row in enumerate(ROWS)} for name in ROWS[0]}),
    "by_row_name": json.dumps({str(at): row for at, row in enumerate(ROWS)}),
    "split_of_pandas": json.dumps({"columns": list(ROWS[0]), "data": [list(row.values()) for row in ROWS]}),
    "list_inside": json.dumps({"version": "1", "data": ROWS}),
    "commas": delimited_by(","),
    "semicolons": delimited_by(";"),
    "tabs": delimited_by("\t"),
    "bars": delimited_by("|"),
    "parquet": binary(lambda frame, data: frame.write_parquet(data)),
    "arrow_file": binary(lambda frame, data: frame.write_ipc(data)),
    "arrow_stream": binary(lambda frame, data: frame.write_ipc_stream(data)),
    "gzip": gzip.compress(LINES.encode(), mtime=0),
    "zstd": pa.compress(LINES.encode(), "zstd", asbytes=True),
    "bz2": bz2.compress(LINES.encode()),
    "xz": lzma.compress(LINES.encode()),
    "zip": zipped(**{"a.jsonl": LINES, "__MACOSX/._a.jsonl": "x"}),
    "gzip_of_parquet": gzip.compress(binary(lambda frame, data: frame.write_parquet(data))),
    "utf8_mark": b"\xef\xbb\xbf" + LINES.encode(),
    **{f"{name}_mark": LINES.encode(name) for name in ("utf-16", "utf-32")},
    "utf16_be_mark": b"\xfe\xff" + LINES.encode("utf-16-be"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".dat", ".json", ".csv"])
@pytest.mark.parametrize("form", SAME)
def test_the_same_rows_come_out_whatever_the_file_is_and_is_called(tmp_path: Path, form: str, suffix: str) -> None:
    frame = read(tmp_path, f"f{suffix}", SAME[form]).frame

    assert frame.select("seed_id", "content").rows() == [(row["id"], row["content"]) for row in ROWS]
    assert [str(n) for n in frame["n"]] == ["1", "2"]


def test_an_encoding_without_a_mark_is_read_as_it_is_stated(tmp_path: Path) -> None:
    assert read(tmp_path, "f.jsonl", LINES.encode("utf-16-le"), encoding="utf-16-le").frame.height == 2
    assert "é" in read(tmp_path, "f.jsonl", LINES.encode("cp1252"), encoding="cp1252").frame["content"][1]
    assert "--encoding utf-16-le" in refusal(tmp_path, "f.jsonl", LINES.encode("utf-16-le"))
    assert "iconv -f CP1252" in refusal(tmp_path, "f.jsonl", LINES.encode("cp1252"))
    for name in ("rot13", "no-such", "base64"):
        assert "no encoding of texts" in refusal(tmp_path, "f.jsonl", LINES, encoding=name)


def test_a_wide_character_across_pieces_is_no_fault(tmp_path: Path) -> None:
    text = "é😀" * 300_000

    assert read_seeds(_written(tmp_path / "f.jsonl", json.dumps({"content": text}, ensure_ascii=False)), 10**7).frame[
        "content"
    ].to_list() == [text]
    wrong = json.dumps({"content": text}, ensure_ascii=False).encode() + b"\n\xff"
    assert "line 2: is not UTF-8" in refusal(tmp_path, "g.jsonl", wrong)


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_what_inflates_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    for data in (gzip.compress(bytes(3_000_000)), pa.compress(bytes(3_000_000), "zstd", asbytes=True)):
        said = refusal(tmp_path, "f.jsonl", data, max_bytes=1_000_000)
        assert "holds more than 1,000,000 bytes" in said
        assert "seeds.max_bytes" in said
    assert "has 2,000 bytes, more than seeds.max_bytes = 1,000" in refusal(tmp_path, "g", bytes(2_000), max_bytes=1_000)


FOREIGN: list[tuple[bytes | str, str]] = [
    (b"%PDF-1.7\n", "PDF document.*pdftotext"),
    (b"\x80\x04\x95\x10", "pickle.*would run code.*to_parquet"),
    (zipped(**{"[Content_Types].xml": "", "xl/workbook.xml": ""}), "Excel workbook.*CSV"),
    (zipped(**{"a.jsonl": "{}", "b.jsonl": "{}"}), r"a zip of 2 files \('a.jsonl', 'b.jsonl'\).*unzip"),
    (zipped(), "a zip of 0 files"),
    (declared(zipped(**{"a.jsonl": LINES}), flags=1, method=0), "a zip with a password: unpack it"),
    (declared(zipped(**{"a.jsonl": LINES}), flags=0, method=9), "zip in a way.*not supported.*: unpack it"),
    (declared(zipped(**{"a.jsonl": LINES}), flags=32, method=8), "zip in a way.*flag bit 5.*: unpack it"),
    (gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "a gzip file inside of its gzip"),
    (gzip.compress(LINES.encode(), mtime=0)[:-12], "compressed with gzip and damaged or cut off"),
    ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "pointer of Git LFS.*git lfs pull"),
    ("<!DOCTYPE html>\n<html><head><title>Sign in</title>", "HTML page with the title 'Sign in'.*/resolve/"),
    ("<?xml version='1.0'?><rows/>", "is XML"),
    ("- content: a\n- content: b\n", "looks like YAML"),
    ("import os\n\ndef f():\n    pass\n", "Python source: `evergrow seeds harvest"),
    ("var rows = [{}]", "is JavaScript, not JSON"),
    ("just a line of prose", "plain text.*jq -R|not JSON at column 1|only 'just"),
    ('{"cells": [], "nbformat": 4, "metadata": {}}', "notebook: `evergrow seeds harvest"),
    ('{"dimension": null, "samples": [], "children": []}', "is a tree: `evergrow tree import`"),
    ('{"error": "Not found"}', "error message, 'Not found'"),
    ('{"a": [1, 2], "content": ["x"]}', "different lengths.*'a' 2, 'content' 1"),
    ('{"train": [{"content": "a"}], "test": [{"content": "b"}]}', r"several lists of objects.*jq '\.\[\"train\"\]'"),
    (b"\x89PNG\r\n", "PNG picture"),
    (bytes(257) + b"ustar" + bytes(9), "tar archive.*tar -xf"),
]


@pytest.mark.parametrize(("data", "expected"), FOREIGN)
def test_what_is_no_table_is_named_with_the_way_to_one(tmp_path: Path, data: bytes | str, expected: str) -> None:
    for name in ("f.jsonl", "f.csv", "f.parquet", "f"):
        if name == "f.parquet" and isinstance(data, str) and not data.startswith(("{", "version")):
            continue
        assert re.search(expected, refusal(tmp_path, name, data)), name


def test_a_database_is_named_with_the_command(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "f.db") as database:
        database.execute("create table t (content text)")

    assert "sqlite3 -json" in refusal(tmp_path, "g.jsonl", (tmp_path / "f.db").read_bytes())


NEARLY: list[tuple[str, str]] = [
    ('[\n{"content": "a"},\n]', r"row 1|line 3.*the comma before \] is too many"),
    ('[{"content": "a",}]', "the comma before } is too many"),
    ('[\n// first\n{"content": "a"}]', "line 2.*JSON has no comments"),
    ("[{'content': 'a'}]", "single quotes, as in Python.*ast.literal_eval"),
    ('[{"content": None}]', "'None' is no word of JSON"),
    ('[{"content": "a", "ok": True}]', "'True' is no word of JSON"),
    ('[{“content”: "a"}]', "quotation marks are typographic"),
    ('[{content: "a"}]', "names must stand in quotation marks"),
    ('[{"content": "a"} {"content": "b"}]', "a comma is missing"),
    ('[{"content": "a"}, {"content": "b"', r"ends too early: the { of line 1 is never closed"),
    ('[{"content": "a"}', r"ends too early: the \[ of line 1 is never closed"),
    ('[{"content": "say "a" twice"}]', r"a quotation mark inside a text is not escaped"),
    ('[{"content": "a\nb"}]', "a line break or a tab stands inside a text"),
    ('[{"content": "\\d"}]', "a backslash begins no escape"),
    ('[{"content": "a", "n": 007}]', "a number is not written as in JSON"),
    ('[{"content": "a"}][{"content": "b"}]', "a second array follows.*jq -s add"),
    ('{"content": "a"},\n{"content": "b"},\n', "2 faults.*ends with a comma.*sed"),
    ('{"content": "a"}, {"content": "b"}', "separated by commas outside|two values"),
]


@pytest.mark.parametrize(("text", "expected"), NEARLY)
def test_nearly_json_is_told_with_its_likely_cause(tmp_path: Path, text: str, expected: str) -> None:
    assert re.search(f"(?s){expected}", refusal(tmp_path, "f.json", text))


ROW_FAULTS: list[tuple[str, str]] = [
    ('{"content": "a", "x": NaN}', "holds NaN, which is no value of JSON"),
    ('{"content": "a", "x": [-Infinity]}', "holds -Infinity"),
    ('{"content": "a", "x": 1e400}', "`x` holds a number beyond 1.8e308"),
    ('{"content": "a", "x": {"y": [-1e999]}}', "`x` holds a number beyond"),
    ('{"content": "a", "content": "b"}', "names 'content' twice"),
    ('{"content": "a", "x": {"y": 1, "y": 2}}', "names 'y' twice"),
    ('{"content": "\\u200b\\u2060\\ufeff"}', "invisible characters only"),
    ('{"content": "\\u2800\\u3164\\u00ad"}', "invisible characters only"),
    ('{"content": "a\\u0000"}', "null character"),
    ('{"content": "\\udc80"}', "half a surrogate pair"),
    ('{"content": 3}', "`content` is a number"),
]


@pytest.mark.parametrize(("row", "expected"), ROW_FAULTS)
def test_a_wrong_row_is_named_by_row_and_line_among_right_ones(tmp_path: Path, row: str, expected: str) -> None:
    said = refusal(tmp_path, "f.jsonl", f'{{"content": "x"}}\n\n{row}\n{{"content": "y"}}\n')

    assert "row 2 (line 3): " in said
    assert expected in said


def test_several_faults_are_told_at_once_and_nothing_is_taken(tmp_path: Path) -> None:
    said = refusal(tmp_path, "f.jsonl", "\n".join(row for row, _ in ROW_FAULTS))

    assert "11 faults" in said
    assert "and 1 more" in said


def test_ids_that_are_numbers_and_texts_at_once_are_refused(tmp_path: Path) -> None:
    rows = '[{"id": 1, "content": "a"},\n{"id": "1", "content": "b"}, {"id": "x", "content": "c"}]'

    assert "row 2 (line 2): `id` is the text '1', elsewhere the number 1" in refusal(tmp_path, "f.json", rows)


def test_binary_columns_are_refused_or_read_in_the_encoding_that_is_stated(tmp_path: Path) -> None:
    pl.DataFrame({"content": [b"a", "é".encode()], "raw": [b"\xff", b"x"]}).write_parquet(tmp_path / "p")
    data = (tmp_path / "p").read_bytes()

    assert "`content` is of type Binary" in refusal(tmp_path, "f.parquet", data)
    assert read(tmp_path, "f.parquet", data, encoding="utf-8").frame["content"].to_list() == ["a", "é"]
    assert "row 2: `content` holds bytes that are not ascii" in refusal(tmp_path, "f.parquet", data, encoding="ascii")


def test_texts_that_were_decoded_wrongly_are_noted_and_right_ones_are_not(tmp_path: Path) -> None:
    right = "Erklär „ist“ für Anfänger, « voilà » — naïve Ä É Â 😀."
    wrong = right.encode().decode("cp1252", errors="ignore")

    assert read(tmp_path, "f.jsonl", json.dumps({"content": right})).notes == ()
    (note,) = read(tmp_path, "f.jsonl", json.dumps({"content": f"x {wrong}"})).notes
    assert "'ErklÃ¤r' for 'Erklär'" in note
    assert "iconv -f UTF-8 -t WINDOWS-1252" in note


def test_a_column_of_several_types_over_many_rows_is_read_as_over_few(tmp_path: Path, monkeypatch: Any) -> None:
    rows = [
        {"id": n, "content": f"text {n}", "x": n if n < 7 else str(n), "late": None if n < 8 else n} for n in range(9)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    whole = read(tmp_path, "f.jsonl", text).frame
    monkeypatch.setattr(objects, "BLOCK", 2)

    for form in (text, json.dumps(rows)):
        assert read(tmp_path, "f.jsonl", form).frame.equals(whole)
    same = [{"content": f"text {n}", "n": n} for n in range(9)]
    assert read(tmp_path, "f.jsonl", json.dumps(same)).frame["n"].to_list() == list(range(9))
    assert "row 9" in refusal(tmp_path, "f.jsonl", json.dumps([*same[:8], {"content": ""}]))


cells = st.text(st.sampled_from('ab ,;"\n\r\té'), max_size=6)


@given(
    rows=st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1),
    mark=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_csv_is_read_as_the_csv_module_reads_it(rows: list[list[str]], mark: str, end: str, quoting: Any) -> None:
    if quoting == csv.QUOTE_MINIMAL:  # leaves \r without quotes
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=mark, lineterminator=end, quoting=quoting)
    writer.writerows([["content", "a", "b"], *rows])
    table = read_csv(text.getvalue().encode(), ("content",))
    exact = delimited._exact(text.getvalue(), mark)

    assert table.frame.rows() == [tuple(cell or None for cell in row) for row in rows]
    assert table.frame.equals(exact.frame)
    assert list(table.rows) == exact.rows
    assert list(table.lines or ()) == exact.lines


@given(text=st.text(st.sampled_from('a,;"\n\r'), max_size=30))
def test_any_text_as_csv_is_read_exactly_or_refused(text: str) -> None:
    whole = f"content,b\n{text}"
    try:
        exact = delimited._exact(whole, ",")
    except UnreadableError as error:
        with pytest.raises(UnreadableError) as caught:
            read_csv(whole.encode(), ("content",))
        assert caught.value.fault == error.fault  # noqa: PT017
        return
    table = read_csv(whole.encode(), ("content",))
    assert table.frame.equals(exact.frame)
    assert table.faults == exact.faults


def test_numbers_and_odd_values_of_any_size_keep_their_digits(tmp_path: Path) -> None:
    draw = random.Random(1)
    rows = [{"content": f"t{n}", "big": draw.getrandbits(200), "id": draw.getrandbits(70)} for n in range(50)]
    frame = read(tmp_path, "f.json", json.dumps(rows)).frame

    assert frame["seed_id"].to_list() == [str(row["id"]) for row in rows]
    assert frame["big"].to_list() == [str(row["big"]) for row in rows]
