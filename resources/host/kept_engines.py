"""Engines on Dagster's SQLite databases that outlive a connection, and connections, for as long as somebody keeps them.

Dagster makes an engine for each connection, which compiles every statement anew, and closes the database after each
use: the last one that closes a SQLite database writes its log back, synchronises and deletes it. A release does that
1,700 times, at 0.4 ms of CPU and, on a disk, some milliseconds each.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

KEPT_ENGINES = 64  # of the latest runs, each of which has a database of its own
KEPT_CONNECTIONS = 16  # databases of which one is kept; each takes three descriptors

_lock = threading.Lock()
_keepers = 0
_connected: dict[tuple[int, str], sa.Engine] = {}  # by process: a connection must not be used, or closed, in a fork


class _Pool(sa.QueuePool):
    """Connections that wait for their next use, whatever is done with the engine, until `close`."""

    def dispose(self) -> None:
        """Nothing: Dagster disposes of an engine after each use."""

    def recreate(self) -> "_Pool":
        """The pool itself, which goes on."""
        return self

    def close(self) -> None:
        """Close what waits."""
        super().dispose()


def create_engine(url: str, **given: Any) -> sa.Engine:  # noqa: ANN401
    """An engine for Dagster's storage; a new one where it wants what it does not want today."""
    if given.keys() - {"poolclass", "connect_args"}:
        return sa.create_engine(url, **given)
    connect_args = tuple((given.get("connect_args") or {}).items())
    with _lock:
        if _keepers:
            return _connected_engine(url, connect_args)
    return _engine(url, given.get("poolclass"), connect_args)


@contextmanager
def keep_connections() -> Iterator[None]:
    """Have a connection to each database stay open between uses, until the outermost of such contexts ends.

    Not for longer: a file that is open must not be put back from a copy, and what is copied of it lacks its log.
    """
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def _count(change: int) -> None:
    global _keepers  # noqa: PLW0603 - there is one count in a process
    with _lock:
        _keepers += change
        if not _keepers:
            for place in [place for place in _connected if place[0] == os.getpid()]:
                _close(_connected.pop(place))


@lru_cache(maxsize=KEPT_ENGINES)
def _engine(url: str, poolclass: Any, connect_args: tuple[tuple[str, Any], ...]) -> sa.Engine:  # noqa: ANN401
    return sa.create_engine(url, poolclass=poolclass, connect_args=dict(connect_args))


def _connected_engine(url: str, connect_args: tuple[tuple[str, Any], ...]) -> sa.Engine:
    place = (os.getpid(), url)
    engine = _connected.pop(place, None)
    if engine is None:
        engine = sa.create_engine(url, poolclass=_Pool, pool_size=1, max_overflow=-1, connect_args=dict(connect_args))
    _connected[place] = engine  # the latest one is the last
    mine = [place for place in _connected if place[0] == os.getpid()]
    for oldest in mine[:-KEPT_CONNECTIONS]:
        _close(_connected.pop(oldest))
    return engine


def _close(engine: sa.Engine) -> None:
    if isinstance(engine.pool, _Pool):
        engine.pool.close()
