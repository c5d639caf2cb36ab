"""Wrong seed files: one message each, with the file, the row and the remedy."""

import io
import json
import os
import re
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergrow.resources.seeds.read import read_seeds
from evergrow.resources.seeds.source import SeedError
from tests.properties import examples

MAX_CHARS = 1_000


def message(path: Path) -> str:
    """What reading `path` is answered with."""
    with pytest.raises(SeedError) as caught:
        read_seeds(path, MAX_CHARS)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


WRONG: list[tuple[str, str | bytes, str]] = [
    ("f.json", "", "is empty"),
    ("f.json", " \n ", "is empty"),
    ("f.csv", "\ufeff\n", "is empty"),
    ("f.parquet", "", "is empty"),
    ("f.json", "[]", "holds no seeds"),
    ("f.csv", "content\n", "holds no seeds"),
    ("f.csv", "id,text\n1,a\n", "has no `content`, only 'id', 'text': add --column text"),
    ("f.csv", "id,code,text\n", "add --column text"),
    ("f.json", '[{"Content": "a"}]', "has no `content`, only 'Content': add --column Content"),
    ("f.json", '[{"x": "a"}]', "has no `content`, only 'x': name the one that holds the seeds with --column"),
    ("f.json", "[{}]", "has no `content`, only rows without names"),
    (
        "f.json",
        '[{"content": "a"},\n {"content" "b"}]',
        r"row 2 \(line 2\): not JSON at column 13: a colon is missing after a name",
    ),
    ("f.json", "hello", "line 1: not JSON at column 1"),
    ("f.json", '"hello"', "holds a text, not an array of objects"),
    ("f.json", "[" * 100_000, "not JSON that can be read: it is nested too deep"),
    (
        "f.jsonl",
        '{"content": "a"}\n{"content": "b", "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        r"\(line 2\): .*nested too deep",
    ),
    ("f.json", '[{"content": "a", "n": ' + "1" * 5_000 + "}]", "not JSON that can be read: .*digits"),
    (
        "f.json",
        '["a", {"content": "b"}, 3]',
        "2 faults\n  row 1: holds a text, not an object.*\n  row 3: holds a number",
    ),
    ("f.json", '[{"content": "a"}, {"id": 2}]', "row 2: lacks `content`"),
    ("f.json", '[{"content": ["a"]}]', "row 1: `content` is an array: make it text"),
    ("f.json", '[{"content": "a"}, {"content": null}]', "row 2: lacks `content`: fill it in"),
    ("f.json", '[{"content": " \\n"}]', "row 1: `content` is blank"),
    ("f.json", '[{"content": "a\\u0000b"}]', "row 1: `content` holds a null character"),
    ("f.json", '[{"content": "a\\ud800b"}]', "row 1: holds half a surrogate pair"),
    ("f.json", '[{"content": "a", "x\\ud800": 1}]', "row 1: holds half a surrogate pair"),
    ("f.json", '[{"content": "a", "id": 1.0}]', "row 1: `id` is a number: make it text or a whole number"),
    ("f.json", '[{"content": "a", "id": true}]', "row 1: `id` is true or false"),
    (
        "f.json",
        '[{"content": "a", "kind": "prose"}]',
        "row 1: `kind` is 'prose': make it code, question or instruction",
    ),
    ("f.json", json.dumps([{"content": "a", "id": "x" * 300}]), "row 1: `id` has 300 characters, at most 128: shorten"),
    (
        "f.json",
        '[{"id": 17, "content": "a"}, {"id": "17", "content": "b"}]',
        "row 2: `id` is the text '17', elsewhere the number 17: make it one of them",
    ),
    ("f.json", json.dumps([{f"x{n}": 1} for n in range(1_001)]), "1,001 different names, at most 1,000"),
    ("f.jsonl", '{"content": "a"}\n\n{oops}\n', r"row 2 \(line 3\): not JSON at column 2"),
    ("f.jsonl", '{"content": "a"}\n[1]\n', r"row 2 \(line 2\): holds an array, not an object"),
    ("f.csv", 'content,x\na,"1\n2"\nb\n', r"row 2 \(line 4\): has 1 field, the header 2: put quotes"),
    ("f.csv", "content,x\na,1\n ,2\n", r"row 2 \(line 3\): `content` is blank"),
    ("f.csv", 'content\n"a\n', "not CSV: unexpected end of data"),
    ("f.csv", 'content\n"a"b"\n', "line 2: not CSV"),
    ("f.csv", "content,content\na,b\n", "line 1: its header names 'content' twice"),
    (
        "f.csv",
        b"content\na\xff\n",
        "line 2: is not UTF-8 text .byte 0xff.: it may be cp1252: then add --encoding cp1252, or convert",
    ),
    ("f.csv", b"content\na\0b\n", "line 2: holds a null byte"),
    ("f.parquet", b"hello", "not a Parquet file that can be read"),
    ("f.parquet", b"PAR1" + b"x" * 40 + b"PAR1", "not a Parquet file that can be read"),
    ("f.txt", "hello", "is plain text, of no known format: write one JSON object a line"),
]


