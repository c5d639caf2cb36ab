"""A full disk is one sentence, whichever store meets it: the lake, the ledger, the registry, exports, Dagster's own."""

import errno
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa

from evergrow.cli.main import main
from evergrow.resources.embedding.vector_store import VectorStore
from evergrow.resources.host.full_disk import DiskFullError, full_disk, naming_full_disk
from evergrow.resources.host.home import Home, HomeError
from evergrow.resources.lake.content_files import Files
from evergrow.resources.lake.files_out import write_table
from evergrow.resources.ledger import LedgerError
from evergrow.resources.ledger.database import connect
from evergrow.resources.registry.bans import Ban, remember
from evergrow.resources.registry.registry import Registry
from evergrow.resources.releases.writing import write_release
from tests.releases import facts, row, table

SENTENCE = r"cannot be written: .*; .*, then repeat the command: what was saved stays, and nothing is paid twice"
BIG = b"x" * 400_000


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB, which may be full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def lake(folder: Path) -> None:
    Files(folder).put_bytes("seeds", ".bin", BIG)


def vectors(folder: Path) -> None:
    numbers = np.random.default_rng(0).random((300, 384), dtype=np.float32)
    VectorStore(Files(folder)).keep("model", [sha256(bytes([n % 256, n // 256])).digest() for n in range(300)], numbers)


def parquet(folder: Path) -> None:
    write_table(pl.LazyFrame({"x": [os.urandom(64).hex() for _ in range(8_000)]}), folder / "x.parquet")


def lines(folder: Path) -> None:
    write_table(pl.LazyFrame({"x": ["x" * 1_000] * 1_000}), folder / "x.jsonl")


def export(folder: Path) -> None:
    write_release(
        table(*(row(n, response=os.urandom(2_000).hex()) for n in range(200))), folder / "out", "chat", facts()
    )


def registry(folder: Path) -> None:
    with closing(Registry(connect(f"sqlite:///{folder / 'ledger.sqlite'}"), Files(folder / "lake"))) as opened:
        remember(opened, [Ban("seed", f"{n}-{'x' * 200}") for n in range(4_000)])


STORES = {"lake": lake, "vectors": vectors, "parquet": parquet, "lines": lines, "export": export, "registry": registry}


@pytest.mark.parametrize("store", STORES)
def test_a_full_disk_is_one_sentence_that_names_the_store(small_disk: Path, store: str) -> None:
    with pytest.raises((DiskFullError, LedgerError), match=SENTENCE) as raised:
        STORES[store](small_disk)

    assert str(small_disk) in str(raised.value)
    assert "the disk is full" in str(raised.value)
    assert not list(small_disk.rglob("*.part")), "what was begun is taken away"


@pytest.mark.parametrize("store", STORES)
def test_a_limit_on_files_is_the_same_sentence(tmp_path: Path, store: str) -> None:
    with files_of_at_most(200_000), pytest.raises((DiskFullError, LedgerError), match=SENTENCE) as raised:
        STORES[store](tmp_path)

    assert str(tmp_path) in str(raised.value)


def test_dagsters_storage_and_the_home_say_it_too_and_the_command_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s.jsonl").write_text('{"content": "x = 1"}\n')
    monkeypatch.chdir(tmp_path)
    with files_of_at_most(1_000), pytest.raises(HomeError, match=SENTENCE):
        Home(tmp_path / "none").ensure()
    assert main(["seeds", "add", "s.jsonl", "--batch", "b"]) == 0
    capsys.readouterr()

    with files_of_at_most(40_000):
        assert main(["run", "--batch", "b"]) == 1

    said = capsys.readouterr().err
    assert f"Dagster's storage {tmp_path}/home/dagster cannot be written" in said
    assert "nothing is paid twice" in said


def test_the_store_is_named_and_other_errors_pass() -> None:
    with (
        pytest.raises(DiskFullError, match="the file /dev/full cannot be written: the disk is full"),
        naming_full_disk("the file /dev/full"),
    ):
        Path("/dev/full").write_bytes(b"x")
    with pytest.raises(FileNotFoundError), naming_full_disk("the file"):
        Path("/no/such/file").write_bytes(b"x")


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), errno.ENOSPC),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), errno.EDQUOT),
        (pl.exceptions.ComputeError("could not write: No space left on device (os error 28)"), errno.ENOSPC),
        (sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full")), errno.ENOSPC),
        (sa.exc.OperationalError("INSERT", {}, Exception("could not extend: No space left on device")), errno.ENOSPC),
        (OSError(errno.EACCES, "Permission denied"), None),
        (ValueError("the table is full of nulls"), None),
    ],
)  # fmt: skip
def test_what_databases_and_libraries_say_is_understood(error: Exception, number: int | None) -> None:
    assert full_disk(error) == number
    wrapped = RuntimeError("it failed")
    wrapped.__cause__ = error
    assert full_disk(wrapped) == number
