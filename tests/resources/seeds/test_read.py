"""What seed files give when they are right; `test_seed_faults.py` has those that are wrong."""

import hashlib
import json
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from evergrow.methods.text import ids
from evergrow.resources.seeds.read import RESERVED, read_seeds
from tests.properties import examples

MAX_CHARS = 1_000
OWN = ["id", "seed_id", "content", "kind", "source"]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """`rows` in the format of `path`'s suffix."""
    match path.suffix:
        case ".json":
            path.write_text(json.dumps(rows), encoding="utf-8")
        case ".jsonl" | ".ndjson":
            path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        case ".csv":
            pl.DataFrame(rows, infer_schema_length=None).write_csv(path)
        case _:
            pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)
    return path


FORMATS = [".json", ".jsonl", ".ndjson", ".csv", ".parquet"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_each_format_gives_the_same_columns(tmp_path: Path, suffix: str) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "content": "def f():\n    return 'é, \"x\"'", "license": "MIT", "domain": "math", "stars": "12"},
        {"id": "b", "content": "def g():\n    pass", "license": None, "domain": None, "stars": None},
    ]
    seeds = read_seeds(write(tmp_path / f"f{suffix}", rows), MAX_CHARS)
    assert seeds.frame.to_dict(as_series=False) == {
        "id": ["a", "b"],
        "seed_id": ["a", "b"],
        "content": [row["content"] for row in rows],
        "kind": ["code", "code"],
        "source": [f"f{suffix}:1", f"f{suffix}:2"],
        "license": ["MIT", None],
        "domain": ["math", None],
        "stars": ["12", None],
    }
    assert seeds.notes == ()
    assert seeds.origin == str(tmp_path / f"f{suffix}")


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet"])
def test_whole_numbers_as_ids_become_text_exactly(tmp_path: Path, suffix: str) -> None:
    rows: list[dict[str, Any]] = [
        {"id": 613993, "content": "a"},
        {"id": 2**53 + 1, "content": "b"},
        {"id": None, "content": "c"},
    ]
    made = hashlib.sha256(b"c").hexdigest()[:12]
    frame = read_seeds(write(tmp_path / f"f{suffix}", rows), MAX_CHARS).frame
    assert frame["id"].to_list() == ["613993", "9007199254740993", made]


def test_numbers_in_csv_stay_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("id,content,version\n007,a,1.0\n1e5,b,2.50\n")
    frame = read_seeds(tmp_path / "f.csv", MAX_CHARS).frame
    assert frame["seed_id"].to_list() == ["007", "1e5"]
    assert frame["version"].to_list() == ["1.0", "2.50"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_missing_ids_are_made_from_the_content_and_do_not_depend_on_the_format(tmp_path: Path, suffix: str) -> None:
    frame = read_seeds(write(tmp_path / f"f{suffix}", [{"content": "a"}, {"content": "b"}]), MAX_CHARS).frame
    assert frame["id"].to_list() == [hashlib.sha256(text).hexdigest()[:12] for text in (b"a", b"b")]


def test_a_made_id_that_clashes_gets_longer(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"a").hexdigest()
    rows = [{"content": "a"}, {"id": digest[:12], "content": "b"}, {"id": digest[:16], "content": "c"}]
    frame = read_seeds(write(tmp_path / "f.json", rows), MAX_CHARS).frame
    assert frame["id"].to_list() == [digest[:24], digest[:12], digest[:16]]


def test_odd_ids_are_taken_encoded_and_reported(tmp_path: Path) -> None:
    odd = ["a_b", "../x", "é", "a b", "plain"]
    seeds = read_seeds(write(tmp_path / "f.json", [{"id": i, "content": i} for i in odd]), MAX_CHARS)
    assert seeds.frame["id"].to_list() == ["a%5Fb", "..%2Fx", "%C3%A9", "a%20b", "plain"]
    assert seeds.frame["seed_id"].to_list() == odd
    assert seeds.notes == (
        "4 ids hold characters that ids of samples cannot carry, or read as times, and are percent-encoded there, "
        "reversibly: 'a_b' is 'a%5Fb'",
    )


def test_of_rows_with_equal_content_the_first_stays(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": 1, "content": "a"},
        {"id": 2, "content": "b"},
        {"id": 3, "content": "a"},
        {"id": 1, "content": "a"},
    ]
    seeds = read_seeds(write(tmp_path / "f.json", rows), MAX_CHARS)
    assert seeds.frame["id"].to_list() == ["1", "2"]
    assert seeds.notes == ("2 rows left out: an earlier row has the same content (row 3 is row 1)",)


def test_a_kind_in_the_file_goes_before_the_guess(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"content": "def f(): pass", "kind": "instruction"},
        {"content": "Sort it.", "kind": ""},
        {"content": "x = 1", "kind": None},
    ]
    seeds = read_seeds(write(tmp_path / "f.json", rows), MAX_CHARS)
    assert seeds.frame["kind"].to_list() == ["instruction", "instruction", "code"]
    assert seeds.notes == (
        "rows look 1 like code, 2 like other instructions: a column `kind`, or --kind for all, would settle it",
    )