@pytest.mark.parametrize(("name", "data", "expected"), WRONG)
def test_a_wrong_file_is_answered_with_its_fault(tmp_path: Path, name: str, data: str | bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    assert re.search(expected, message(tmp_path / name))


def test_a_row_of_five_megabytes_is_named_with_its_length_and_the_setting(tmp_path: Path) -> None:
    for name in ("f.json", "f.csv", "f.parquet"):
        frame = pl.DataFrame({"content": ["a", "x" * 5_000_000]})
        match name:
            case "f.json":
                (tmp_path / name).write_text(json.dumps(frame.to_dicts()))
            case "f.csv":
                frame.write_csv(tmp_path / name)
            case _:
                frame.write_parquet(tmp_path / name)
        said = message(tmp_path / name)
        assert "row 2" in said
        assert "`content` has 5000000 characters, more than seeds.max_chars = 1000: shorten it, or raise" in said
        assert len(said) < 300


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pl.Series("content", [1]), "its column `content` is of type Int64: make it text"),
        (pl.Series("content", [b"a"]), "its column `content` is of type Binary"),
        (pl.Series("id", [1.0]), "its column `id` is of type Float64"),
        (pl.Series("kind", [["code"]]), "its column `kind` is of type List"),
    ],
)
def test_a_parquet_column_of_the_wrong_type_is_named(tmp_path: Path, column: pl.Series, expected: str) -> None:
    pl.DataFrame({"content": ["a"]}).with_columns(column).write_parquet(tmp_path / "f.parquet")
    assert expected in message(tmp_path / "f.parquet")


def test_ten_faults_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    lines = [json.dumps({"content": "", "id": "x" * 300}) for _ in range(25)]
    (tmp_path / "f.jsonl").write_text("\n".join(lines))
    said = message(tmp_path / "f.jsonl").splitlines()
    assert said[0] == "25 faults"
    assert [line.split(":")[0] for line in said[1:11]] == [f"  row {n} (line {n})" for n in range(1, 11)]
    assert said[11:] == ["  and 15 more"]


def test_faults_of_different_sorts_come_in_the_order_of_rows(tmp_path: Path) -> None:
    rows = ['{"content": "a", "id": 1.5}', "{", '{"content": ""}', '{"content": "b", "kind": "x"}']
    (tmp_path / "f.jsonl").write_text("\n".join(rows))
    assert re.findall(r"row (\d)", message(tmp_path / "f.jsonl")) == ["1", "2", "3", "4"]


def test_what_is_no_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "seeds.json").write_text('[{"content": "a"}]')
    os.mkfifo(tmp_path / "pipe")
    assert message(tmp_path / "seds.json") == "does not exist; did you mean 'seeds.json'?"
    assert message(tmp_path / "far" / "off.csv") == "does not exist: check the path"
    assert message(tmp_path) == "is a folder: name one file in it ('seeds.json')"
    assert (
        message(tmp_path / "pipe") == "is not a regular file: write the seeds to a file first, or pipe them in with -"
    )


def test_terminal_control_characters_of_a_file_do_not_reach_the_message(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(json.dumps([{"\x1b[31mx": 1, "y" * 10_000: 2}]))
    said = message(tmp_path / "f.json")
    assert "\x1b" not in said
    assert len(said) < 300


def parquet(content: str) -> bytes:
    data = io.BytesIO()
    pl.DataFrame({"content": [content]}).write_parquet(data)
    return data.getvalue()


starts = st.sampled_from(
    [b"", b"PAR1", b"[", b'[{"content": ', b'{"content": "a"}\n', b"id,content\n", b'content\n"', b"\xff\xfe"]
)
names = st.sampled_from(["id", "content", "kind", "license", "x"]) | st.text()
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(names, inner),
)
files = st.one_of(
    st.tuples(starts, st.binary()).map(b"".join),
    st.tuples(starts, st.text().map(str.encode)).map(b"".join),
    st.lists(values).map(json.dumps).map(str.encode),
    st.lists(st.dictionaries(names, values)).map(json.dumps).map(str.encode),
    st.tuples(st.text(), st.integers(0, 400)).map(lambda cut: parquet(cut[0])[: cut[1]]),
)


@given(data=files, suffix=st.sampled_from([".json", ".jsonl", ".csv", ".parquet", ".x", ""]))
@settings(max_examples=examples(150))
def test_any_bytes_give_seeds_or_one_message(data: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"f{suffix}"
        path.write_bytes(data)
        try:
            frame = read_seeds(path, MAX_CHARS).frame
        except SeedError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017
        else:
            assert frame.height > 0
            assert frame["id"].is_unique().all()
            assert frame.select("id", "seed_id", "content", "kind", "source").null_count().sum_horizontal().item() == 0
