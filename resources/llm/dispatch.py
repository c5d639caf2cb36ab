"""Asks many requests at once: takes them in as room allows, sends, retries, and hands out outcomes as they come."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from evergrow.resources.ledger import ReplyNote
from evergrow.resources.llm.answer import Declined, Parse, Unusable, Usable, read_reply
from evergrow.resources.llm.attempt import Again, GivenUp, Replied, attempt
from evergrow.resources.llm.budget import BudgetReached
from evergrow.resources.llm.changes import Changes
from evergrow.resources.llm.entrance import Entrance, Permit
from evergrow.resources.llm.faults import Fault, FaultClass
from evergrow.resources.llm.job import Job, Jobs
from evergrow.resources.llm.pool import Wait
from evergrow.resources.llm.recorder import Recorder
from evergrow.resources.llm.remedies import invalid
from evergrow.resources.llm.request_source import Inbox
from evergrow.resources.llm.requests import Answered, Failed, Invalid, Outcome, Refused, Request, for_twin
from evergrow.resources.llm.reuse import reuse
from evergrow.resources.llm.store import CallStore
from evergrow.resources.llm.streaks import Streak
from evergrow.resources.llm.tally import Tally
from evergrow.resources.settings import SettingsError

T = TypeVar("T")
CHUNK = 128
WATCH_S = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What all passes of one engine share."""

    jobs: Jobs
    store: CallStore
    entrance: Entrance
    recorder: Recorder
    tally: Tally
    changes: Changes


