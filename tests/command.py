"""The `evergrow` command as a process of its own, which a test may watch, interrupt and kill."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.world.zygote import Child, Zygote

PATIENCE_S = 240.0  # on a busy machine
LOOK_S = 0.05
COMMAND = [sys.executable, "-m", "evergrow.cli.main"]
OWN = ("EVERGROW_", "OPENAI_", "DAGSTER_")  # variables that a test sets


class Command:
    """A running command; what it prints goes to a file."""

    def __init__(self, arguments: tuple[str, ...], folder: Path, zygote: Zygote | None) -> None:
        self.log = folder / "output.txt"
        self.process: subprocess.Popen[bytes] | Child
        if zygote is not None:
            self.process = zygote.start(arguments, folder, self.log, own_environment())
            return
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*COMMAND, *arguments], cwd=folder, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )

    @property
    def said(self) -> str:
        """Everything that it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> int:
        """Wait for its end; returns its exit code."""
        return self.process.wait(PATIENCE_S)

    def until(self, seen: Callable[[], bool], look_s: float = LOOK_S) -> None:
        """Wait until `seen` is true; fails if the command ends before."""
        found = False

        def look() -> bool:
            nonlocal found
            ended = self.process.poll() is not None  # asked first: what it did at its end is seen all the same
            found = seen()
            return found or ended

        until(look, lambda: f"nothing to be seen; {self.said}", look_s)
        assert found, f"it ended with {self.process.returncode} before: {self.said}"

    def when(self, seen: Callable[[], bool], number: signal.Signals, look_s: float = LOOK_S) -> None:
        """Send the signal as soon as `seen` is true."""
        self.until(seen, look_s)
        self.process.send_signal(number)


def own_environment() -> dict[str, str]:
    """What a test has set for the commands that it starts."""
    return {name: value for name, value in os.environ.items() if name.startswith(OWN)}


def answer(process: Child) -> dict[str, Any]:
    """What a program has printed as JSON, beside what libraries may have said."""
    assert process.wait(PATIENCE_S) == 0, process.said
    return dict(json.loads(next(line for line in reversed(process.said.splitlines()) if line.startswith("{"))))


def begun(zygote: Zygote, program: str, *arguments: str, folder: Path) -> Child:
    """A program in Python that runs in a process of its own."""
    output = folder / f"{uuid.uuid4()}.txt"
    return zygote.start(arguments, folder, output, own_environment(), program=program)


@contextmanager
def started(*arguments: str, folder: Path, zygote: Zygote | None = None) -> Iterator[Command]:
    """A command that does not outlive the context: a fork of a process that has everything imported, if one is given.

    Without one it is started as a user does, and takes up to ten seconds of a core to import what it needs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = Command(arguments, folder, zygote)
    try:
        yield command
    finally:
        command.process.kill()
        command.process.wait()


def until(
    seen: Callable[[], bool], what: Callable[[], str], look_s: float = LOOK_S, patience_s: float = PATIENCE_S
) -> None:
    """Look until `seen` is true; fails, saying `what`, if it stays false."""
    deadline = time.monotonic() + patience_s
    while not seen():
        assert time.monotonic() < deadline, what()
        time.sleep(look_s)
