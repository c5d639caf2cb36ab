"""The engine: the open endpoints, the ledger's committer and the tallies that all askings of a step share."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from evergrow.resources.ledger import Call, GroupCommit, Ledger, StoredReply, Verdict
from evergrow.resources.llm import prices, rendering
from evergrow.resources.llm.asking import Asking
from evergrow.resources.llm.client import Address, Client, Reply, address_of
from evergrow.resources.llm.faults import Fault
from evergrow.resources.llm.job import Job
from evergrow.resources.llm.requests import Attribution, Outcome, Request
from evergrow.resources.llm.server import Server
from evergrow.resources.llm.tallies import Tallies
from evergrow.resources.progress import Progress
from evergrow.resources.settings import Settings, models

T = TypeVar("T")
SHOW_S = 0.2


@dataclass(frozen=True, slots=True)
class Stored:
    """What the ledger holds for some requests: replies, and how many draws are taken."""

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
        addresses: Mapping[str, Address],
        not_before: float,
    ) -> None:
        self.tallies = Tallies()
        self.ledger_failed = False
        self._settings = settings
        self._ledger = ledger
        self._attribution = attribution
        self._progress = progress
        self._addresses = addresses
        self._not_before = not_before
        self._roles: dict[str, models.Role] = {}
        self._servers: dict[str, Server] = {}
        self._reaching = asyncio.Lock()
        self._askings: set[Asking[Any]] = set()
        self._committer = GroupCommit(ledger, self._ledger_failed)

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
        """An engine that is closed, and its ledger's rows committed, at the end of the context.

        addresses: where endpoints of kind "embedded" listen, by endpoint name; looked up when the first request is
            really sent, so that a mapping may start the server on demand.
        not_before: replies older than this (epoch seconds) are not reused but asked for anew.
        """
        engine = cls(settings, ledger, attribution, progress, addresses or {}, not_before)
        try:
            yield engine
        finally:
            await engine._committer.close()
            for server in engine._servers.values():
                await server.close()

    async def ask(
        self, requests: Iterable[Request], parse: Callable[[object], T], *, label: str, total: int
    ) -> AsyncGenerator[Outcome[T]]:
        """Ask `requests` and yield what becomes of each, as it becomes known, in no particular order.

        `requests` is read lazily, a bounded window ahead of the outcomes. `parse` is given an answer's decoded JSON (the
        text if the request has no schema) and returns its value, or raises ValueError(reason) if it is not valid. An
        answer is committed to the ledger before it is yielded. `label` and `total` are for the progress display.

        Raises:
            EndpointError: an endpoint cannot be used at all.
            LedgerError: a reply cannot be saved.
        """
        asking = Asking(self, requests, parse)
        self._askings.add(asking)
        try:
            with self._progress.track(label, total) as advance:
                unseen, shown_at = 0, time.monotonic()
                try:
                    async with aclosing(asking.outcomes()) as outcomes:
                        async for outcome in outcomes:
                            self.tallies.settle(outcome)
                            unseen += 1
                            if time.monotonic() - shown_at >= SHOW_S:
                                advance(unseen, self.tallies.note(total))
                                unseen, shown_at = 0, time.monotonic()
                            yield outcome
                finally:
                    advance(unseen, self.tallies.note(total))
        finally:
            self._askings.discard(asking)

    def summary(self) -> dict[str, int | float | None]:
        """What was asked, answered and spent so far, for a materialisation's metadata."""
        return self.tallies.summary()

    def job(self, request: Request) -> Job:
        """`request` with its role's settings and its identity."""
        role = self._roles.get(request.role)
        if role is None:
            role = self._roles[request.role] = self._settings.role(request.role)
        return Job(request, role, rendering.request_key(request, role))

    async def stored(self, keys: list[str]) -> Stored:
        """What the ledger holds for the requests `keys`."""
        return await asyncio.to_thread(self._look_up, keys)

    def _look_up(self, keys: list[str]) -> Stored:
        return Stored(
            self._ledger.replies(keys, self._not_before), self._ledger.draws(keys) if self._not_before else {}
        )

    async def reach(self, role: str) -> None:
        """Open and check the endpoint of `role`, once.

        Raises:
            EndpointError: it cannot be used.
        """
        settings = self._settings.role(role)
        if settings.endpoint in self._servers:
            return
        async with self._reaching:
            if settings.endpoint in self._servers:
                return
            endpoint = self._settings.endpoints[settings.endpoint]
            address = await asyncio.to_thread(self._address, settings.endpoint, endpoint)
            client = Client(settings.endpoint, endpoint, address)
            server = await Server.reach(client, self._ledger, settings.model or "")
            self._servers[settings.endpoint] = server

    def _address(self, name: str, endpoint: models.Endpoint) -> Address:
        return Address(*self._addresses[name]) if endpoint.kind == "embedded" else address_of(name, endpoint)

    def admit(self, job: Job) -> Server | None:
        """A server that takes `job` now; release it when the attempt is over."""
        server = self._servers[job.role.endpoint]
        if server.in_hand >= server.endpoint.concurrency:
            return None
        server.in_hand += 1
        self.tallies.attempts += 1
        return server

    def release(self, server: Server) -> None:
        """Give a server's slot back, to whichever asking has something ready."""
        server.in_hand -= 1
        for asking in self._askings:
            asking.dispatch()

    def call(self, job: Job, server: Server, body: str, asked_at: float, reply: Reply) -> Call:
        """The ledger's row of a reply."""
        completion = reply.completion
        price = self._settings.prices.get(job.role.model or "")
        refusal = completion.refusal
        return Call(
            **self._identity(job, server, body, asked_at),
            latency_s=reply.latency_s,
            model_returned=completion.model,
            reply=reply.body,
            finish_reason=completion.finish_reason,
            tokens_in=completion.tokens_in,
            tokens_cached=completion.tokens_cached,
            tokens_out=completion.tokens_out,
            price_version=prices.version(price),
            usd=prices.cost(price, completion.tokens_in, completion.tokens_out),
            error_class=None if refusal is None else "refused",
            error_message=refusal,
        )

    def failed_call(self, job: Job, server: Server, body: str, asked_at: float, fault: Fault) -> Call:
        """The ledger's row of a request that is given up."""
        return Call(
            **self._identity(job, server, body, asked_at),
            latency_s=time.time() - asked_at,
            error_class=fault.kind,
            error_message=fault.message,
        )

    def _identity(self, job: Job, server: Server, body: str, asked_at: float) -> dict[str, Any]:
        request, who = job.request, self._attribution
        return {
            "call_id": job.call_id,
            "request_key": job.key,
            "slot": request.slot,
            "draw": job.draw,
            "turn": job.turn,
            "role": request.role,
            "model": job.role.model or "",
            "endpoint": server.name,
            "prompt_version": request.prompt_version,
            "request": body,
            "run_id": who.run_id,
            "asset": who.asset,
            "partition": who.partition,
            "batch": who.batch,
            "asked_at": asked_at,
            "answered_at": time.time(),
            "attempts": job.attempts,
        }

    def commit(self, call: Call, then: Callable[[Call], None]) -> None:
        """Write `call` to the ledger; `then` follows once it is durable."""
        self._committer.submit(call, then)

    def verdict(self, verdict: Verdict) -> None:
        """Write what the parser says of a stored reply."""
        self._committer.judge(verdict)

    def _ledger_failed(self, error: Exception) -> None:
        self.ledger_failed = True
        for asking in self._askings:
            asking.stop(error)
