"""A file of the lake is what its name says, or it is refused by name."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evergrow.resources.lake import remote
from evergrow.resources.lake.content_files import DamagedFile, Files
from evergrow.resources.lake.remote import StoreUnreachable
from tests.properties import examples

HOMES = ["plain", "st*ar", "br[ab]ck", "a?b", "%41", "{x}", "ü ö"]
CONTENT = b"some content" * 100


@pytest.fixture(params=[*HOMES, "memory://"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param != "memory://":
        return Files(tmp_path / request.param / "lake")
    _empty_memory()
    return Files("memory://lake")


def _empty_memory() -> None:
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


def overwrite(files: Files, path: str, data: bytes | None) -> None:
    """As a disk or a careless person does."""
    fs, where = fsspec.core.url_to_fs(files.locate(path) if files.local is None else f"file://{files.locate(path)}")
    if files.local:
        where = files.locate(path)
    if data is None:
        fs.rm_file(where)
    else:
        fs.pipe_file(where, data)


def test_equal_content_is_one_file_and_can_be_read_back(files: Files) -> None:
    first = files.put_bytes("a/b", ".txt", CONTENT)
    again = files.put_bytes("a/b", ".txt", CONTENT)
    other = files.put_bytes("a/b", ".txt", b"other")

    assert first == again != other
    assert files.get(first) == CONTENT
    assert list(files.names("a/b")) == sorted(Path(path).name for path in (first, other))
    assert list(files.names("a/none")) == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (None, "is gone"),
        (b"", "was changed or cut"),
        (CONTENT[:-1], "was changed or cut"),
        (CONTENT[:500] + b"X" + CONTENT[501:], "was changed or cut"),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_mended_by_the_next_write(
    files: Files, damage: bytes | None, words: str
) -> None:
    path = files.put_bytes("a", ".txt", CONTENT)
    assert files.get(path) == CONTENT
    overwrite(files, path, damage)

    assert words in str(files.damage(path))
    with pytest.raises(DamagedFile, match=f"{Path(path).name} {words}.*evergrow scrub"):
        files.get(path)
    assert files.put_bytes("a", ".txt", CONTENT) == path
    assert files.damage(path) is None
    assert files.get(path) == CONTENT
    assert list(files.names("a")) == [Path(path).name]


@pytest.mark.parametrize("home", HOMES)
def test_files_lie_in_their_own_folder_whatever_it_is_called(tmp_path: Path, home: str) -> None:
    for name in ("star", "brack", "brbck", "axb", "A"):
        (tmp_path / name).mkdir()
    Files(tmp_path / home).put_bytes("a", ".txt", CONTENT)
    assert len(list((tmp_path / home / "a").iterdir())) == 1


@given(place=st.integers(0, 8 * len(CONTENT) - 1))
@settings(max_examples=examples(50), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_no_flipped_bit_stays_unseen(tmp_path: Path, place: int) -> None:
    writer = Files(tmp_path)
    path = writer.put_bytes("a", ".txt", CONTENT)
    data = bytearray(CONTENT)
    data[place // 8] ^= 1 << place % 8
    (tmp_path / path).write_bytes(data)
    assert Files(tmp_path).damage(path)
    assert writer.damage(path)
    shutil.rmtree(tmp_path / "a")


@pytest.mark.parametrize("fault", [OSError("No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_nothing(files: Files, fault: BaseException) -> None:
    def write(file: object) -> None:
        raise fault

    with pytest.raises(type(fault)):
        files.put("a", ".txt", write)
    assert list(files.names("a")) == []


def test_what_a_killed_writer_left_is_swept_once_no_writer_can_be_at_it(tmp_path: Path) -> None:
    files = Files(tmp_path)
    kept = files.put_bytes("a", ".txt", CONTENT)
    for name, hours in (("old", 25), ("new", 1)):
        part = tmp_path / "a" / f".{name}.part"
        part.write_bytes(CONTENT)
        os.utime(part, (time.time() - hours * 3600,) * 2)

    assert files.sweep() == 1

    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [".new.part", Path(kept).name]
    assert files.get(kept) == CONTENT


def test_what_a_killed_reader_left_among_the_copies_is_swept(tmp_path: Path) -> None:
    _empty_memory()
    files = Files("memory://lake", tmp_path / "copies")
    kept = files.put_bytes("a", ".txt", CONTENT)
    for name, hours in (("old", 25), ("new", 1)):
        part = tmp_path / "copies" / f".{name}.part"
        part.write_bytes(CONTENT)
        os.utime(part, (time.time() - hours * 3600,) * 2)

    assert files.sweep() == 1

    assert [path.name for path in (tmp_path / "copies").glob(".*.part")] == [".new.part"]
    assert files.get(kept) == CONTENT


def test_a_copy_that_goes_while_they_are_counted_harms_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _empty_memory()
    gone = Files("memory://lake", tmp_path / "copies").put_bytes("a", ".txt", CONTENT)
    look = Path.stat

    def looked(path: Path, **options: bool) -> os.stat_result:
        found = look(path, **options)
        if path == tmp_path / "copies" / gone:  # another process makes room
            path.unlink()
        return found

    files = Files("memory://lake", tmp_path / "copies")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", looked)
        path = files.put_bytes("a", ".txt", b"other")

    assert not (tmp_path / "copies" / gone).exists()
    assert files.damage(path) is None
    assert files.get(gone) == CONTENT


def test_an_upload_that_is_cut_off_never_lies_under_the_name_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    fs = fsspec.filesystem("memory")
    _empty_memory()
    files = Files("memory://lake")
    monkeypatch.setattr(remote, "PAUSE_S", 0.0)
    put: Callable[..., None] = type(fs).put

    def torn(self: object, source: str, target: str, **options: object) -> None:
        put(self, source, target, **options)
        fs.pipe_file(target, fs.cat_file(target)[:10])
        raise ConnectionError("the line went down")

    with monkeypatch.context() as patch:
        patch.setattr(type(fs), "put", torn)
        with pytest.raises(StoreUnreachable, match="the line went down"):
            files.put_bytes("a", ".txt", CONTENT)
    assert fs.find("/lake") == []
    assert files.get(files.put_bytes("a", ".txt", CONTENT)) == CONTENT
