import json
import stat
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from evergrow.methods.releasing.formats import FORMS, Form
from evergrow.resources.releases.manifest import MANIFEST, read_manifest
from evergrow.resources.releases.writing import FolderTaken, NothingToRelease, clear_away, put_back, write_release
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


def test_an_earlier_release_is_replaced_whatever_its_form_and_splits(tmp_path: Path) -> None:
    write_release(ROWS, tmp_path / "r", "parquet", facts())

    write_release(table(row(7)), tmp_path / "r", "chat", facts())

    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert names == {"README.md", "croissant.json", "funnel.svg", "manifest.json", "train.jsonl"}
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_an_empty_folder_and_a_link_to_one_will_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")

    write_release(ROWS, tmp_path / "link", "chat", facts())

    assert (tmp_path / "empty" / "manifest.json").is_file()
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("name", ["notes.txt", ".git", "README.md", "manifest.json", "train.jsonl"])
def test_what_is_not_ours_is_never_touched(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("{}")

    with pytest.raises(FolderTaken, match=name) as raised:
        write_release(ROWS, tmp_path / "mine", "chat", facts())

    assert "--out" in str(raised.value)
    assert [(path.name, path.read_text()) for path in (tmp_path / "mine").iterdir()] == [(name, "{}")]


def test_a_release_that_somebody_added_to_is_not_replaced(tmp_path: Path) -> None:
    write_release(ROWS, tmp_path / "r", "chat", facts())
    (tmp_path / "r" / "notes.txt").write_text("mine")

    with pytest.raises(FolderTaken, match=r"notes\.txt"):
        write_release(ROWS, tmp_path / "r", "chat", facts())


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(FolderTaken, match="is a file"):
        write_release(ROWS, tmp_path / "file", "chat", facts())


def test_a_release_that_fails_leaves_the_earlier_one_and_nothing_else(tmp_path: Path) -> None:
    write_release(ROWS, tmp_path / "r", "chat", facts())
    before = {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()}
    unreadable = ROWS.with_columns(picture=pl.lit(b"PNG"))

    with pytest.raises(TypeError, match="picture"):
        write_release(unreadable, tmp_path / "r", "parquet", facts())

    assert {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_what_is_found_unfit_before_it_takes_its_place_leaves_the_earlier_one_and_nothing_else(tmp_path: Path) -> None:
    write_release(ROWS, tmp_path / "r", "chat", facts())
    before = {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()}

    def refuse(part: Path) -> None:
        assert read_manifest(part).form == "parquet"  # it is whole
        raise PermissionError("unfit")

    for name in ("r", "new"):
        with pytest.raises(PermissionError, match=r"^unfit$"):
            write_release(ROWS, tmp_path / name, "parquet", facts(), check=refuse)

    assert {path.name: path.read_bytes() for path in (tmp_path / "r").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


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


def test_what_kills_left_beside_a_release_is_put_back_or_cleared_away_and_nothing_else_is(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write_release(table(row(1)), target, "chat", facts())
    before = (target / MANIFEST).read_bytes()
    target.rename(tmp_path / ".out.0123abcd.old")
    foreign = [tmp_path / name for name in (".out.old", ".out.0123abcd.old.mine", ".other.0123abcd.part")]
    for folder in (tmp_path / ".out.89abcdef.part", *foreign):
        folder.mkdir()

    put_back(target)
    assert (target / MANIFEST).read_bytes() == before
    put_back(target)
    write_release(table(row(2)), target, "chat", facts())

    assert sorted(tmp_path.iterdir()) == sorted([target, *foreign])
    put_back(tmp_path / "nowhere" / "out")
    clear_away(tmp_path / "nowhere" / "out")
