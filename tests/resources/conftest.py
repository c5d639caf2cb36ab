"""Ledgers on SQLite and on a real PostgreSQL server of the test's own."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from evergrow.resources.lake.content_files import Files
from evergrow.resources.ledger import Ledger
from evergrow.resources.ledger.database import connect
from evergrow.resources.registry.registry import Registry


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        missing = "PostgreSQL is not installed (apt-get install postgresql)"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return found[-1].parent if found else Path(str(on_path)).parent


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of this test run's own, reached by a socket, gone afterwards."""
    with postgres() as url:
        yield url


@contextmanager
def postgres(port: int | None = None) -> Iterator[str]:
    """A PostgreSQL server, reached by a socket, and by a port of loopback if one is given; its URL by the socket."""
    binaries = _binaries()
    with tempfile.TemporaryDirectory(prefix="evergrow-postgres-") as folder:
        user = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = "postgres"
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data = f"{folder}/data"
        initdb = [str(binaries / "initdb"), "-D", data, "-U", "evergrow", "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(initdb, user=user, cwd=folder, check=True, capture_output=True)
        listening = "" if port is None else "127.0.0.1"
        options = ["-c", f"listen_addresses={listening}", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        number = [] if port is None else ["-p", str(port)]
        server = subprocess.Popen(
            [str(binaries / "postgres"), "-D", data, *options, *number],
            user=user, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        ready = [str(binaries / "pg_isready"), "-q", "-h", folder, *number]
        while subprocess.run(ready, check=False).returncode:
            assert server.poll() is None, "PostgreSQL did not start"
        try:
            at = f"host={folder}" + (f"&port={port}" if port else "")
            yield f"postgresql+psycopg://evergrow@/postgres?{at}"
        finally:
            server.send_signal(signal.SIGINT)  # ends connections; SIGTERM would wait for them
            server.wait()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty ledger of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    url = str(request.getfixturevalue("postgres_url"))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    engine.dispose()
    return url


@pytest.fixture
def registry(ledger_url: str, tmp_path: Path) -> Iterator[Registry]:
    """An empty, open registry of each kind."""
    with closing(Registry(connect(ledger_url), Files(tmp_path / "lake"))) as opened:
        yield opened


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An empty, open ledger of each kind."""
    opened = Ledger.open(ledger_url)
    yield opened
    opened.close()
