"""Progress of long work: bars on a terminal, calm lines in a run's log."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

CALM_S = 10.0


class Advance(Protocol):
    """Called whenever work was done: `steps` more of the total, and what stands worth saying, in a few words."""

    def __call__(self, steps: int = 1, note: str = "", total: int | None = None) -> None:
        """Count `steps` and show `note`; `total`: how many steps there are as it is known now, None as before."""


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
        """Write of `label`'s progress until the context ends; nothing where there was nothing to do."""
        started = last = time.monotonic()
        done, latest, of, said = 0, "", total, (-1, -1)

        def say() -> None:
            nonlocal last, said
            last, said = time.monotonic(), (done, of)
            self._write(f"{label}: {done:,} of {of:,} in {last - started:.0f} s{' - ' if latest else ''}{latest}")

        def advance(steps: int = 1, note: str = "", total: int | None = None) -> None:
            nonlocal done, latest, of
            done, latest = done + steps, note or latest
            of = max(done, of if total is None else total)
            if time.monotonic() - last >= CALM_S:
                say()

        try:
            yield advance
        finally:
            if of and said != (done, of):  # the last line may have said already that all is done
                say()


class LogProgress(CalmProgress):
    """Progress as lines of a log."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger.info)
