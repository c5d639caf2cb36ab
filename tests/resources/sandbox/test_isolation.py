"""What a program can reach: programs that try."""

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from evergrow.resources.sandbox.sandbox import Sandbox

KEY = "sk-live-0123456789"


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    """A web server on loopback, which counts who asks."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    asked: list[str] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = asked  # type: ignore[attr-defined]
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_a_program_reaches_no_server(sandbox: Sandbox, server: http.server.ThreadingHTTPServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}/"

    finished = sandbox.run(f"import urllib.request\nurllib.request.urlopen({url!r}, timeout=2)")

    assert finished.outcome == "error"
    assert "URLError" in finished.stderr
    assert server.asked == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["AF_INET, socket.SOCK_DGRAM", "AF_INET6, socket.SOCK_STREAM"])
def test_a_program_sends_nothing_by_other_protocols(sandbox: Sandbox, kind: str) -> None:
    finished = sandbox.run(f"import socket\nsocket.socket(socket.{kind}).connect(('localhost', 53))")

    assert finished.outcome == "error"


def test_pairs_of_sockets_work_so_that_asyncio_does(sandbox: Sandbox) -> None:
    finished = sandbox.run("import asyncio\nasync def f(): return 7\nprint(asyncio.run(f()))")

    assert (finished.outcome, finished.stdout) == ("ok", "7\n"), finished.stderr


def test_a_program_reads_no_private_file(sandbox: Sandbox, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite"
    ledger.write_text("paid replies")
    ledger.chmod(0o600)
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o011)  # it is not the folder's own permissions that protect it

    finished = sandbox.run(f"print(open({str(ledger)!r}).read())")

    assert finished.outcome == "error"
    assert "paid replies" not in finished.stdout
    assert "PermissionError" in finished.stderr or "FileNotFoundError" in finished.stderr


def test_a_program_reads_no_file_beyond_the_system_even_if_all_others_may(sandbox: Sandbox, tmp_path: Path) -> None:
    for path in ("/etc/passwd", f"/proc/{os.getpid()}/cmdline", __file__):
        assert sandbox.run(f"open({path!r}).read()").outcome == "error", path


@pytest.mark.parametrize(
    "place", ["/tmp/../evergrow-probe", "/usr/evergrow-probe", "/dev/evergrow-probe", "/packages/x", "OPEN"]
)
def test_a_program_writes_nothing_outside_its_folder(sandbox: Sandbox, tmp_path: Path, place: str) -> None:
    tmp_path.chmod(0o777)
    target = Path(place.replace("OPEN", str(tmp_path / "evergrow-probe")))

    finished = sandbox.run(f"open({str(target)!r}, 'w').write('x')")

    assert finished.outcome == "error"
    assert not target.exists()


def test_a_program_writes_into_its_folder_of_which_nothing_stays(sandbox: Sandbox) -> None:
    write = (
        "import os, tempfile\nopen('a', 'w').write('x')\ntempfile.NamedTemporaryFile().write(b'x')\nprint(os.listdir())"
    )

    first, second = sandbox.run(write), sandbox.run(write)

    assert first.outcome == second.outcome == "ok", first.stderr
    assert first.stdout == second.stdout == "['a']\n"


def test_shared_memory_is_the_program_s_own_folder(sandbox: Sandbox) -> None:
    finished = sandbox.run("open('/dev/shm/evergrow-probe', 'w').write('x')\nimport os\nprint(os.listdir('/tmp'))")

    assert finished.stdout == "['evergrow-probe']\n", finished.stderr
    assert not Path("/dev/shm/evergrow-probe").exists()


def test_a_program_sees_no_variable_of_the_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    finished = sandbox.run("import os\nprint(dict(os.environ), os.getenv('OPENAI_API_KEY'))")

    assert finished.stdout == "{} None\n"


def test_a_program_reads_no_environment_of_other_processes(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    look = f"""
import os
for pid in (os.getppid(), {os.getpid()}, *(filter(str.isdigit, os.listdir('/proc')) if os.path.isdir('/proc') else ())):
    try:
        print(open(f'/proc/{{pid}}/environ', 'rb').read())
    except OSError as error:
        print(type(error).__name__)
"""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with_key = sandbox.run(look)

    assert KEY not in with_key.stdout
    assert "Error" in with_key.stdout + with_key.stderr


def test_a_program_signals_no_process_outside(sandbox: Sandbox) -> None:
    finished = sandbox.run(f"import os\nos.kill({os.getpid()}, 0)")

    assert finished.outcome == "error"
    assert "ProcessLookupError" in finished.stderr or "PermissionError" in finished.stderr


def test_a_program_that_kills_all_it_can_does_not_pass(sandbox: Sandbox) -> None:
    finished = sandbox.run("import os\nos.kill(os.getppid(), 9)\nos.kill(-1, 9)\nprint('on')")

    assert finished.outcome in {"error", "crash", "oom"}


def test_a_program_imports_the_standard_library_and_nothing_of_evergrow_s(sandbox: Sandbox) -> None:
    assert sandbox.run("import json, sqlite3, decimal, asyncio").outcome == "ok"
    for name in ("polars", "torch", "dagster", "evergrow", "evergrow.resources"):
        assert "ModuleNotFoundError" in sandbox.run(f"import {name}").stderr
