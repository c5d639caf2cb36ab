"""The points of a command at which it can be killed: each sync, commit, rename and send, counted as they come.

Nothing of the product knows of it: the functions are wrapped in the process that is to die.
"""

import asyncio.selector_events
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

AUDITED = {"os.rename": "rename", "os.link": "link", "os.mkdir": "mkdir", "os.remove": "remove"}


class Points:
    """Counts points; at the one that is numbered `kill_at`, from 0, the process gets a signal before it happens.

    number: the signal. kind: which points count; "": all. within: only files below this folder count. mark: a file that
    is there once the signal was sent. stop: two pipes; into the first goes each point, its kind and what it concerns,
    and it is passed once a line comes out of the second.
    """

    def __init__(
        self, kill_at: int | None, number: int, kind: str, within: str, mark: str | None, stop: Sequence[str]
    ) -> None:
        self.kill_at, self.number, self.kind, self.within = kill_at, number, kind, within
        self.count, self._lock, self._mark = 0, threading.RLock(), mark
        self._stop = (os.open(stop[0], os.O_WRONLY), os.open(stop[1], os.O_RDONLY)) if stop else None

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
            if self._stop:
                at, on = self._stop
                os.write(at, f"{kind} {what}\n".encode())
                os.read(on, 1)


def install(
    kill_at: int | None = None,
    number: int = signal.SIGKILL,
    kind: str = "",
    within: str = "/",
    mark: str | None = None,
    stop: Sequence[str] = (),
) -> None:
    """Wrap what this process does to the world from now on; without `kill_at` and `stop` nothing is wrapped."""
    if kill_at is None and not stop:
        return
    points = Points(kill_at, number, kind, within, mark, stop)
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
