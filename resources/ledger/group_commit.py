"""Commits to the ledger in groups, on one thread, beside an event loop that goes on."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from evergrow.resources.ledger.ledger import Ledger, ReplyNote
from evergrow.resources.ledger.records import NOTHING, Amount, Call
from evergrow.resources.ledger.reservations import Charge

LINGER_S = 0.004
LARGEST_GROUP = 1000

Committed = Callable[[Call], None]


@dataclass(frozen=True, slots=True)
class _Entry:
    call: Call
    then: Committed
    cost: Amount


class GroupCommit:
    """Takes rows from an event loop and calls back on it once they are durable.

    The thread waits `LINGER_S` after the first row of a group, so that rows that come close together share a
    transaction. After a failed write nothing more is written: `failed` is called once with the error, and no `then`
    is called for a row that is not in the ledger. `holder` is whose blocks of shared limits the rows are paid from.
    """

    def __init__(self, ledger: Ledger, failed: Callable[[Exception], None], holder: str | None = None) -> None:
        self._ledger = ledger
        self._holder = holder
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Entry | ReplyNote | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def submit(self, call: Call, then: Committed, cost: Amount = NOTHING) -> None:
        """Write `call`, which cost `cost`; `then` is called on the loop with the row as it was written."""
        self._queue.put(_Entry(call, then, cost))

    def annotate(self, note: ReplyNote) -> None:
        """Write what the parser said of a reply that is in the ledger."""
        self._queue.put(note)

    async def close(self) -> None:
        """Write what is still waiting, then stop."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        open_ = True
        while open_:
            group, open_ = self._next_group()
            if not group:
                continue
            entries = [entry for entry in group if isinstance(entry, _Entry)]
            try:
                written = []
                if entries:
                    written = self._ledger.record([entry.call for entry in entries], self._charge(entries))
                if notes := [entry for entry in group if isinstance(entry, ReplyNote)]:
                    self._ledger.annotate(notes)
            except Exception as error:  # noqa: BLE001 - whatever it is, the loop has to hear of it
                self._loop.call_soon_threadsafe(self._failed, error)
                return
            self._loop.call_soon_threadsafe(_call_back, entries, written)

    def _charge(self, entries: list[_Entry]) -> Charge | None:
        if self._holder is None:
            return None
        return Charge(self._holder, sum((entry.cost for entry in entries), NOTHING))

    def _next_group(self) -> tuple[list[_Entry | ReplyNote], bool]:
        first = self._queue.get()
        if first is None:
            return [], False
        time.sleep(LINGER_S)
        group = [first]
        while len(group) < LARGEST_GROUP:
            try:
                entry = self._queue.get_nowait()
            except Empty:
                return group, True
            if entry is None:
                return group, False
            group.append(entry)
        return group, True


def _call_back(entries: list[_Entry], written: list[Call]) -> None:
    for entry, call in zip(entries, written, strict=True):
        entry.then(call)
