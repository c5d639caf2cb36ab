import json
import stat
from pathlib import Path
from xml.etree import ElementTree

import pytest

from evergrow.methods.releasing.formats import FORMS, Form
from evergrow.resources.releases.manifest import read_manifest
from evergrow.resources.releases.writing import NothingToRelease, write_release
from tests.releases import TRICKY, facts, row, table

ROWS = table(row(2), row(10), row(1, split="test"), row(4, response=None))


@pytest.mark.parametrize("form", FORMS)
def test_a_release_has_a_file_for_every_split_that_has_rows(tmp_path: Path, form: Form) -> None:
    written = write_release(ROWS, tmp_path / "new" / "r", form, facts())

    suffix = "parquet" if form == "parquet" else "jsonl"
    assert {path.name for path in written.folder.iterdir()} == {
        "README.md", "croissant.json", "funnel.svg", "manifest.json", f"test.{suffix}", f"train.{suffix}"
    }  # fmt: skip
    assert written.rows == {"train": 3 if form == "parquet" else 2, "test": 1}
    assert sum(written.left_out.values()) == (0 if form == "parquet" else 1)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["r"]
    assert stat.S_IMODE(written.folder.stat().st_mode) == stat.S_IMODE(tmp_path.joinpath("new").stat().st_mode)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_rows_and_facts_make_the_same_bytes_in_whatever_order(tmp_path: Path, form: Form) -> None:
    one, other = tmp_path / "one", tmp_path / "other"

    write_release(ROWS, one, form, facts())
    write_release(ROWS[[3, 1, 0, 2]], other, form, facts())

    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes(), path.name


def test_every_row_is_one_line_to_every_reader(tmp_path: Path) -> None:
    rows = table(*(row(n, content=text, response=text) for n, text in enumerate(TRICKY)))

    write_release(rows, tmp_path / "r", "chat", facts())

    lines = (tmp_path / "r" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line)["messages"][1]["content"] for line in lines]
    assert told == list(TRICKY)


def test_rows_are_in_the_order_of_their_ids(tmp_path: Path) -> None:
    write_release(ROWS, tmp_path / "r", "chat", facts())

    lines = (tmp_path / "r" / "train.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["s2_0", "s10_0"]


def test_the_manifest_tells_what_the_release_was_made_from(tmp_path: Path) -> None:
    write_release(ROWS, tmp_path / "r", "chat", facts(settings_digest="5e77", price_tables=("2026-10-01",)))

    told = read_manifest(tmp_path / "r")
    assert told.rows.rows == 3
    assert {name: rows.rows for name, rows in told.splits.items()} == {"train": 2, "test": 1}
    assert told.columns["messages"].startswith("List(Struct")
    assert (told.date, told.code_version, told.settings_digest) == ("2026-11-22", "0.1.0", "5e77")
    assert told.lake == {"dataset/clean b": "0123456789abcdef"}
    assert told.prompts == {"generator": "abc123"}
    assert told.models == [
        {"model": "m-2026-01-01", "calls": 10, "usd": 0.25},
        {"model": "local|m", "calls": 5, "usd": None},
    ]
    assert told.benchmarks == [{"benchmark": "humaneval", "items": 164, "sha256": "ab" * 32}]
    assert told.price_tables == ["2026-10-01"]
    assert told.license == "MIT"
    assert told.left_out == {"without an answer": 1}


def test_a_manifest_names_what_earlier_versions_do_not_know_only_where_it_holds(tmp_path: Path) -> None:
    for reasoning in (True, False):
        write_release(ROWS, tmp_path / "r", "chat", facts(reasoning=reasoning))

        assert ('"reasoning"' in (tmp_path / "r" / "manifest.json").read_text()) is reasoning
        assert read_manifest(tmp_path / "r").sealed() == read_manifest(tmp_path / "r")


def test_the_picture_is_that_of_the_funnel(tmp_path: Path) -> None:
    write_release(ROWS, tmp_path / "r", "chat", facts())

    assert "20 of 30" in "".join(ElementTree.parse(tmp_path / "r" / "funnel.svg").getroot().itertext())


def test_no_release_is_made_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(NothingToRelease, match="2 without an answer; write parquet"):
        write_release(table(row(1, response=None), row(2, response="")), tmp_path / "r", "chat", facts())
    with pytest.raises(NothingToRelease, match="there is no row"):
        write_release(table(), tmp_path / "r", "parquet", facts())

    assert not (tmp_path / "r").exists()


def test_rows_that_are_there_twice_or_in_no_split_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'s1_0' of batch 'b' is there more than once"):
        write_release(table(row(1), row(1)), tmp_path / "r", "chat", facts())
    with pytest.raises(ValueError, match="'s1_0' is in split None"):
        write_release(table(row(1, split=None)), tmp_path / "r", "chat", facts())
    with pytest.raises(ValueError, match=r"split '\.\./x'"):
        write_release(table(row(1, split="../x")), tmp_path / "r", "chat", facts())