class Dispatch(Generic[T]):
    """One pass over an iterable of requests.

    A bounded window of requests is held at a time: from when one is taken from the iterable until its outcome was
    handed out. All methods run on the event loop. Waiting for a retry, for a rate or for money holds no place.
    """

    def __init__(self, parts: Parts, requests: Iterable[Request] | Inbox, parse: Parse[T]) -> None:
        self._parts = parts
        self._source: Inbox | Iterator[Request] = requests if isinstance(requests, Inbox) else iter(requests)
        self._parse = parse
        self._ready: deque[Job] = deque()
        self._by_key: dict[str, Job] = {}
        self._helpers: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: deque[Outcome[T]] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._changed = parts.changes.join()
        self._window = 4 * CHUNK
        self._held = self.taken = self._delayed = 0
        self._busy_since = time.monotonic()
        self._exhausted = False
        self._error: Exception | None = None
        self._streak = Streak()

    async def outcomes(self) -> AsyncGenerator[Outcome[T]]:
        """Outcomes as they become known.

        Raises:
            EndpointError, BudgetReached, SettingsError: after every outcome that was paid for is handed out.
            LedgerError: at once, for nothing more can be saved.
        """
        self._helpers = [asyncio.create_task(work) for work in (self._take_in(), self._send(), self._watch())]
        try:
            while True:
                while self._results:
                    outcome = self._results.popleft()
                    self._held -= 1
                    if self._held <= self._window - CHUNK:
                        self._room.set()
                    yield outcome
                if self._over():
                    break
                self._news.clear()
                await self._news.wait()
            if self._error is None and self._streak.barren:
                self._error = self._parts.tally.hopeless(self._streak)
            if self._error:
                raise self._error
        finally:
            await self.close()

    async def close(self) -> None:
        """Send nothing more and leave what is in flight; replies that came are saved nevertheless."""
        self._parts.changes.part(self._changed)
        await _cancel([*self._helpers, *self._tasks])

    def waits(self) -> str:
        """What is waited for, in a few words; "" for nothing."""
        waiting = (
            (len(self._tasks), "asked"),
            (self._delayed, "to be asked again after a pause"),
            (len(self._ready), "queued"),
        )
        words = [f"{count:,} {what}" for count, what in waiting if count]
        return f"waiting: {', '.join(words)}" if words else ""

    def stop(self, error: Exception) -> None:
        """Send nothing more; what is in flight is waited for and handed out, then `error` is raised."""
        if self._error is None:
            self._error = error
        self._ready.clear()
        self._room.set()
        self._news.set()

    def _over(self) -> bool:
        if self._error is not None:
            return self._parts.store.failed or not self._tasks
        return self._exhausted and self._held == 0

    async def _send(self) -> None:
        """Send what is ready whenever there may be places and money for it."""
        while True:
            wait = self._send_ready()
            if wait is None:
                await self._changed.wait()
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
            self._changed.clear()
            if self._parts.changes.error is not None:
                self.stop(self._parts.changes.error)

    def _send_ready(self) -> float | None:
        """Send as much as may be sent; seconds until there may be room, None if something has to come back first."""
        while self._ready and self._error is None:
            try:
                permit = self._parts.entrance.admit(self._ready[0])
            except (BudgetReached, SettingsError) as error:
                self.stop(error)
                return None
            if isinstance(permit, Wait):
                return permit.seconds
            self._parts.tally.sent()
            task = asyncio.create_task(self._way(self._ready.popleft(), permit))
            self._tasks.add(task)
            task.add_done_callback(self._gone)
        return None

    def _gone(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.stop(error if isinstance(error, Exception) else RuntimeError(str(error)))
        self._news.set()

    async def _take_in(self) -> None:
        try:
            while self._error is None:
                if self._held > self._window - CHUNK:
                    self._room.clear()
                    await self._room.wait()
                    continue
                chunk = await self._next_chunk()
                if not chunk:
                    break
                self._held += len(chunk)
                self.taken += len(chunk)
                await self._begin(chunk)
                self._changed.set()
        except Exception as error:  # noqa: BLE001 - raised again by `outcomes`, where the caller sees it
            self.stop(error)
        self._exhausted = True
        self._news.set()

    async def _next_chunk(self) -> list[Request]:
        if isinstance(self._source, Inbox):
            return await self._source.take(CHUNK)
        return list(islice(self._source, CHUNK))

    async def _begin(self, chunk: list[Request]) -> None:
        """Answer from the ledger what it holds, and make the rest ready to be sent."""
        jobs = []
        for job in map(self._parts.jobs.job, chunk):
            if twin := self._by_key.get(job.key):
                twin.twins.append(job.request)
            else:
                # Before the ledger is read: whoever comes later either shares this job or finds its reply there.
                self._by_key[job.key] = job
                jobs.append(job)
        store = self._parts.store
        stored = await store.stored([job.key for job in jobs])
        for job in jobs:
            job.begin(stored.draws.get(job.key, 0))
            reused = reuse(job, stored.replies.get(job.key, []), self._parser(job), store.drew)
            if reused is None:
                self._window = max(self._window, 2 * await self._parts.entrance.reach(job.request.role) + CHUNK)
                if not self._ready:
                    self._busy_since = time.monotonic()
                self._ready.append(job)
            else:
                self._settle(job, reused.outcome)
                if reused.note:
                    store.annotate(reused.note)

    async def _way(self, job: Job, permit: Permit) -> None:
        """A request's way from its permit to what follows from its reply, which is durable before it is read."""
        store, entrance = self._parts.store, self._parts.entrance
        step = await attempt(entrance, self._parts.recorder, job, permit)
        if isinstance(step, Replied):
            call = await store.commit(step.call, step.cost)
            self._parts.tally.paid(call)
            self._read(job, permit, step, call.call_id, call.run_id)
            entrance.leave(permit)
            return
        if step.lost is not None:
            store.keep(step.lost, permit.held)
        entrance.leave(permit)
        match step:
            case Again(after_s):
                self._parts.tally.retried()
                self._delayed += 1
                asyncio.get_running_loop().call_later(after_s, self._ready_again, job)
            case GivenUp(call=row, fault=fault, remedy=remedy, halt=halt):
                if halt:
                    self.stop(halt)
                call = await store.commit(row)
                self._settle(job, _given_up(job, call.call_id, fault, remedy))

    def _read(self, job: Job, permit: Permit, replied: Replied, call_id: str, run_id: str) -> None:
        """What a durable reply is worth: an outcome, or another turn."""
        completion, server, model = replied.completion, permit.place.server, job.role.model or ""
        verdict = read_reply(completion, job.request, self._parser(job))
        match verdict:
            case Usable():
                if server.works(model, replied.takes):
                    self._parts.store.remember(server, model)
                named, thoughts = completion.model or model, completion.thoughts
                answered = Answered(job.request, verdict.value, call_id, named, run_id, cached=False, thoughts=thoughts)
                self._settle(job, answered)
            case Declined():
                self._settle(job, Refused(job.request, call_id, verdict.reason))
            case Unusable():
                self._parts.store.annotate(ReplyNote(call_id, "invalid", verdict.reason))
                if job.request.schema is not None and verdict.formal:
                    server.disappoints(model, replied.takes)
                if not verdict.futile and job.proceed(completion.text, verdict.reason, repairable=verdict.repairable):
                    self._ready.appendleft(job)  # what is begun goes first: it holds room in the window
                else:
                    helps = invalid(verdict.reason, server.name, job.request.role)
                    self._settle(job, Invalid(job.request, call_id, verdict.reason, helps, futile=verdict.futile))

    def _parser(self, job: Job) -> Parse[T]:
        return job.request.parse or self._parse

    def _ready_again(self, job: Job) -> None:
        self._delayed -= 1
        if self._error is None:
            self._ready.appendleft(job)
            self._changed.set()

    def _settle(self, job: Job, outcome: Outcome[T]) -> None:
        self._by_key.pop(job.key, None)
        for each in (outcome, *(for_twin(outcome, twin) for twin in job.twins)):
            self._results.append(each)
            self._parts.tally.settled(each)
            self._streak.note(each)
        if self._streak.hopeless:
            self.stop(self._parts.tally.hopeless(self._streak))
        self._news.set()

    async def _watch(self) -> None:
        """End the run when nothing is answered for longer than the settings' patience."""
        while True:
            await asyncio.sleep(WATCH_S)
            if not self._by_key:
                self._busy_since = time.monotonic()
            elif error := self._parts.entrance.stalled(next(iter(self._by_key.values())), self._busy_since):
                self.stop(error)
                await _cancel(list(self._tasks))
                return


def _given_up(job: Job, call_id: str, fault: Fault, remedy: str) -> Refused | Failed:
    if fault.kind is FaultClass.FILTERED:
        return Refused(job.request, call_id, fault.message)
    return Failed(job.request, call_id, fault.kind.value, fault.message, remedy)


async def _cancel(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
