"""Progress of long work: bars on a terminal, calm lines in a run's log."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

CALM_S = 10.0


class Advance(Protocol):
    """Called whenever work was done: `steps` more of the total, and what stands worth saying, in a few words."""

    def __call__(self, steps: int = 1, note: str = "") -> None:
        """Count `steps` and show `note`."""


class Progress(Protocol):
    """Where progress is shown."""

    def track(self, label: str, total: int) -> AbstractContextManager[Advance]:
        """Show `label` with `total` steps until the context ends."""


class CalmProgress:
    """Progress as lines: one every `CALM_S` seconds and one at the end. `write` is given each of them."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    @contextmanager
    def track(self, label: str, total: int) -> Iterator[Advance]:
        """Write of `label`'s progress until the context ends."""
        started = last = time.monotonic()
        done, latest = 0, ""

        def line() -> str:
            return (
                f"{label}: {done:,} of {total:,} in {time.monotonic() - started:.0f} s{' - ' if latest else ''}{latest}"
            )

        def advance(steps: int = 1, note: str = "") -> None:
            nonlocal done, latest, last
            done, latest = done + steps, note or latest
            if time.monotonic() - last >= CALM_S:
                last = time.monotonic()
                self._write(line())

        try:
            yield advance
        finally:
            self._write(line())


class LogProgress(CalmProgress):
    """Progress as lines of a log."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger.info)
