"""`evergrow ui` as a user starts it: Dagster's webserver and daemon, and all that they start."""

import json
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.command import COMMAND, until

CALM_S = 120.0  # to end by itself, once asked to, on a busy machine
READY = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }"


class Live:
    """A running instance; `ask` speaks to it as the UI does."""

    def __init__(self, port: int, log: Path) -> None:
        self.url, self.log = f"http://127.0.0.1:{port}/graphql", log

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """What the webserver answers to a GraphQL query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            found = json.load(answer)
        assert not found.get("errors"), found["errors"]
        return dict(found["data"])

    def ready(self) -> bool:
        """Whether it is up and has loaded the definitions."""
        try:
            entries = self.ask(READY)["workspaceOrError"]["locationEntries"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)

    def said(self) -> str:
        """The end of what it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


def free_port() -> int:
    """A port for a server that is started after this call.

    Below those that the system hands to connections: one of the many that other tests make could take it meanwhile.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@contextmanager
def live(home: Path) -> Iterator[Live]:
    """The UI on `home`, ready; nothing of it outlives the context."""
    port = free_port()
    log = home.parent / "ui.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, "ui", "--port", str(port)],
            cwd=home.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    found = Live(port, log)
    try:
        until(lambda: found.ready() or process.poll() is not None, found.said, look_s=0.5)
        assert process.poll() is None, found.said()
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        left = _end(process, home)
    assert not left, f"Ctrl-C left {left} behind"


def _end(process: subprocess.Popen[bytes], home: Path) -> dict[int, str]:
    """Wait for the end of everything that works on `home`; what has not ended by then is killed, and returned."""
    deadline = time.monotonic() + CALM_S
    while (process.poll() is None or of_home(home)) and time.monotonic() < deadline:
        time.sleep(0.2)
    left = of_home(home)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    process.kill()
    process.wait()
    return left


def of_home(home: Path) -> dict[int, str]:
    """Processes whose environment names `home`, but for this one: their ids and command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if f"EVERGROW_HOME={home}\0".encode() in (entry / "environ").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except (OSError, UnicodeDecodeError):
            continue  # it ended meanwhile, or is another user's
    return found
