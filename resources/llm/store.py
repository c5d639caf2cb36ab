"""The way into the ledger and out of it: what it holds of requests, rows that become durable, notes on replies."""

import asyncio
from dataclasses import dataclass

from evergrow.resources.ledger import NOTHING, Amount, Call, GroupCommit, Ledger, ReplyNote, StoredReply
from evergrow.resources.llm.changes import Changes
from evergrow.resources.llm.upstream import Server


@dataclass(frozen=True, slots=True)
class Stored:
    """What the ledger holds for some requests: replies that may be used, and how many draws are taken."""

    replies: dict[str, list[StoredReply]]
    draws: dict[str, int]


class CallStore:
    """One run's view of the ledger. All methods run on the event loop that made it.

    not_before: replies older than this, epoch seconds, are not reused.
    holder: whose blocks of limits rows are paid from.
    """

    def __init__(self, ledger: Ledger, run_id: str, changes: Changes, *, not_before: float, holder: str | None) -> None:
        self.failed = False
        self._ledger, self._run_id, self._not_before, self._changes = ledger, run_id, not_before, changes
        self._notes: set[asyncio.Task[None]] = set()
        self._committer = GroupCommit(ledger, self._fails, holder)

    async def stored(self, keys: list[str]) -> Stored:
        """What the ledger holds for the requests `keys`."""
        return await asyncio.to_thread(self._look_up, keys)

    def _look_up(self, keys: list[str]) -> Stored:
        draws = self._ledger.draws(keys) if self._not_before else {}
        return Stored(self._ledger.replies(keys, self._not_before), draws)

    def drew(self, reply: StoredReply) -> bool:
        """Whether this run has asked for `reply`, so that it counts towards the draws that the run may have."""
        return reply.run_id == self._run_id

    async def commit(self, call: Call, cost: Amount = NOTHING) -> Call:
        """`call`, which cost `cost`, as it was written, once it is durable. It is written also if nobody waits."""
        durable: asyncio.Future[Call] = asyncio.get_running_loop().create_future()
        self._committer.submit(call, lambda written: None if durable.done() else durable.set_result(written), cost)
        return await durable

    def keep(self, call: Call, cost: Amount) -> None:
        """Write `call`, for which nobody waits."""
        self._committer.submit(call, lambda _: None, cost)

    def annotate(self, note: ReplyNote) -> None:
        """Write what the reader says of a stored reply."""
        self._committer.annotate(note)

    def remember(self, server: Server, model: str) -> None:
        """Keep for later runs what `model` takes at `server`."""
        note = asyncio.create_task(server.remember(model))
        self._notes.add(note)

    async def close(self) -> None:
        """Write what is still waiting."""
        # A note that could not be kept is found out again; it must not hide the error that the run ends with.
        await asyncio.gather(*self._notes, return_exceptions=True)
        await self._committer.close()

    def _fails(self, error: Exception) -> None:
        self.failed = True
        self._changes.fail(error)
