"""Asks many requests at once: takes them in as room allows, sends, retries, and hands out outcomes as they come."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from evergrow.resources.ledger import NOTHING, Amount, Call, Verdict
from evergrow.resources.llm.answer import Declined, Parse, Unusable, Usable, read_reply
from evergrow.resources.llm.attempt import Again, GivenUp, Permit, Replied, attempt
from evergrow.resources.llm.budget import BudgetReached
from evergrow.resources.llm.conversation import Inbox
from evergrow.resources.llm.faults import Fault, FaultClass
from evergrow.resources.llm.job import Job
from evergrow.resources.llm.pool import Wait
from evergrow.resources.llm.remedies import invalid
from evergrow.resources.llm.requests import Answered, Failed, Invalid, Outcome, Refused, Request, for_twin
from evergrow.resources.llm.reuse import reuse
from evergrow.resources.llm.streaks import Streak
from evergrow.resources.settings import SettingsError

if TYPE_CHECKING:
    from evergrow.resources.llm.engine import Engine

T = TypeVar("T")
CHUNK = 128
WATCH_S = 1.0


class Asking(Generic[T]):
    """One pass over an iterable of requests.

    A bounded window of requests is held at a time: from when one is taken from the iterable until its outcome was
    handed out. All methods run on the event loop. Waiting for a retry, for a rate or for money holds no place.
    """

    def __init__(self, engine: "Engine", requests: Iterable[Request] | Inbox, parse: Parse[T]) -> None:
        self._engine = engine
        self._source: Inbox | Iterator[Request] = requests if isinstance(requests, Inbox) else iter(requests)
        self._parse = parse
        self._ready: deque[Job] = deque()
        self._by_key: dict[str, Job] = {}
        self._helpers: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: deque[Outcome[T]] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._window = 4 * CHUNK
        self._held = 0
        self._uncommitted = 0
        self._busy_since = time.monotonic()
        self._exhausted = False
        self._error: Exception | None = None
        self._closed = False
        self._streak = Streak()

    async def outcomes(self) -> AsyncGenerator[Outcome[T]]:
        """Outcomes as they become known.

        Raises:
            EndpointError, BudgetReached, SettingsError: after every outcome that was paid for is handed out.
            LedgerError: at once, for nothing more can be saved.
        """
        self._helpers = [asyncio.create_task(self._take_in()), asyncio.create_task(self._watch())]
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
                self._error = self._engine.hopeless(self._streak)
            if self._error:
                raise self._error
        finally:
            await self.close()

    async def close(self) -> None:
        """Send nothing more and leave what is in flight; replies that came are saved nevertheless."""
        self._closed = True
        self._look_again(None)
        await _cancel([*self._helpers, *self._tasks])

    def stop(self, error: Exception) -> None:
        """Send nothing more; what is in flight is waited for and handed out, then `error` is raised."""
        if self._error is None:
            self._error = error
        self._ready.clear()
        self._room.set()
        self._news.set()

    def dispatch(self) -> None:
        """Send what is ready, as far as there are places and money."""
        while self._ready and self._error is None and not self._closed:
            try:
                permit = self._engine.admit(self._ready[0])
            except (BudgetReached, SettingsError) as error:
                self.stop(error)
                return
            if isinstance(permit, Wait):
                self._look_again(permit.seconds)
                return
            self._go(self._attempt(self._ready.popleft(), permit))

    def _look_again(self, seconds: float | None) -> None:
        """Dispatch again when time has made room; what comes back dispatches anyway."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = None if seconds is None else loop.call_later(seconds, self.dispatch)

    def _over(self) -> bool:
        if self._error is not None:
            return self._engine.ledger_failed or not (self._tasks or self._uncommitted)
        return self._exhausted and self._held == 0

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
                await self._begin(chunk)
                self.dispatch()
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
        for job in map(self._engine.job, chunk):
            if twin := self._by_key.get(job.key):
                twin.twins.append(job.request)
            else:
                # Before the ledger is read: whoever comes later either shares this job or finds its reply there.
                self._by_key[job.key] = job
                jobs.append(job)
        stored = await self._engine.stored([job.key for job in jobs])
        for job in jobs:
            job.begin(stored.draws.get(job.key, 0))
            reused = reuse(job, stored.replies.get(job.key, []), self._parser(job), self._engine.drew)
            if reused is None:
                self._window = max(self._window, 2 * await self._engine.reach(job.request.role) + CHUNK)
                if not self._ready:
                    self._busy_since = time.monotonic()
                self._ready.append(job)
            else:
                self._settle(job, reused.outcome)
                if reused.verdict:
                    self._engine.verdict(reused.verdict)

    async def _attempt(self, job: Job, permit: Permit) -> None:
        match await attempt(self._engine, job, permit):
            case Replied() as replied:
                self._save(replied.call, partial(self._replied, job, permit, replied), replied.cost)
                return
            case Again(after_s):
                asyncio.get_running_loop().call_later(after_s, self._ready_again, job)
            case GivenUp(call, fault, remedy, halt):
                self._save(call, partial(self._gave_up, job, fault, remedy))
                if halt:
                    self.stop(halt)
        self._engine.leave(permit)

    def _go(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._attempted)

    def _attempted(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.stop(error if isinstance(error, Exception) else RuntimeError(str(error)))
        self._news.set()

    def _save(self, call: Call, then: "partial[None]", cost: Amount = NOTHING) -> None:
        self._uncommitted += 1
        self._engine.commit(call, partial(self._saved, then), cost)

    def _saved(self, then: "partial[None]", call: Call) -> None:
        self._uncommitted -= 1
        try:
            then(call)
        except Exception as error:  # noqa: BLE001 - a caller's parser failed: raised again by `outcomes`
            self.stop(error)
        self._news.set()

    def _replied(self, job: Job, permit: Permit, replied: Replied, call: Call) -> None:
        """The reply is durable: read it, and give its place back."""
        completion, server, model = replied.completion, permit.place.server, job.role.model or ""
        self._engine.paid(call)
        verdict = read_reply(completion, job.request, self._parser(job))
        match verdict:
            case Usable():
                if server.works(model, replied.takes):
                    self._engine.remember(server, model)
                named = completion.model or model
                self._settle(
                    job,
                    Answered(
                        job.request,
                        verdict.value,
                        call.call_id,
                        named,
                        call.run_id,
                        cached=False,
                        thoughts=completion.thoughts,
                    ),
                )
            case Declined():
                self._settle(job, Refused(job.request, call.call_id, verdict.reason))
            case Unusable():
                self._engine.verdict(Verdict(call.call_id, "invalid", verdict.reason))
                if job.request.schema is not None and verdict.formal:
                    server.disappoints(model, replied.takes)
                if not verdict.futile and job.proceed(completion.text, verdict.reason, repairable=verdict.repairable):
                    self._ready.appendleft(job)  # what is begun goes first: it holds room in the window
                else:
                    helps = invalid(verdict.reason, server.name, job.request.role)
                    self._settle(job, Invalid(job.request, call.call_id, verdict.reason, helps, futile=verdict.futile))
        self._engine.leave(permit)

    def _parser(self, job: Job) -> Parse[T]:
        return job.request.parse or self._parse

    def _gave_up(self, job: Job, fault: Fault, remedy: str, call: Call) -> None:
        if fault.kind is FaultClass.FILTERED:
            self._settle(job, Refused(job.request, call.call_id, fault.message))
        else:
            self._settle(job, Failed(job.request, call.call_id, fault.kind.value, fault.message, remedy))

    def _ready_again(self, job: Job) -> None:
        if self._error is None:
            self._ready.appendleft(job)
            self.dispatch()

    def _settle(self, job: Job, outcome: Outcome[T]) -> None:
        self._by_key.pop(job.key, None)
        for each in (outcome, *(for_twin(outcome, twin) for twin in job.twins)):
            self._results.append(each)
            self._engine.settled(each)
            self._streak.note(each)
        if self._streak.hopeless:
            self.stop(self._engine.hopeless(self._streak))
        self._news.set()

    async def _watch(self) -> None:
        """End the run when nothing is answered for longer than the settings' patience."""
        while True:
            await asyncio.sleep(WATCH_S)
            if not self._by_key:
                self._busy_since = time.monotonic()
            elif error := self._engine.stalled(next(iter(self._by_key.values())), self._busy_since):
                self.stop(error)
                await _cancel(list(self._tasks))
                return


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
