"""Asks many requests at once: takes them in as room allows, sends, retries, and hands out outcomes as they come."""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from evergrow.resources.ledger import Call, StoredReply, Verdict
from evergrow.resources.llm import rendering
from evergrow.resources.llm.client import Reply
from evergrow.resources.llm.completion import Completion, read_completion
from evergrow.resources.llm.faults import Fault, FaultClass
from evergrow.resources.llm.job import Job
from evergrow.resources.llm.requests import Answered, Failed, Invalid, Outcome, Refused, Request
from evergrow.resources.llm.server import Server
from evergrow.resources.llm.verdicts import Declined, Parse, Unusable, Usable, judge

if TYPE_CHECKING:
    from evergrow.resources.llm.engine import Engine

T = TypeVar("T")
CHUNK = 128
WINDOW_CHUNKS = 4
BACKOFF_S, BACKOFF_MAX_S = 0.5, 30.0


class Asking(Generic[T]):
    """One pass over an iterable of requests.

    A bounded window of requests is held at a time: from when one is taken from the iterable until its outcome was
    handed out. All methods run on the event loop; waiting for a retry holds no slot.
    """

    def __init__(self, engine: "Engine", requests: Iterable[Request], parse: Parse[T]) -> None:
        self._engine = engine
        self._source: Iterator[Request] = iter(requests)
        self._parse = parse
        self._ready: deque[Job] = deque()
        self._by_key: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: deque[Outcome[T]] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._held = 0
        self._uncommitted = 0
        self._exhausted = False
        self._error: Exception | None = None
        self._window = WINDOW_CHUNKS * CHUNK

    async def outcomes(self) -> AsyncGenerator[Outcome[T]]:
        """Outcomes as they become known.

        Raises:
            EndpointError, BudgetReached, LedgerError: after every outcome that is already paid for was handed out.
        """
        intake = asyncio.create_task(self._take_in())
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
            if self._error:
                raise self._error
        finally:
            await _cancel([intake, *self._tasks])

    def stop(self, error: Exception) -> None:
        """Send nothing more; what is in flight is waited for and handed out, then `error` is raised."""
        if self._error is None:
            self._error = error
        self._ready.clear()
        self._room.set()
        self._news.set()

    def dispatch(self) -> None:
        """Send what is ready to servers that have room."""
        while self._ready and self._error is None:
            job = self._ready[0]
            server = self._engine.admit(job)
            if server is None:
                return
            self._ready.popleft()
            task = asyncio.create_task(self._attempt(job, server))
            self._tasks.add(task)
            task.add_done_callback(self._attempted)

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
                chunk = list(islice(self._source, CHUNK))
                if not chunk:
                    break
                self._held += len(chunk)
                await self._begin(chunk)
                self.dispatch()
        except Exception as error:  # noqa: BLE001 - raised again by `outcomes`, where the caller sees it
            self.stop(error)
        self._exhausted = True
        self._news.set()

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
            if not self._reuse(job, stored.replies.get(job.key, [])):
                job.first_draw = min(
                    (r.draw for r in stored.replies.get(job.key, [])), default=stored.draws.get(job.key, 0)
                )
                job.draw = max(job.draw, job.first_draw)
                await self._engine.reach(job.request.role)
                self._ready.append(job)

    def _reuse(self, job: Job, replies: list[StoredReply]) -> bool:
        """Settle `job` by today's reading of replies that are held already, if they settle it."""
        last: tuple[StoredReply, str, Unusable] | None = None
        for reply in replies:
            completion = read_completion(reply.reply)
            if not isinstance(completion, Completion):
                continue
            verdict = judge(completion, job.request, self._parse)
            model = reply.model_returned or job.role.model or ""
            match verdict:
                case Usable():
                    if reply.error_class is not None:
                        self._engine.verdict(Verdict(reply.call_id, None, None))
                    self._settle(job, Answered(job.request, verdict.value, reply.call_id, model, reply.run_id, cached=True))
                    return True
                case Declined():
                    self._settle(job, Refused(job.request, reply.call_id, verdict.reason))
                    return True
                case Unusable():
                    last = last or (reply, completion.text, verdict)
        if last is None:
            return False
        reply, text, unusable = last
        return self._resume(job, replies, reply, text, unusable)

    def _resume(self, job: Job, replies: list[StoredReply], last: StoredReply, text: str, fault: Unusable) -> bool:
        """Go on after the `last` stored answer, which cannot be used; True if nothing may be asked any more."""
        job.first_draw = min(reply.draw for reply in replies)
        job.draw = last.draw
        if last.turn:
            job.repair = rendering.Repair("", "")
        if job.proceed(text, fault.reason, repairable=fault.repairable):
            return False
        self._settle(job, Invalid(job.request, last.call_id, fault.reason))
        return True

    async def _attempt(self, job: Job, server: Server) -> None:
        mode = server.mode
        job.attempts += 1
        asked_at = time.time()
        job.began = job.began or asked_at
        body = rendering.body(job.request, job.role, server.endpoint, mode, job.draw, job.repair)
        answer = await server.client.complete(body, server.model)
        if isinstance(answer, Reply):
            call = self._engine.call(job, server, body, asked_at, answer)
            self._uncommitted += 1
            self._engine.commit(call, partial(self._replied, job, server, answer.completion))
            if not server.succeeded:
                await server.confirm(mode)
        else:
            self._engine.release(server)
            self._handle(job, server, body, asked_at, mode, answer)

    def _attempted(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.stop(error if isinstance(error, Exception) else RuntimeError(str(error)))
        self._news.set()

    def _replied(self, job: Job, server: Server, completion: Completion, call: Call) -> None:
        """The reply is durable: read it."""
        self._uncommitted -= 1
        self._engine.release(server)
        self._engine.tallies.pay(call)
        verdict = judge(completion, job.request, self._parse)
        match verdict:
            case Usable():
                model = completion.model or job.role.model or ""
                self._settle(job, Answered(job.request, verdict.value, call.call_id, model, call.run_id, cached=False))
            case Declined():
                self._settle(job, Refused(job.request, call.call_id, verdict.reason))
            case Unusable():
                self._engine.verdict(Verdict(call.call_id, "invalid", verdict.reason))
                if job.proceed(completion.text, verdict.reason, repairable=verdict.repairable):
                    self._again(job)
                else:
                    self._settle(job, Invalid(job.request, call.call_id, verdict.reason))

    def _handle(self, job: Job, server: Server, body: str, asked_at: float, mode: rendering.Mode, fault: Fault) -> None:
        """What each class of fault asks for; see `FaultClass`."""
        if fault.kind is FaultClass.ENDPOINT:
            self.stop(server.error(fault))
        elif fault.kind is FaultClass.ANSWERS and server.weaken(mode):
            self._again(job)
        elif fault.kind in (FaultClass.TRANSIENT, FaultClass.LIMIT) and job.attempts < server.endpoint.attempts:
            self._engine.tallies.retries += 1
            pause = BACKOFF_S * 2 ** (job.attempts - 1) * random.uniform(0.5, 1)  # noqa: S311 - spreads retries
            asyncio.get_running_loop().call_later(fault.retry_after_s or min(pause, BACKOFF_MAX_S), self._again, job)
            self.dispatch()
            return
        if fault.kind is FaultClass.ENDPOINT or fault.kind is not FaultClass.ANSWERS:
            call = self._engine.failed_call(job, server, body, asked_at, fault)
            self._uncommitted += 1
            self._engine.commit(call, partial(self._gave_up, job, fault))
        self.dispatch()

    def _gave_up(self, job: Job, fault: Fault, call: Call) -> None:
        self._uncommitted -= 1
        if fault.kind is FaultClass.FILTERED:
            self._settle(job, Refused(job.request, call.call_id, fault.message))
        else:
            self._settle(job, Failed(job.request, call.call_id, fault.kind, fault.message))

    def _again(self, job: Job) -> None:
        if self._error is None:
            self._ready.append(job)
            self.dispatch()

    def _settle(self, job: Job, outcome: Outcome[T]) -> None:
        self._by_key.pop(job.key, None)
        self._results.append(outcome)
        self._results.extend(_for_twin(outcome, twin) for twin in job.twins)
        self._news.set()


def _for_twin(outcome: Outcome[T], twin: Request) -> Outcome[T]:
    match outcome:
        case Answered():
            return Answered(twin, outcome.value, outcome.call_id, outcome.model, outcome.run_id, cached=True)
        case Refused():
            return Refused(twin, outcome.call_id, outcome.reason)
        case Invalid():
            return Invalid(twin, outcome.call_id, outcome.reason)
        case Failed():
            return Failed(twin, outcome.call_id, outcome.error_class, outcome.message)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
