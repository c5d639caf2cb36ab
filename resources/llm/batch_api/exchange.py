"""Asks through a Batch API: answers what the ledger holds, hands in the rest, and ends with `AwaitingBatch`."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Generic, TypeVar

from evergrow.methods.text.counts import counted
from evergrow.resources.ledger import Pending, ReplyNote, StoredReply, SubmissionLine
from evergrow.resources.llm import rendering
from evergrow.resources.llm.answer import Parse, Unusable, read_reply
from evergrow.resources.llm.batch_api.submission_writer import SubmissionWriter
from evergrow.resources.llm.batch_api.waiting import AwaitingBatch
from evergrow.resources.llm.budget import BudgetReached
from evergrow.resources.llm.dispatch import Parts
from evergrow.resources.llm.faults import EndpointError, Fault, FaultClass
from evergrow.resources.llm.job import Job
from evergrow.resources.llm.prices import price_of
from evergrow.resources.llm.remedies import remedy
from evergrow.resources.llm.reply import Completion, read_completion
from evergrow.resources.llm.requests import Failed, Outcome, Refused, Request
from evergrow.resources.llm.reuse import reuse
from evergrow.resources.llm.streaks import Streak
from evergrow.resources.llm.upstream import Server
from evergrow.resources.settings import Settings, SettingsError

T = TypeVar("T")
CHUNK = 128
PASSING = (FaultClass.TRANSIENT, FaultClass.LIMIT, FaultClass.ANSWERS, FaultClass.PARAMETER)


def one_mode(settings: Settings, requests: Iterable[Request]) -> tuple[str, Iterator[Request]]:
    """The mode of the roles that `requests` name, and the requests, which must all be of that mode.

    Raises:
        SettingsError: (while they are read) roles that are asked together have different modes.
    """
    iterator = iter(requests)
    first = next(iterator, None)
    if first is None:
        return "live", iter(())
    mode = settings.role(first.role).mode

    def checked() -> Iterator[Request]:
        known = {first.role}
        for request in chain([first], iterator):
            if request.role not in known:
                if settings.role(request.role).mode != mode:
                    raise SettingsError(f"roles.{request.role}.mode must be {mode}, as roles.{first.role}.mode is")
                known.add(request.role)
            yield request

    return mode, checked()


class OfflineAsking(Generic[T]):
    """One pass over an iterable of requests, a chunk at a time.

    Repair turns and fresh draws are asked as live: an answer that cannot be read makes the next pass hand in what is
    asked after it, up to the role's draws. A request whose line failed for a reason that may pass is handed in again,
    up to the endpoint's attempts. The step ends by `AwaitingBatch` as long as any answer is still to come.
    """

    def __init__(
        self, parts: Parts, settings: Settings, writer: SubmissionWriter, requests: Iterator[Request], parse: Parse[T]
    ) -> None:
        self._parts, self._settings, self._writer = parts, settings, writer
        self._source, self._parse = requests, parse
        self._servers: dict[str, Server] = {}
        self._asked: set[str] = set()
        self._left = self.taken = 0
        self._changed = parts.changes.join()
        self._out_of_money: BudgetReached | None = None
        self._error: Exception | None = None
        self._streak = Streak()

    async def outcomes(self) -> AsyncGenerator[Outcome[T]]:
        """Outcomes that are known.

        Raises:
            AwaitingBatch: answers are still to come.
            EndpointError, SettingsError: no request can succeed, or the Batch API does not take them.
            BudgetReached: a limit leaves no room for a single request more, and no answer is still to come.
            LedgerError: nothing more can be saved.
        """
        await self._writer.open()
        while self._error is None and (chunk := list(islice(self._source, CHUNK))):
            self.taken += len(chunk)
            for outcome in await self._take(chunk):
                yield outcome
        if self._error is not None:
            await self._writer.forget_drafts()
            raise self._error
        for role in await self._writer.begun_roles():
            await self._server(role)
        await self._writer.hand_in(self._servers)
        await self._writer.go_on(close_failures=not self._left)
        if self._left and (waiting := await self._writer.waiting()):
            raise AwaitingBatch(waiting, str(self._out_of_money or ""))
        if self._out_of_money:
            raise self._out_of_money

    def waits(self) -> str:
        """What is waited for, in a few words; "" for nothing."""
        return (
            f"{counted(self._left, 'answers of a Batch API are', 'answer of a Batch API is')} to come"
            if self._left
            else ""
        )

    def stop(self, error: Exception) -> None:
        """Hand in nothing more, and raise `error`."""
        self._error = self._error or error

    async def close(self) -> None:
        """Nothing here runs on beside `outcomes`."""
        self._parts.changes.part(self._changed)

    async def _take(self, chunk: list[Request]) -> list[Outcome[T]]:
        """What is known of a chunk; the rest of it goes to the desk."""
        jobs = [self._parts.jobs.job(request) for request in chunk]
        stored = await self._parts.store.stored([job.key for job in jobs])
        ours = await self._writer.answered([reply.call_id for replies in stored.replies.values() for reply in replies])
        known, unknown = [], []
        for job in jobs:
            job.begin(stored.draws.get(job.key, 0))
            replies = stored.replies.get(job.key, [])
            reused = reuse(job, replies, job.request.parse or self._parse, lambda reply: reply.call_id in ours)
            if reused is None:
                self._blame(job, replies)
                unknown.append(job)
                continue
            known.append(reused.outcome)
            if reused.note:
                self._parts.store.annotate(reused.note)
        pending = await self._writer.pending([job.call_id for job in unknown])
        for job in unknown:
            outcome = await self._follow(job, pending.get(job.call_id))
            if outcome is None:
                self._left += 1
            else:
                known.append(outcome)
        for outcome in known:
            self._parts.tally.settled(outcome)
            self._streak.note(outcome)
        if self._streak.hopeless:
            self.stop(self._parts.tally.hopeless(self._streak))
        return known

    def _blame(self, job: Job, replies: list[StoredReply]) -> None:
        """Write down why replies that nobody has read before cannot be used."""
        for reply in replies:
            completion = read_completion(reply.reply) if reply.error_class is None else None
            if isinstance(completion, Completion):
                verdict = read_reply(completion, job.request, job.request.parse or self._parse)
                if isinstance(verdict, Unusable):
                    self._parts.store.annotate(ReplyNote(reply.call_id, "invalid", verdict.reason))

    async def _follow(self, job: Job, pending: Pending | None) -> Outcome[T] | None:
        """What became of a request that the ledger does not answer; None if its answer is still to come."""
        if job.call_id in self._asked or (pending and pending.open):
            return None
        if pending is None:
            await self._hand_over(job)
            return None
        kind, message = FaultClass(pending.error_class), pending.error_message
        if kind is FaultClass.ENDPOINT:
            await self._writer.go_on(close_failures=True)
            self.stop(
                EndpointError(
                    f"endpoint {job.role.endpoints[0]!r} cannot be used: {message}; mend that, then run again"
                )
            )
            return None
        if kind in PASSING and pending.failures < self._settings.endpoints[job.role.endpoints[0]].attempts:
            await self._hand_over(job)
            return None
        if kind is FaultClass.FILTERED:
            return Refused(job.request, job.call_id, message)
        name = job.role.endpoints[0]
        helps = remedy(Fault(kind, message), name, self._settings.endpoints[name], job.request.role)
        return Failed(job.request, job.call_id, kind.value, message, helps)

    async def _hand_over(self, job: Job) -> None:
        """Set aside what `job` may cost and put it on the desk, unless the budget is used up."""
        if self._out_of_money or self._error:
            return
        model = job.role.model or ""
        want = self._parts.entrance.worst_case(job)
        price = price_of(self._settings, model)
        want = replace(want, usd=want.usd * (price.batch_factor if price else 1.0))
        try:
            while not self._parts.entrance.reserve(want):
                self._changed.clear()
                await self._changed.wait()  # for live requests of this step that are in flight
                if self._parts.changes.error is not None:
                    raise self._parts.changes.error
        except BudgetReached as reached:
            self._out_of_money = reached
            return
        self._parts.entrance.set_aside(want)
        server = await self._server(job.request.role)
        takes = replace(server.takes(model), stream=False)
        body = rendering.body(
            job.request, job.role, server.endpoint, rendering.AskedAnswer(takes, job.draw, job.repair)
        )
        line = SubmissionLine(
            *(job.call_id, job.key, job.request.slot, job.draw, job.turn, job.request.prompt_version, body),
            *(want.tokens, want.usd),
        )
        self._asked.add(job.call_id)
        await self._writer.add(line, server, job.request.role, model)

    async def _server(self, role: str) -> Server:
        if role not in self._servers:
            await self._parts.entrance.reach(role)
            self._servers[role] = self._parts.entrance.first_server(role)
        return self._servers[role]
