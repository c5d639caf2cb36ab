import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from evergrow.resources.host.home import Home, HomeError, atomic_write

ENSURE = """
import sys
from pathlib import Path
from evergrow.resources.host.home import Home
Home(Path(sys.argv[1])).ensure()
"""


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Root may write everywhere: permissions mean something to others only."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own is root's alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting takes a privilege that this user lacks")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_new_home_has_every_folder_and_a_dagster_instance_without_telemetry(tmp_path: Path) -> None:
    home = Home(tmp_path / "new" / "home").ensure()
    for folder in (home.lake, home.inbox, home.exports, home.logs, home.locks, home.dagster):
        assert folder.is_dir()
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.run_monitoring_enabled
        # Two sensors that look at once would both load the seeds of a new batch.
        assert instance.get_settings("sensors") == {"use_threads": True, "num_workers": 1}
        instance.add_dynamic_partitions("batch", ["a"])
        assert instance.get_dynamic_partitions("batch") == ["a"]


def test_ensuring_twice_changes_nothing_and_a_configuration_of_ones_own_stays(tmp_path: Path) -> None:
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    Home(tmp_path).ensure()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.suffix == ".db"}
    Home(tmp_path).ensure()
    assert (tmp_path / "dagster" / "dagster.yaml").read_text() == "telemetry: {enabled: true}\n"
    assert before
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_processes_that_make_one_home_together_do_not_break_it(tmp_path: Path) -> None:
    makers = [subprocess.Popen([sys.executable, "-c", ENSURE, str(tmp_path / "home")]) for _ in range(3)]
    assert [maker.wait() for maker in makers] == [0, 0, 0]


def test_a_dagster_configuration_that_dagster_refuses_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text("telemetri: {enabled: true}\n")
    with pytest.raises(HomeError, match=r"telemetri(.|\n)*dagster\.yaml, or delete it"):
        Home(tmp_path).ensure()


@pytest.mark.parametrize("below", ["", "home"])
def test_a_file_where_the_home_should_be_is_named_with_the_remedy(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError, match=r"file.*a file is in the way.*EVERGROW_HOME"):
        Home(tmp_path / "file" / below).ensure()


def test_a_home_that_may_not_be_written_is_named_with_the_remedy(open_folder: Path) -> None:
    home = Home(open_folder / "home").ensure()
    home.lake.chmod(0o555)
    with as_ordinary_user(), pytest.raises(HomeError, match=r"home/lake.*permissions.*EVERGROW_HOME"):
        home.ensure()


def test_a_home_that_may_not_be_created_is_named_with_the_remedy(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with as_ordinary_user(), pytest.raises(HomeError, match=r"home.*permissions.*EVERGROW_HOME"):
        Home(open_folder / "home").ensure()


def test_a_full_disk_is_named_with_the_remedy(small_disk: Path) -> None:
    home = Home(small_disk / "home")
    home.inbox.mkdir(parents=True)
    with pytest.raises(OSError, match="No space left"):
        (home.inbox / "big").write_bytes(b"x" * 100_000)
    with pytest.raises(HomeError, match=r"home.*disk is full; free space there"):
        home.ensure()


def test_a_limit_on_file_sizes_is_named_with_the_remedy(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(HomeError, match=r"home.*ulimit -f"):
            Home(tmp_path / "home").ensure()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_writing_replaces_the_whole_file_or_nothing(tmp_path: Path) -> None:
    target = tmp_path / "file"
    atomic_write(target, b"old" * 10_000)
    code = (
        "import sys; from pathlib import Path; from evergrow.resources.host.home import atomic_write\n"
        "print('on', flush=True)\n"
        "while True:\n"
        "    atomic_write(Path(sys.argv[1]), b'new' * 1_000_000)\n"
        "    atomic_write(Path(sys.argv[1]), b'old' * 10_000)\n"
    )
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        for _ in range(20):
            assert target.read_bytes() in {b"old" * 10_000, b"new" * 1_000_000}
        writer.kill()
        writer.communicate()
        assert target.read_bytes() in {b"old" * 10_000, b"new" * 1_000_000}


def test_a_write_that_fails_leaves_the_old_content_and_no_other_file(small_disk: Path) -> None:
    atomic_write(small_disk / "file", b"old")
    with pytest.raises(OSError, match="No space left"):
        atomic_write(small_disk / "file", b"x" * 100_000)
    assert (small_disk / "file").read_bytes() == b"old"
    assert [path.name for path in small_disk.iterdir()] == ["file"]
