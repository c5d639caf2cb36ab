"""Comparing final answers that a model wrote, in processes of their own: they may hang, crash or ask for all memory."""

import logging
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import TimeoutError as TookTooLong
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evergrow.methods.verification.maths import equal

if TYPE_CHECKING:
    from pebble import ProcessPool

LIMIT_S = 3.0
START_S = 60.0
MEMORY_BYTES = 2 * 2**30
MOST_WORKERS = 4


class SymbolicError(Exception):
    """Expressions cannot be compared on this machine; the message tells why."""


class Symbolic:
    """Compares answers, in as many processes as there are `workers`, from any thread; open it with `symbolic`.

    `given_up` counts the pairs that took too long or too much memory: they count as different.
    """

    def __init__(self, limit_s: float, start_s: float) -> None:
        self.workers = min(MOST_WORKERS, os.cpu_count() or 1)
        self.given_up = 0
        self._limit_s, self._start_s = limit_s, start_s
        self._pool: ProcessPool | None = None
        self._lock = threading.Lock()

    def same(self, first: str, second: str) -> bool:
        """Whether the two are equal, as `methods.verification.maths.equal` has it.

        Raises:
            SymbolicError: no process starts.
        """
        from pebble import ProcessExpired  # noqa: PLC0415

        pool = self._started()
        try:
            return bool(pool.schedule(equal, (first, second), timeout=self._limit_s).result())
        except (TookTooLong, MemoryError, RecursionError, ProcessExpired, BrokenProcessPool) as why:
            with self._lock:
                self.given_up += 1
                if isinstance(why, BrokenProcessPool) and self._pool is pool:
                    self._pool = None  # the next pair starts another one
            return False

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None

    def _started(self) -> "ProcessPool":
        from pebble import ProcessExpired, ProcessPool  # noqa: PLC0415 - only where answers are compared

        with self._lock:
            if self._pool is None:
                self._pool = ProcessPool(
                    self.workers,
                    initializer=_confine,
                    initargs=(MEMORY_BYTES,),
                    context=multiprocessing.get_context("spawn"),
                )
                try:
                    self._pool.schedule(equal, ("1+k", "k+1")).result(self._start_s)
                except (TookTooLong, ProcessExpired, BrokenProcessPool, OSError) as error:
                    self.close()
                    raise SymbolicError(
                        f"final answers cannot be compared: no process that does it started ({error}); "
                        "`python -c 'import sympy'` in the same environment tells why"
                    ) from error
            return self._pool


@contextmanager
def symbolic(limit_s: float = LIMIT_S, start_s: float = START_S) -> Iterator[Symbolic]:
    """A comparison of answers for the time of the context.

    Args:
        limit_s: the longest for one pair, seconds.
        start_s: the longest for the first process to start.
    """
    comparing = Symbolic(limit_s, start_s)
    try:
        yield comparing
    finally:
        comparing.close()


def _confine(memory_bytes: int) -> None:
    """Bounds a process of the pool, and loads what it takes outside of the time limit of the first pair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # ends it at once: no handler runs amid one long operation
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.WARNING)
    equal("k+1", "1+k")