def test_columns_with_names_that_evergrow_uses_are_kept_under_another(tmp_path: Path) -> None:
    row = {"content": "a", "round": 3, "seed_round": 4, "source": "web", "licence": "MIT", "domain": 7, "": "x"}
    frame = read_seeds(write(tmp_path / "f.json", [row]), MAX_CHARS).frame
    assert frame.columns == [*OWN, "license", "seed_round_2", "seed_round", "seed_source", "seed_domain", "unnamed"]
    assert frame.row(0)[5:] == ("MIT", 3, 4, "web", 7, "x")


@given(
    st.lists(st.sampled_from([*sorted(RESERVED), "a", "seed_a", "seed_id", "seed_seed_id", "", "licence"]), unique=True)
)
def test_no_column_is_lost_whatever_it_is_called(names: list[str]) -> None:
    row = {name: "code" if name == "kind" else "x" for name in [*names, "content"]}
    with tempfile.TemporaryDirectory() as folder:
        frame = read_seeds(write(Path(folder) / "f.json", [row]), MAX_CHARS).frame
    own = {"id", "content", "kind", "license", "domain"}
    used = {*names, "content"} & own | ({"license"} if "licence" in names and "license" not in names else set())
    extras = set(names) - own - ({"licence"} if "license" not in names else set())
    assert set(OWN) <= set(frame.columns)
    assert frame.width == len(set(OWN) | used) + len(extras)


def test_nested_and_mixed_values_are_kept_as_json(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"content": "a", "tags": ["é", 1], "mixed": 1, "n": 1, "f": 1, "b": True, "big": 2**70},
        {"content": "b", "tags": {"x": None}, "mixed": "1", "n": None, "f": 0.5, "b": None, "big": 1},
        {"content": "c", "only": None},
    ]
    expected = {
        "tags": ['["é", 1]', '{"x": null}', None],
        "mixed": ["1", '"1"', None],
        "n": [1, None, None],
        "f": [1.0, 0.5, None],
        "b": [True, None, None],
        "big": [str(2**70), "1", None],
        "only": [None, None, None],
    }
    for name in ("f.json", "f.jsonl"):
        frame = read_seeds(write(tmp_path / name, rows), MAX_CHARS).frame
        assert frame.select(*expected).to_dict(as_series=False) == expected


def test_typed_columns_of_parquet_stay_typed(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"content": ["a"], "tags": [["x"]], "at": [{"y": 1}], "none": [None]},
        schema_overrides={"content": pl.Categorical},
    )
    frame.write_parquet(tmp_path / "f.parquet")
    read = read_seeds(tmp_path / "f.parquet", MAX_CHARS).frame
    assert read.select("tags", "at").equals(frame.select("tags", "at"))
    assert read.schema["content"] == pl.String
    assert read.schema["none"] == pl.String


@pytest.mark.parametrize("name", ["f.txt", "f", "f.JSONL", "f.json", "f.jsonl"])
def test_json_lines_are_known_by_their_looks_under_other_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('\ufeff{"content": "a\u2028b"}\r\n\r\n{"content": "c"}\r\n', encoding="utf-8")
    frame = read_seeds(tmp_path / name, MAX_CHARS).frame
    assert frame["content"].to_list() == ["a\u2028b", "c"]
    assert frame["source"].to_list() == [f"{name}:1", f"{name}:2"]


@pytest.mark.parametrize("suffix", [".json", ".csv", ".parquet"])
def test_a_file_without_a_known_suffix_is_known_by_its_looks(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"f{suffix}", [{"id": "1", "content": "a"}])
    path.rename(tmp_path / "data")
    assert read_seeds(tmp_path / "data", MAX_CHARS).frame["content"].to_list() == ["a"]


def test_content_may_have_exactly_the_longest_length(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", [{"content": "é" * 200_000}])
    assert read_seeds(path, 200_000).frame["content"].str.len_chars().to_list() == [200_000]


def is_visible(text: str) -> bool:
    return any(unicodedata.category(c)[0] in "LNPS" and c not in "\u115f\u1160\u2800\u3164\uffa0" for c in text)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(is_visible)
rows = st.lists(
    st.fixed_dictionaries({"id": texts.filter(lambda i: len(i) <= 128), "content": texts, "extra": texts}),
    min_size=1,
    max_size=8,
    unique_by=(lambda row: row["id"], lambda row: row["content"]),
)


@given(rows=rows)
@settings(max_examples=examples(30))
def test_every_format_brings_every_text_back_unchanged(rows: list[dict[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        frames = [read_seeds(write(Path(folder) / f"f{suffix}", rows), MAX_CHARS).frame for suffix in FORMATS]
    for frame in frames:
        assert frame.select("seed_id", "content", "extra").rows() == [(r["id"], r["content"], r["extra"]) for r in rows]
        assert [ids.unescape_seed_id(i) for i in frame["id"]] == [row["id"] for row in rows]
        assert_frame_equal(frame.drop("source"), frames[0].drop("source"))


def test_records_that_are_scored_by_half_are_taken_and_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "all_questions_2_w_complexity_scores.json"
    scored = {"self complexity score": 5.0, "parent complexity score": "0", "parent diversity score": "0"}
    rows = [{"id": f"7_{n}", "content": f"Write a function that counts {n} kinds of things.", **scored} for n in "01"]
    path.write_text(json.dumps([*rows, {**rows[0], "id": "7_2", "content": "x y", "self diversity score": 0.4}]))

    seeds = read_seeds(path, 1_000)

    assert seeds.frame["complexity"].to_list() == [5.0] * 3
    assert any("3 rows are scored records" in note and "2 of them have no diversity" in note for note in seeds.notes)
