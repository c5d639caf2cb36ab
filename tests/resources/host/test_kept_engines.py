import os
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from evergrow.resources.host.kept_engines import KEPT_CONNECTIONS, create_engine, keep_connections

INSERT, COUNT = sa.text("INSERT INTO t VALUES (1)"), sa.text("SELECT count(*) FROM t")


def used(path: Path) -> int:
    """Use a database as Dagster does; returns how many rows it has then."""
    engine = create_engine(f"sqlite:///{path}", poolclass=sa.NullPool, connect_args={"timeout": 60})
    with engine.connect() as connection, connection.begin():
        connection.execute(INSERT)
        count = int(connection.execute(COUNT).scalar_one())
    engine.dispose()
    return count


def is_open(path: Path) -> bool:
    """Whether this process has the file open."""
    return any(fd.resolve() == path.resolve() for fd in Path("/proc/self/fd").iterdir())


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return made(tmp_path / "a.db")


def made(path: Path) -> Path:
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text("PRAGMA journal_mode=WAL"))
        connection.execute(sa.text("CREATE TABLE t (x INTEGER)"))
        connection.commit()
    return path


def test_a_database_that_nobody_keeps_is_closed_and_whole_after_each_use(database: Path) -> None:
    assert used(database) == 1

    assert not is_open(database)
    assert not database.with_name("a.db-wal").exists()


def test_a_kept_database_stays_open_until_the_outermost_keeper_ends(database: Path) -> None:
    with keep_connections():
        with keep_connections():
            assert [used(database) for _ in range(3)] == [1, 2, 3]
        assert is_open(database)
        assert used(database) == 4

    assert not is_open(database)
    assert not database.with_name("a.db-wal").exists()
    assert used(database) == 5


def test_a_database_that_was_deleted_beneath_its_keeper_is_made_anew(database: Path) -> None:
    with keep_connections():
        assert [used(database), used(database)] == [1, 2]
        for path in database.parent.iterdir():
            path.unlink()
        made(database)
        assert used(database) == 1

    assert used(database) == 2


def test_what_was_asked_for_under_a_keeper_and_is_used_after_it_is_closed(database: Path) -> None:
    with keep_connections():
        engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        connection.execute(COUNT)
    engine.dispose()

    assert not is_open(database)


def test_a_database_in_use_that_others_displace_is_closed_after_it(tmp_path: Path) -> None:
    first, *others = [made(tmp_path / f"{n}.db") for n in range(KEPT_CONNECTIONS + 1)]
    with keep_connections():
        with create_engine(f"sqlite:///{first}").connect() as connection:
            for database in others:
                used(database)
            connection.execute(COUNT)

        assert not is_open(first)


def test_only_the_latest_databases_are_kept_open(tmp_path: Path) -> None:
    databases = [made(tmp_path / f"{n}.db") for n in range(KEPT_CONNECTIONS + 2)]
    with keep_connections():
        for database in databases:
            used(database)

        assert [is_open(database) for database in databases] == [False, False, *[True] * KEPT_CONNECTIONS]


def test_a_connection_in_use_when_its_keeper_ends_is_finished_with(database: Path) -> None:
    begun, ended = threading.Event(), threading.Event()

    def hold() -> None:
        engine = create_engine(f"sqlite:///{database}", connect_args={"timeout": 60})
        with engine.connect() as connection, connection.begin():
            begun.set()
            ended.wait(60)
            connection.execute(INSERT)

    with keep_connections():
        other = threading.Thread(target=hold)
        other.start()
        assert begun.wait(60)
    ended.set()
    other.join()

    assert not is_open(database)
    assert used(database) == 2


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_takes_a_connection_of_its_own(database: Path) -> None:
    with keep_connections():
        used(database)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            code = 99
            try:
                used(database)
                os.read(read, 1)  # until the parent has let go of the database
                code = used(database)
            finally:
                os._exit(code)
        assert used(database) in (2, 3)
    os.write(write, b".")
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 4
    assert used(database) == 5
    with sa.create_engine(f"sqlite:///{database}").connect() as connection:
        assert connection.execute(sa.text("PRAGMA integrity_check")).scalar_one() == "ok"
