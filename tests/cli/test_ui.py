"""`evergrow ui`: it serves the project, ends quietly, and starts nothing where it cannot serve."""

import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from evergrow.cli.ui import UiError, echo, require_free
from tests.command import started, until
from tests.live import free_port, of_home

UP = 180.0


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def addresses_of(home: Path) -> set[str]:
    """Where the processes of a home listen."""
    found = set()
    for pid in of_home(home):
        with suppress(psutil.NoSuchProcess):
            connections = psutil.Process(pid).net_connections("inet")
            found |= {str(one.laddr.ip) for one in connections if one.status == psutil.CONN_LISTEN}
    return found


def asked_by_get(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/graphql?query=%7Bversion%7D", timeout=30) as answer:
        return int(answer.status)


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_it_serves_the_project_and_ends_quietly(
    tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, home = free_port(), tmp_path / "home"
    monkeypatch.setenv("EVERGROW_HOME", str(home))
    with started("ui", "--port", str(port), folder=tmp_path / "work") as ui:
        ui.until(lambda: answers(port), look_s=0.5)
        listening, by_get = addresses_of(home), asked_by_get(port)
        with started("ui", "--port", str(free_port()), folder=tmp_path / "second") as second:
            refused = second.wait()
        ui.process.send_signal(number)
        code = ui.wait()

    assert listening == {"127.0.0.1"}
    assert by_get == 200  # docs/security.md says so, and what to do
    assert (refused, second.said.count("evergrow:")) == (1, 1)
    assert f"is served already, at http://127.0.0.1:{port}: open that, or end it" in second.said
    assert code == 0
    assert "Traceback" not in ui.said
    assert "SupersessionWarning" not in ui.said
    assert f"http://127.0.0.1:{port} (Ctrl-C ends it)" in ui.said
    assert of_home(home) == {}
    assert not answers(port)


STARTING = """
import subprocess, sys
keeper = [sys.executable, "-m", "evergrow.cli.ui_keeper", sys.executable, "-c", sys.argv[1]]
subprocess.Popen(keeper, stdin=subprocess.PIPE, start_new_session=True).wait()
"""
SERVICE = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGINT, lambda *_: (pathlib.Path("asked").touch(), sys.exit()))
left = subprocess.Popen([sys.executable, "-c", "import time; print('at work', flush=True); time.sleep(3600)"])
left.wait()
"""


def test_services_end_with_a_command_that_is_killed_and_so_does_what_they_have_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path))  # by which they are found
    command = [sys.executable, "-c", STARTING, SERVICE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=tmp_path) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"at work\n"
        there = len(of_home(tmp_path))
        killed.kill()
        assert killed.stdout.read() == b""  # it comes to its end when nobody holds it any more

    until(lambda: not of_home(tmp_path), lambda: str(of_home(tmp_path)))
    assert there == 4
    assert (tmp_path / "asked").exists()


ASKED = """
import pathlib, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: (pathlib.Path("asked").touch(), sys.exit()))
print("at work", flush=True)
time.sleep(3600)
"""


def test_services_are_asked_to_end_if_their_keeper_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evergrow.cli.ui_keeper", sys.executable, "-c", ASKED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, cwd=tmp_path) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"at work\n"
        killed.kill()
        assert killed.stdout.read() == b""

    assert (tmp_path / "asked").exists()


def test_what_is_kept_ends_with_the_code_of_its_own(tmp_path: Path) -> None:
    keeper = [sys.executable, "-m", "evergrow.cli.ui_keeper", sys.executable, "-c", "raise SystemExit(3)"]
    with subprocess.Popen(keeper, stdin=subprocess.PIPE, cwd=tmp_path) as kept:
        assert kept.wait() == 3


ENDING = """
import signal, sys
print("\\x1b[32mserving\\x1b[0m", flush=True)
signal.sigwait({signal.SIGINT})
print("Traceback of a tick that lost its workspace", flush=True)
"""


def test_what_dagster_says_while_it_ends_is_not_shown(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    asked: list[int] = []
    services = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})" + ENDING],
        stdout=subprocess.PIPE,
    )
    repeating = threading.Thread(target=echo, args=(services, asked))
    repeating.start()
    said = b""

    def shown() -> bool:
        nonlocal said
        said += capfdbinary.readouterr().out
        return b"serving" in said

    until(shown, lambda: "nothing is shown")
    asked.append(signal.SIGINT)
    services.send_signal(signal.SIGINT)
    repeating.join()

    assert services.wait() == 0
    assert said + capfdbinary.readouterr().out == b"serving\n"


def test_a_port_that_is_taken_is_one_sentence_and_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("EVERGROW_HOME", str(home))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with started("ui", "--port", str(port), folder=tmp_path / "work") as ui:
            code = ui.wait()

    assert code == 1
    assert f"port {port} on 127.0.0.1 cannot be used" in ui.said
    assert "--port" in ui.said
    assert len(ui.said.strip().splitlines()) == 1
    assert of_home(home) == {}


def test_a_free_port_will_do_and_the_highest_has_a_neighbour_too() -> None:
    require_free(free_port())
    with socket.socket() as other:
        other.bind(("127.0.0.1", 65535))
        other.listen()
        with pytest.raises(UiError, match="--port 65534"):
            require_free(65535)
