"""Vectors are found again, whoever wrote them, in whatever order, and none that was damaged is used."""

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evergrow.resources.embedding import vector_store
from evergrow.resources.embedding.vector_store import VectorStore
from evergrow.resources.lake.content_files import Files
from tests.properties import examples

WIDTH = 5


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def rows(numbers: list[int]) -> np.ndarray:
    return np.array([[number + part / 8 for part in range(WIDTH)] for number in numbers], dtype=np.float32)


def keep(store: VectorStore, *numbers: int, model: str = "m") -> None:
    store.keep(model, [key(n) for n in numbers], rows(list(numbers)))


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.arrow"))


@pytest.mark.parametrize("place", ["folder", "memory://vectors"])
def test_what_is_kept_is_found_in_the_order_that_is_asked_for(tmp_path: Path, place: str) -> None:
    fsspec.filesystem("memory").store.clear()
    files = Files(tmp_path) if place == "folder" else Files(place)
    store = VectorStore(files)
    assert not store.find("m", [key(1)]).known.any()
    keep(store, 1, 2, 3)
    keep(VectorStore(files), 9)

    for reader in (store, VectorStore(files)):
        found = reader.find("m", [key(n) for n in (9, 5, 1, 1, 3)])
        assert found.known.tolist() == [True, False, True, True, True]
        assert np.array_equal(found.vectors, rows([9, 1, 1, 3]))
        assert not reader.find("another", [key(1)]).known.any()
        assert reader.find("m", []).known.shape == (0,)


@given(groups=st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=5), max_size=12))
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_merged_files_hold_what_the_small_ones_held(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("lake")
    store, watching = VectorStore(Files(folder)), VectorStore(Files(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vector_store, "MANY_FILES", 3)
        for group in groups:
            keep(store, *group)
            assert watching.find("m", [key(n) for n in group]).known.all()
    every = list(range(31))
    expected = sorted({n for group in groups for n in group})
    for reader in (store, watching, VectorStore(Files(folder))):
        found = reader.find("m", [key(n) for n in every])
        assert np.flatnonzero(found.known).tolist() == expected
        assert np.array_equal(found.vectors, rows(expected)) or not expected
    assert len(files_of(folder)) <= 4


def test_writers_at_once_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_store, "MANY_FILES", 8)

    def write(start: int) -> None:
        store = VectorStore(Files(tmp_path))
        for number in range(start, 80, 2):
            keep(store, number, number + 1)

    with ThreadPoolExecutor(8) as pool:  # four at each half
        list(pool.map(write, [0, 1] * 4))
    found = VectorStore(Files(tmp_path)).find("m", [key(n) for n in range(80)])
    assert found.known.all()
    assert np.array_equal(found.vectors, rows(list(range(80))))


@pytest.mark.parametrize("many", [1, 64])
def test_texts_that_are_longer_than_the_model_reads_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(vector_store, "MANY_FILES", many)
    store = VectorStore(Files(tmp_path))
    store.keep("m", [key(1), key(2)], rows([1, 2]), np.array([True, False]))
    keep(store, 3)
    store.keep("m", [key(4)], rows([4]), np.array([True]))
    found = VectorStore(Files(tmp_path)).find("m", [key(n) for n in (3, 4, 5, 1, 2)])
    assert found.longer.tolist() == [False, True, False, True, False]


def test_files_that_do_not_say_whether_texts_are_longer_are_read(tmp_path: Path) -> None:
    keep(VectorStore(Files(tmp_path)), 1)
    (written,) = files_of(tmp_path)
    table = pa.ipc.open_file(written).read_all().drop_columns("longer")

    def write(file: IO[bytes]) -> None:
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)

    written.unlink()
    Files(tmp_path).put(str(written.parent.relative_to(tmp_path)), ".arrow", write)
    found = VectorStore(Files(tmp_path)).find("m", [key(1)])
    assert (found.known.tolist(), found.longer.tolist()) == ([True], [False])


def test_keys_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    one, other = bytes(32), bytes(31) + b"\x01"
    store = VectorStore(Files(tmp_path))
    store.keep("m", [one], rows([1]))
    assert store.find("m", [other]).known.tolist() == [False]
    assert store.find("m", [one]).known.tolist() == [True]


def test_a_damaged_file_counts_as_not_there_and_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(VectorStore(Files(tmp_path)), 1)
    keep(VectorStore(Files(tmp_path)), 2)
    damaged = files_of(tmp_path)[0]
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)

    with caplog.at_level(logging.WARNING):
        known = VectorStore(Files(tmp_path)).find("m", [key(1), key(2)]).known
    assert sorted(known.tolist()) == [False, True]
    assert damaged.name in caplog.text

    keep(VectorStore(Files(tmp_path)), 1)
    keep(VectorStore(Files(tmp_path)), 2)
    assert VectorStore(Files(tmp_path)).find("m", [key(1), key(2)]).known.all()


def test_counting_what_is_kept_reads_no_vector(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(VectorStore(Files(tmp_path)), 1, 2)
    keep(VectorStore(Files(tmp_path)), 3)
    whole, cut = sorted(files_of(tmp_path), key=lambda path: -path.stat().st_size)
    data = bytearray(whole.read_bytes())
    at = data.index(rows([1, 2]).tobytes())
    data[at] ^= 1
    whole.write_bytes(data)
    cut.write_bytes(cut.read_bytes()[:40])
    keep(VectorStore(Files(tmp_path)), 9)
    store = VectorStore(Files(tmp_path))
    wanted = [key(n) for n in (1, 2, 3, 4, 9)]

    with caplog.at_level(logging.WARNING):
        assert store.known("m", wanted).tolist() == [True, True, False, False, True]
        assert not caplog.text
        assert store.find("m", wanted).known.tolist() == [False, False, False, False, True]
        assert whole.name in caplog.text


@pytest.mark.parametrize("place", ["folder", "memory://vectors"])
def test_what_is_counted_is_what_is_found(tmp_path: Path, place: str) -> None:
    fsspec.filesystem("memory").store.clear()
    store = VectorStore(Files(tmp_path) if place == "folder" else Files(place))
    assert not store.known("m", [key(1)]).any()
    keep(store, 1, 2, 3)
    wanted = [key(n) for n in (9, 5, 1, 1, 3)]
    assert (
        store.known("m", wanted).tolist() == store.find("m", wanted).known.tolist() == [False, False, True, True, True]
    )
    assert store.longer("m", wanted).tolist() == [False] * 5
    assert store.known("m", []).shape == (0,)
