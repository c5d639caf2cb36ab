"""Shows how one asking gets on: its outcomes as they come, and what it waits for while none comes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from evergrow.resources.host.progress import Advance
from evergrow.resources.llm.tallies import Pace

SHOW_S = 0.2
QUIET_S = 5.0  # without an outcome, after which it is said what is waited for


class Asking(Protocol):
    """A pass over requests."""

    @property
    def taken(self) -> int:
        """Requests that it has taken in so far."""

    def waits(self) -> str:
        """What it waits for, in a few words; "" for nothing."""


@asynccontextmanager
async def shown(advance: Advance, pace: Pace, asking: Asking) -> AsyncIterator[Callable[[], None]]:
    """Gives what is to be called at each outcome.

    The total is what was expected, and more once more was asked: what follows from answers can only be guessed. At the
    end it is what there was, unless an error came before.
    """
    unseen, shown_at = 0, time.monotonic()

    def show(note: str, total: int) -> None:
        nonlocal unseen, shown_at
        advance(unseen, note, total)
        unseen, shown_at = 0, time.monotonic()

    def count() -> None:
        nonlocal unseen
        unseen += 1
        if time.monotonic() - shown_at >= SHOW_S:
            show(pace.note(), pace.expect(asking.taken))

    async def tell() -> None:
        while True:
            await asyncio.sleep(QUIET_S)
            if time.monotonic() - shown_at >= QUIET_S:
                show(", ".join(filter(None, (pace.note(left=False), asking.waits()))), pace.expect(asking.taken))

    teller = asyncio.create_task(tell())
    total = None
    try:
        yield count
        total = asking.taken
    finally:
        teller.cancel()
        await asyncio.gather(teller, return_exceptions=True)
        expected = pace.expect(asking.taken)
        show(pace.note(left=False), expected if total is None else total)
