"""The engine: endpoints, accounts, committer and counts that all askings of one step share."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from evergrow.resources.host.progress import Progress
from evergrow.resources.ledger import NOTHING, Amount, Call, GroupCommit, Ledger, StoredReply, Verdict
from evergrow.resources.llm.accounts import Accounts
from evergrow.resources.llm.addresses import Address
from evergrow.resources.llm.allowance import Allowance
from evergrow.resources.llm.asking import Asking
from evergrow.resources.llm.attempt import Permit
from evergrow.resources.llm.batch_api.asking import OfflineAsking, one_mode
from evergrow.resources.llm.batch_api.desk import Desk
from evergrow.resources.llm.budget import Budget, purses
from evergrow.resources.llm.conversation import Inbox
from evergrow.resources.llm.faults import EndpointError
from evergrow.resources.llm.job import Job, job_of
from evergrow.resources.llm.observer import Observer
from evergrow.resources.llm.pool import Pools, Wait
from evergrow.resources.llm.requests import Attribution, Outcome, Request
from evergrow.resources.llm.server import Server
from evergrow.resources.llm.streaks import Streak
from evergrow.resources.llm.tallies import Pace, Tallies
from evergrow.resources.settings import Settings, SettingsError, models

T = TypeVar("T")
SHOW_S = 0.2


@dataclass(frozen=True, slots=True)
class Stored:
    """What the ledger holds for some requests: replies that may be used, and how many draws are taken."""

    replies: dict[str, list[StoredReply]]
    draws: dict[str, int]


class Engine:
    """Asks models on behalf of one step. Open it with `Engine.open`, within the event loop that uses it."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        attribution: Attribution,
        progress: Progress,
        *,
        addresses: Mapping[str, Address],
        not_before: float,
    ) -> None:
        self.tallies = Tallies()
        budget = Budget(purses(settings, attribution.batch, attribution.run_id))
        self.accounts = Accounts(settings, attribution, budget)
        self.allowance = Allowance(settings, ledger, budget, granted=self._dispatch, failed=self._cannot_go_on)
        self.pools = Pools(settings, ledger, addresses)
        self.observer = Observer(settings.observability, attribution)
        self.ledger_failed = False
        self._desk = Desk(ledger, attribution, self.allowance.holder)
        self._offline = False
        self._unfit: Exception | None = None
        self._run_id = attribution.run_id
        self._settings = settings
        self._ledger = ledger
        self._progress = progress
        self._not_before = not_before
        self._roles: dict[str, models.Role] = {}
        self._askings: set[Asking[Any] | OfflineAsking[Any]] = set()
        self._notes: list[asyncio.Task[None]] = []
        self._committer = GroupCommit(ledger, self._ledger_fails, self.allowance.holder)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Settings,
        ledger: Ledger,
        attribution: Attribution,
        progress: Progress,
        *,
        addresses: Mapping[str, Address] | None = None,
        not_before: float = 0.0,
    ) -> AsyncIterator["Engine"]:
        """An engine that is closed, and its rows committed, at the end of the context.

        addresses: where endpoints of kind "embedded" listen, by endpoint name; looked up when the first request is
            really sent, so that a mapping may start the server on demand.
        not_before: replies older than this (epoch seconds) are not reused but asked for anew.

        Raises:
            SettingsError: a budget is in US dollars and a price is missing.
        """
        engine = cls(settings, ledger, attribution, progress, addresses=addresses or {}, not_before=not_before)
        engine.allowance.open()
        try:
            yield engine
        finally:
            for asking in list(engine._askings):
                await asking.close()
            # A note that could not be kept is found out again; it must not hide the error that the run ends with.
            await asyncio.gather(*engine._notes, return_exceptions=True)
            await engine._committer.close()
            await engine.allowance.close()
            await engine.pools.close()
            engine.observer.close()

    async def ask(
        self, requests: Iterable[Request] | Inbox, parse: Callable[[object], T], *, label: str, total: int
    ) -> AsyncGenerator[Outcome[T]]:
        """Ask `requests` and yield what becomes of each, as it becomes known, in no particular order.

        `requests` is read lazily, a bounded window ahead of the outcomes. `parse` is given an answer's decoded JSON (or
        the text if the request has no schema) and returns its value, or raises ValueError(reason) if it is not valid.
        An answer is committed to the ledger before it is yielded. `label` and `total` are for the progress display.

        Raises:
            EndpointError: no request can succeed, or nothing is answered any more.
            BudgetReached: a limit of the settings leaves no room for another request.
            SettingsError: a budget is in US dollars and a model has no price.
            LedgerError: a reply cannot be saved.
            AwaitingBatch: the role's mode is `batch`, and answers are still to come.
        """
        asking: Asking[T] | OfflineAsking[T]
        mode, source = ("live", requests) if isinstance(requests, Inbox) else one_mode(self._settings, requests)
        if mode == "batch" and not isinstance(source, Inbox):
            self._offline = True
            asking = OfflineAsking(self, self._settings, self._desk, source, parse)
        else:
            asking = Asking(self, source, parse)
        self._askings.add(asking)
        if self._unfit:
            asking.stop(self._unfit)
        try:
            with self._progress.track(label, total) as advance:
                unseen, shown_at, pace = 0, time.monotonic(), Pace(self.tallies, total)
                try:
                    async with aclosing(asking.outcomes()) as outcomes:
                        async for outcome in outcomes:
                            unseen += 1
                            if time.monotonic() - shown_at >= SHOW_S:
                                advance(unseen, pace.note())
                                unseen, shown_at = 0, time.monotonic()
                            yield outcome
                finally:
                    advance(unseen, pace.note())
        finally:
            self._askings.discard(asking)

    def require_live(self, *roles: str) -> None:
        """Refuse roles that are set to a Batch API, where each question rests on the answer to the one before.

        Raises:
            SettingsError: one is.
        """
        for role in roles:
            if self._settings.role(role).mode == "batch":
                raise SettingsError(
                    f"roles.{role}.mode: batch cannot grow trees, whose questions rest on earlier answers; "
                    "set it to live"
                )

    def summary(self) -> dict[str, int | float | None]:
        """What was asked, answered and spent so far, for a materialisation's metadata."""
        return {**self.tallies.summary(), **(self._desk.figures() if self._offline else {})}

    def job(self, request: Request) -> Job:
        """`request` with its role's settings and its identity."""
        role = self._roles.get(request.role)
        if role is None:
            role = self._roles[request.role] = self._settings.role(request.role)
        return job_of(request, role)

    async def stored(self, keys: list[str]) -> Stored:
        """What the ledger holds for the requests `keys`."""
        return await asyncio.to_thread(self._look_up, keys)

    def _look_up(self, keys: list[str]) -> Stored:
        draws = self._ledger.draws(keys) if self._not_before else {}
        return Stored(self._ledger.replies(keys, self._not_before), draws)

    def drew(self, reply: StoredReply) -> bool:
        """Whether this run has asked for `reply`, so that it counts towards the draws that the run may have."""
        return reply.run_id == self._run_id

    async def reach(self, role: str) -> int:
        """Open and check the endpoints of `role`, once; the most requests that they take at a time."""
        await self.pools.reach(role)
        return self.pools.of(role).concurrency

    def admit(self, job: Job) -> Permit | Wait:
        """Leave to send `job` now, or how long to wait for it. Raises BudgetReached and SettingsError."""
        want = self.accounts.worst_case(job)
        if not self.allowance.reserve(want):
            return Wait(None)
        place = self.pools.of(job.request.role).admit(job.size, time.monotonic())
        if isinstance(place, Wait):
            self.accounts.cancel(want)
            return place
        self.tallies.attempts += 1
        return Permit(place, want)

    def leave(self, permit: Permit) -> None:
        """Give a place back, to whichever asking has something ready."""
        permit.place.server.admission.leave()
        self._dispatch()

    def _dispatch(self) -> None:
        for asking in list(self._askings):
            asking.dispatch()

    def paid(self, call: Call) -> None:
        """Count a reply that is saved."""
        self.tallies.pay(call)
        self.observer.replied(call)

    def settled(self, outcome: Outcome[object]) -> None:
        """Count an outcome."""
        self.tallies.settle(outcome)
        self.observer.settled(outcome)

    def hopeless(self, streak: Streak) -> EndpointError:
        """What to say when nothing that follows can succeed."""
        assert streak.last is not None
        role = self._settings.role(streak.last.request.role)
        return EndpointError(f"endpoint {' or '.join(map(repr, role.endpoints))}: {streak.sentence(role.model or '')}")

    def stalled(self, job: Job, since: float) -> EndpointError | None:
        """An error if nothing was answered for longer than the settings' patience, though requests were waiting."""
        pool = self.pools.reached(job.request.role)
        if pool is None or pool.stalled_s(time.monotonic(), since) <= 0:
            return None
        server = pool.servers[0]
        cause = server.last_fault.message if server.last_fault else "no request came back"
        return EndpointError(
            f"endpoint {server.name!r} at {server.transport.base_url} has answered nothing for "
            f"{time.monotonic() - max(server.last_answer, since):.0f} s ({cause}); see whether it runs, or raise "
            f"endpoints.{server.name}.patience_s; then run again: what is answered is not asked again",
            refused=False,
        )

    def remember(self, server: Server, model: str) -> None:
        """Keep for later runs how `server` holds `model` to a schema."""
        self._notes.append(asyncio.create_task(server.remember(model)))

    def commit(self, call: Call, then: Callable[[Call], None], cost: Amount = NOTHING) -> None:
        """Write `call`, which cost `cost`, to the ledger; `then` follows once it is durable."""
        self._committer.submit(call, then, cost)

    def verdict(self, verdict: Verdict) -> None:
        """Write what the parser says of a stored reply."""
        self._committer.judge(verdict)

    def _cannot_go_on(self, error: Exception) -> None:
        """Whatever is asked now or later ends with `error`."""
        self._unfit = error
        for asking in list(self._askings):
            asking.stop(error)

    def _ledger_fails(self, error: Exception) -> None:
        self.ledger_failed = True
        for asking in self._askings:
            asking.stop(error)
