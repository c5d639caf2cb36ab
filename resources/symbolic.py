"""Comparing expressions that a model wrote: in a process of its own, which may hang, crash or ask for all memory."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

MODULE = "evergrow.resources.symbolic_worker"
READY = "ready"
LIMIT_S = 3.0
MEMORY_BYTES = 2 * 2**30
LOG_CHARS_SHOWN = 500


class SymbolicError(Exception):
    """Expressions cannot be compared on this machine; the message tells why."""


class Symbolic:
    """Compares expressions, one pair at a time, in a process that is started when needed; open it with `symbolic`.

    `given_up` counts the pairs that took too long or too much memory: they count as different.
    """

    def __init__(self, limit_s: float, log: IO[str]) -> None:
        self._limit_s, self._log = limit_s, log
        self._worker: subprocess.Popen[str] | None = None
        self.given_up = 0

    def same(self, first: str, second: str) -> bool:
        """Whether the two are equal, as `methods.verification.maths.equal` has it.

        Raises:
            SymbolicError: the process does not start.
        """
        worker = self._worker or self._start()
        answer = _ask(worker, json.dumps([first, second]))
        if not answer:
            self.close()
            self.given_up += 1
        return answer == "true"

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._worker is not None:
            self._worker.kill()
            self._worker.communicate()
            self._worker = None

    def _start(self) -> subprocess.Popen[str]:
        worker = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", MODULE, str(self._limit_s), str(MEMORY_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._worker = worker
        if _ask(worker, "") != READY:
            self.close()
            self._log.seek(0)
            said = self._log.read()[-LOG_CHARS_SHOWN:].strip()
            raise SymbolicError(f"expressions cannot be compared: the process that does it ends with: {said}")
        return worker


@contextmanager
def symbolic(limit_s: float = LIMIT_S) -> Iterator[Symbolic]:
    """A comparison of expressions for the time of the context; `limit_s` is the longest for one pair, seconds."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        comparing = Symbolic(limit_s, log)
        try:
            yield comparing
        finally:
            comparing.close()


def _ask(worker: "subprocess.Popen[str]", line: str) -> str:
    """The worker's next line, after `line` if there is any; empty if it has ended."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        if line:
            worker.stdin.write(f"{line}\n")
            worker.stdin.flush()
    except BrokenPipeError:
        return ""
    return worker.stdout.readline().strip()
