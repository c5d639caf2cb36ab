"""Engines on Dagster's SQLite databases that outlive a connection, and connections, for as long as somebody keeps them.

Dagster makes an engine for each connection, which compiles every statement anew, and closes the database after each
use: the last one that closes a SQLite database writes its log back, synchronises and deletes it. A release does that
1,700 times, at 0.4 ms of CPU and, on a disk, some milliseconds each.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

KEPT_ENGINES = 64  # of the latest runs, each of which has a database of its own
KEPT_CONNECTIONS = 16  # databases of which one is kept; each takes three descriptors

Arguments = tuple[tuple[str, Any], ...]


class _Pool(sa.QueuePool):
    """Connections that wait for their next use, whatever is done with the engine, until `close`."""

    _closed = False

    def dispose(self) -> None:
        """Nothing: Dagster disposes of an engine after each use."""

    def recreate(self) -> "_Pool":
        """The pool itself, which goes on."""
        return self

    def close_idle(self) -> None:
        """Close what waits."""
        super().dispose()

    def close(self) -> None:
        """Close what waits, and what is in use as soon as it is given back."""
        self._closed = True
        self.close_idle()

    def _do_return_conn(self, record: sa.pool.ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        if self._closed:
            self.close_idle()


@dataclass
class _Kept:
    """An engine whose pool keeps connections, and which file they are on: None while it is not there."""

    engine: sa.Engine
    pool: _Pool
    file: tuple[int, int] | None


_lock = threading.Lock()
_keepers = 0
_kept: dict[tuple[str, Arguments], _Kept] = {}  # the latest used is the last


def create_engine(url: str, **given: Any) -> sa.Engine:  # noqa: ANN401
    """An engine for Dagster's storage; one for other options than it has today is made, and not kept."""
    if given.keys() - {"poolclass", "connect_args"} or given.get("poolclass") not in (None, sa.NullPool):
        return sa.create_engine(url, **given)
    arguments = tuple((given.get("connect_args") or {}).items())
    with _lock:
        if _keepers:
            return _keeping(url, arguments)
    return _engine(url, arguments)


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
            while _kept:
                _kept.popitem()[1].pool.close()


@lru_cache(maxsize=KEPT_ENGINES)
def _engine(url: str, arguments: Arguments) -> sa.Engine:
    return sa.create_engine(url, poolclass=sa.NullPool, connect_args=dict(arguments))


def _keeping(url: str, arguments: Arguments) -> sa.Engine:
    kept, file = _kept.pop((url, arguments), None), _file(url)
    if kept is not None and kept.file not in (None, file):  # deleted, or replaced by another, beneath its connection
        kept.pool.close()
        kept = None
    if kept is None:
        engine = sa.create_engine(url, poolclass=_Pool, pool_size=1, max_overflow=-1, connect_args=dict(arguments))
        assert isinstance(engine.pool, _Pool)
        kept = _Kept(engine, engine.pool, file)
    kept.file = file
    _kept[url, arguments] = kept
    while len(_kept) > KEPT_CONNECTIONS:
        _kept.pop(next(iter(_kept))).pool.close()
    return kept.engine


def _file(url: str) -> tuple[int, int] | None:
    try:
        found = _path(url).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@lru_cache(maxsize=KEPT_ENGINES)
def _path(url: str) -> Path:
    return Path(sa.make_url(url).database or "")


def _before_fork() -> None:
    """Close what waits: a child would take locks that this process holds for its own, and take none."""
    _lock.acquire()
    for kept in _kept.values():
        kept.pool.close_idle()


os.register_at_fork(before=_before_fork, after_in_parent=_lock.release, after_in_child=_lock.release)
