from pathlib import Path

import polars as pl
import pytest

from evergrow.resources.releases.folders import FolderTaken, clear_away, put_back
from evergrow.resources.releases.manifest import MANIFEST, read_manifest
from evergrow.resources.releases.writing import write_release
from tests.releases import facts, row, table

ROWS = table(row(2), row(10), row(1, split="test"), row(4, response=None))


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
