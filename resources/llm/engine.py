"""The engine: builds what all passes of one step share, and asks through it."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

from evergrow.resources.host.progress import Progress
from evergrow.resources.ledger import Ledger, kind_of
from evergrow.resources.llm.accounts import Accounts
from evergrow.resources.llm.addresses import Address
from evergrow.resources.llm.allowance import Allowance
from evergrow.resources.llm.batch_api.exchange import OfflineAsking, one_mode
from evergrow.resources.llm.batch_api.submission_writer import SubmissionWriter
from evergrow.resources.llm.budget import Budget, limits
from evergrow.resources.llm.changes import Changes
from evergrow.resources.llm.dispatch import Dispatch, Parts
from evergrow.resources.llm.entrance import Entrance
from evergrow.resources.llm.job import Jobs
from evergrow.resources.llm.observer import Observer
from evergrow.resources.llm.pool import Pools
from evergrow.resources.llm.recorder import Recorder
from evergrow.resources.llm.request_source import Inbox
from evergrow.resources.llm.requests import Attribution, Outcome, Request
from evergrow.resources.llm.showing import shown
from evergrow.resources.llm.store import CallStore
from evergrow.resources.llm.tallies import Pace
from evergrow.resources.llm.tally import Tally
from evergrow.resources.settings import Settings, SettingsError

T = TypeVar("T")


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
        self._settings, self._progress = settings, progress
        changes = Changes()
        kind = kind_of(attribution.asset, attribution.partition)
        budget = Budget(limits(settings, ledger, attribution.batch, attribution.run_id, kind))
        accounts = Accounts(settings, attribution, budget)
        self._allowance = Allowance(settings, ledger, budget, attribution, changes)
        self._pools = Pools(settings, ledger, addresses)
        self._observer = Observer(settings.observability, attribution)
        holder = self._allowance.holder
        self._writer = SubmissionWriter(ledger, attribution, holder)
        self._offline = False
        self._parts = Parts(
            jobs=Jobs(settings),
            store=CallStore(ledger, attribution.run_id, changes, not_before=not_before, holder=holder),
            entrance=Entrance(self._pools, accounts, self._allowance, changes),
            recorder=Recorder(accounts, self._observer),
            tally=Tally(settings, self._observer),
            changes=changes,
        )
        self._passes: set[Dispatch[Any] | OfflineAsking[Any]] = set()

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
        engine._allowance.open()
        try:
            yield engine
        finally:
            for one in list(engine._passes):
                await one.close()
            await engine._parts.store.close()
            await engine._allowance.close()
            await engine._pools.close()
            engine._observer.close()

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
        one: Dispatch[T] | OfflineAsking[T]
        mode, source = ("live", requests) if isinstance(requests, Inbox) else one_mode(self._settings, requests)
        if mode == "batch" and not isinstance(source, Inbox):
            self._offline = True
            one = OfflineAsking(self._parts, self._settings, self._writer, source, parse)
        else:
            one = Dispatch(self._parts, source, parse)
        self._passes.add(one)
        try:
            with self._progress.track(label, total) as advance:
                pace = Pace(self._parts.tally.counts, total)
                async with shown(advance, pace, one) as count, aclosing(one.outcomes()) as outcomes:
                    async for outcome in outcomes:
                        count()
                        yield outcome
        finally:
            self._passes.discard(one)

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
        return {**self._parts.tally.counts.summary(), **(self._writer.figures() if self._offline else {})}
