"""A lake on an object store: what is read is what was written, whatever the network does, or it is refused by name."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from evergrow.resources.lake import remote
from evergrow.resources.lake.content_files import DamagedFile, Files
from evergrow.resources.lake.remote import ATTEMPTS, OPTIONS, StoreUnreachable
from tests.object_store import BUCKET, ObjectStore, Proxy, forget_clients, variables

CONTENT = b"some content" * 10_000


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    pytest.importorskip("s3fs")
    started = ObjectStore()
    yield started
    started.close()


@pytest.fixture
def proxy(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What stands before the empty store, without faults yet."""
    store.reset()
    started = Proxy(store.url)
    for name, value in variables(started.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(remote, "PAUSE_S", 0.01)
    forget_clients()
    yield started
    started.close()
    forget_clients()


@pytest.fixture
def files(proxy: Proxy, tmp_path: Path) -> Files:
    return Files(f"s3://{BUCKET}/evergrow", tmp_path / "copies")


def elsewhere(files: Files, tmp_path: Path) -> Files:
    """The same files as another machine has them."""
    return Files(files.locate(""), tmp_path / "other")


def test_a_file_is_brought_here_once_and_then_only_asked_after(files: Files, proxy: Proxy, tmp_path: Path) -> None:
    path = files.put_bytes("a", ".txt", CONTENT)
    other = elsewhere(files, tmp_path)
    assert other.get(path) == CONTENT
    brought = proxy.seen["GET"]

    for again in (files, other, elsewhere(files, tmp_path)):
        assert again.get(path) == CONTENT
    assert proxy.seen["GET"] == brought
    assert list(files.walk()) == [path]


def test_a_table_is_scanned_lazily_from_its_verified_copy(files: Files, tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": range(1000), "b": ["x"] * 1000})
    path, _ = files.put("t", ".parquet", frame.write_parquet)

    scan = pl.scan_parquet(elsewhere(files, tmp_path).copy(path), glob=False).select("a").filter(pl.col("a") < 3)

    assert "PROJECT 1/2 COLUMNS" in scan.explain()
    assert scan.collect()["a"].to_list() == [0, 1, 2]


@pytest.mark.parametrize("fault", ["500", "cut", "slow"])
def test_a_read_that_fails_for_a_while_is_tried_again(
    files: Files, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    path = files.put_bytes("a", ".txt", CONTENT)
    monkeypatch.setitem(OPTIONS["s3"]["config_kwargs"], "read_timeout", 1)
    forget_clients()
    other = elsewhere(files, tmp_path)
    proxy.faults["GET", fault] = 2

    assert other.get(path) == CONTENT
    assert proxy.faults["GET", fault] == 0


@pytest.mark.parametrize("fault", ["500", "torn"])
def test_a_write_that_fails_for_a_while_is_tried_again(files: Files, proxy: Proxy, tmp_path: Path, fault: str) -> None:
    proxy.faults["PUT", fault] = 2

    path = files.put_bytes("a", ".txt", CONTENT)

    assert proxy.faults["PUT", fault] == 0
    assert elsewhere(files, tmp_path).get(path) == CONTENT


@pytest.mark.parametrize(("method", "word"), [("PUT", "written"), ("GET", "read"), ("HEAD", "read")])
def test_a_store_that_stays_down_is_named_after_a_bounded_number_of_attempts(
    files: Files, proxy: Proxy, tmp_path: Path, method: str, word: str
) -> None:
    path = files.put_bytes("a", ".txt", CONTENT)
    other = elsewhere(files, tmp_path)
    proxy.faults[method, "500"] = 1000
    before = proxy.seen[method]

    with pytest.raises(StoreUnreachable, match=f"s3://{BUCKET}/.* could not be {word} in {ATTEMPTS} attempts"):
        other.put_bytes("a", ".txt", b"else") if method == "PUT" else other.get(path)

    assert proxy.seen[method] - before <= ATTEMPTS
    proxy.faults.clear()
    assert list(other.names("a")) == [Path(path).name]
    assert other.get(path) == CONTENT


def test_an_object_that_was_changed_is_refused_wherever_a_copy_lies_and_mended_by_the_next_write(
    files: Files, tmp_path: Path
) -> None:
    import s3fs  # noqa: PLC0415 - an extra

    path = files.put_bytes("a", ".txt", CONTENT)
    other = elsewhere(files, tmp_path)
    assert other.get(path) == CONTENT
    s3fs.S3FileSystem().pipe_file(files.locate(path), CONTENT[:-1] + b"X")

    for reader in (files, other, elsewhere(files, tmp_path)):
        with pytest.raises(DamagedFile, match="was changed or cut"):
            reader.get(path)
    assert files.put_bytes("a", ".txt", CONTENT) == path
    assert other.get(path) == CONTENT


def test_a_copy_that_was_changed_on_this_machine_is_never_served(files: Files, tmp_path: Path) -> None:
    path = files.put_bytes("a", ".txt", CONTENT)
    (tmp_path / "copies" / path).write_bytes(b"something else")

    again = Files(files.locate(""), tmp_path / "copies")

    assert again.get(path) == CONTENT


def test_copies_that_were_not_used_for_longest_make_room(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "IN_USE_S", -1.0)
    small = Files(files.locate(""), tmp_path / "small", most_copied=3 * len(CONTENT))
    paths = [small.put_bytes("a", ".txt", CONTENT + str(n).encode()) for n in range(6)]

    kept = {path.name for path in (tmp_path / "small" / "a").glob("*.txt")}

    assert kept == {Path(path).name for path in paths[-2:]}
    assert [small.get(path)[-1:] for path in paths] == [str(n).encode() for n in range(6)]


def test_missing_credentials_are_said_at_once(
    files: Files, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    forget_clients()

    with pytest.raises(StoreUnreachable, match=r"could not be read: .*[Cc]redentials"):
        elsewhere(files, tmp_path).put_bytes("b", ".txt", b"x")
    assert proxy.seen["PUT"] == 0
