"""The points of a command at which it can be killed: each sync, commit, rename and send, counted as they come.

Nothing of the product knows of it: the functions are wrapped in the process that is to die.
"""

import asyncio.selector_events
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

AUDITED = {"os.rename": "rename", "os.link": "link", "os.mkdir": "mkdir", "os.remove": "remove"}


class Points:
    """Counts points; at the one that is numbered `kill_at`, from 0, the process gets a signal before it happens.

    number: the signal. kind: which points count; "": all. log: a file that gets a line for each point: its kind, and
    what it concerns. within: only files below this folder count. mark: a file that is there once the signal was sent.
    """

    def __init__(
        self, kill_at: int | None, number: int, kind: str, log: str | None, within: str, mark: str | None
    ) -> None:
        self.kill_at, self.number, self.kind, self.within = kill_at, number, kind, within
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if log else -1
        self.count, self._lock, self._mark = 0, threading.RLock(), mark

    def reached(self, kind: str, what: str = "") -> None:
        """Count a point."""
        if self.kind and kind != self.kind:
            return
        with self._lock:
            if self.count == self.kill_at:
                if self._mark:
                    os.close(os.open(self._mark, os.O_WRONLY | os.O_CREAT))
                os.kill(os.getpid(), self.number)
            self.count += 1
            if self.log >= 0:
                os.write(self.log, f"{kind} {what}\n".encode())


def install(
    kill_at: int | None = None,
    number: int = signal.SIGKILL,
    kind: str = "",
    log: str | None = None,
    within: str = "/",
    mark: str | None = None,
) -> None:
    """Wrap what this process does to the world from now on; without `kill_at` and `log` nothing is wrapped."""
    if kill_at is None and log is None:
        return
    points = Points(kill_at, number, kind, log, within, mark)
    _on_audit(points)
    _wrap(os, "fsync", lambda *_: points.reached("fsync"))
    sa.event.listen(sa.Engine, "commit", lambda connection: points.reached("commit", str(connection.engine.url)))
    transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    for name in ("write", "writelines"):
        _wrap(transport, name, lambda *_: points.reached("send"))


def _on_audit(points: Points) -> None:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        kind = AUDITED.get(event)
        if kind and os.fsdecode(arguments[0]).startswith(points.within):
            points.reached(kind, os.fsdecode(arguments[0]))

    sys.addaudithook(hook)


def _wrap(owner: Any, name: str, before: Callable[..., None]) -> None:
    plain = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        before(*arguments)
        return plain(*arguments, **named)

    setattr(owner, name, wrapped)
