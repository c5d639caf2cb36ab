"""Endpoints by role: which one takes the next request."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evergrow.resources.ledger import Ledger
from evergrow.resources.llm.addresses import Address, address_of
from evergrow.resources.llm.admission import Ticket
from evergrow.resources.llm.faults import EndpointError
from evergrow.resources.llm.upstream import Server, Size
from evergrow.resources.settings import Settings
from evergrow.resources.settings.endpoints import Endpoint
from evergrow.resources.settings.roles import CORE_ROLES, EMBEDDING

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wait:
    """No endpoint takes a request now: look again in `seconds`, or (None) when one has come back."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class EndpointPlace:
    """A place on an endpoint for one request."""

    server: Server
    ticket: Ticket


class Pool:
    """The endpoints of one role. Requests go round by weight, past those that are full, paused or failing."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers = servers
        self._clock = 0.0
        self._turns = dict.fromkeys((server.name for server in servers), 0.0)

    @property
    def concurrency(self) -> int:
        """Most requests that may ever be in flight."""
        return sum(server.endpoint.concurrency for server in self.servers)

    def admit(self, size: Size, now: float) -> EndpointPlace | Wait:
        """A place for a request of `size`, or how long to wait for one."""
        waits = [(server.wait_s(size, now), server) for server in self.servers]
        free = [server for wait, server in waits if wait == 0]
        if not free:
            return Wait(min((wait for wait, _ in waits if wait is not None), default=None))
        # Start-time fair queueing: shares hold by weight, and one that was away does not make up for turns it missed.
        server = min(free, key=lambda each: max(self._clock, self._turns[each.name]))
        self._clock = max(self._clock, self._turns[server.name])
        self._turns[server.name] = self._clock + 1 / server.endpoint.weight
        return EndpointPlace(server, server.enter(size, now))

    def retire(self, server: Server, error: EndpointError) -> bool:
        """Send nothing more to `server`, because of `error`; whether others are left, which is then said."""
        first, server.retired = not server.retired, True
        left = any(not other.retired for other in self.servers)
        if first and left:
            _log.warning("%s; the pool's others take its share in this run", error)
        return left

    def stalled_s(self, now: float, since: float) -> float:
        """Seconds without an answer since `since`, beyond an attempt's time and the patience; <= 0: not too long."""
        return min(
            now - max(server.last_answer, since) - server.endpoint.timeout_s - server.endpoint.patience_s
            for server in self.servers
        )


class Pools:
    """Opens endpoints when they are first needed, and shares each among the roles that use it."""

    def __init__(self, settings: Settings, ledger: Ledger, addresses: Mapping[str, Address]) -> None:
        self._settings = settings
        self._ledger = ledger
        self._addresses = addresses
        self._servers: dict[str, Server] = {}
        self._pools: dict[str, Pool] = {}
        self._opening = asyncio.Lock()

    def of(self, role: str) -> Pool:
        """The pool of `role`, which `reach` has opened."""
        return self._pools[role]

    def reached(self, role: str) -> Pool | None:
        """The pool of `role`, if it is open already."""
        return self._pools.get(role)

    async def reach(self, role: str) -> None:
        """Open and check the endpoints of `role` and of those that go with any, once.

        So a missing judge is found before a generator is paid.

        Raises:
            EndpointError: one is set wrongly or refuses the key, or none of a role's can be reached; `role` goes first.
        """
        if role in self._pools:
            return
        async with self._opening:
            if role in self._pools:
                return
            opened: dict[str, Pool] = {}
            for name in dict.fromkeys((role, *(() if role == EMBEDDING else CORE_ROLES))):
                opened[name] = Pool([await self._server(*named) for named in self._settings.pool(name).items()])
            await self._check(list(opened.values()))
            for name, pool in opened.items():
                for server in pool.servers:
                    await server.know(self._settings.role(name).model or "")
                    server.last_answer = time.monotonic()
            self._pools |= opened

    async def close(self) -> None:
        """Close every endpoint."""
        for server in self._servers.values():
            await server.close()

    async def _server(self, name: str, endpoint: Endpoint) -> Server:
        if name not in self._servers:
            from evergrow.resources.llm.transport import Transport  # noqa: PLC0415 - aiohttp: only asking needs it

            address = await asyncio.to_thread(self._address, name, endpoint)
            self._servers[name] = Server(Transport(name, endpoint, address), self._ledger)
        return self._servers[name]

    def _address(self, name: str, endpoint: Endpoint) -> Address:
        return Address(*self._addresses[name]) if endpoint.kind == "embedded" else address_of(name, endpoint)

    async def _check(self, pools: Sequence[Pool]) -> None:
        """Check each endpoint once; those that are down may stay so where another of the pool answers."""
        servers = {server.name: server for pool in pools for server in pool.servers}
        results = await asyncio.gather(*(server.check() for server in servers.values()), return_exceptions=True)
        down: dict[str, EndpointError] = {}
        for (name, server), result in zip(servers.items(), results, strict=True):
            if isinstance(result, EndpointError) and not result.refused:
                down[name] = result
                server.admission.breaker.trip(time.monotonic())
            elif isinstance(result, BaseException):
                raise result
        for pool in pools:
            if all(server.name in down for server in pool.servers):
                raise down[pool.servers[0].name]
        for error in down.values():
            _log.warning("%s; the pool's others take its share until it answers", error)
