"""Who may send now: a place on an endpoint and money set aside, or how long to wait for both."""

import time
from dataclasses import dataclass

from evergrow.resources.ledger import Amount
from evergrow.resources.llm.accounts import Accounts
from evergrow.resources.llm.allowance import Allowance
from evergrow.resources.llm.changes import Changes
from evergrow.resources.llm.faults import NO_ANSWER, EndpointError
from evergrow.resources.llm.job import Job
from evergrow.resources.llm.pool import EndpointPlace, Pools, Wait
from evergrow.resources.llm.upstream import Server


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one attempt: a place on an endpoint and money set aside."""

    place: EndpointPlace
    held: Amount


class Entrance:
    """What all requests of an engine pass before they are sent."""

    def __init__(self, pools: Pools, accounts: Accounts, allowance: Allowance, changes: Changes) -> None:
        self._pools, self._accounts, self._allowance, self._changes = pools, accounts, allowance, changes

    async def reach(self, role: str) -> int:
        """Open and check the endpoints of `role`, once; the most requests that they take at a time."""
        await self._pools.reach(role)
        return self._pools.of(role).concurrency

    def first_server(self, role: str) -> Server:
        """The first endpoint of `role`, which `reach` has opened: the one that submissions go to."""
        return self._pools.of(role).servers[0]

    def worst_case(self, job: Job) -> Amount:
        """The most that `job`'s next attempt may take. Raises SettingsError."""
        return self._accounts.worst_case(job)

    def set_aside(self, held: Amount) -> None:
        """Keep all of it: the reply comes when this run is over."""
        self._accounts.set_aside(held)

    def reserve(self, want: Amount) -> bool:
        """Set `want` aside; False where it has to wait for what is in flight. Raises BudgetReached."""
        return self._allowance.reserve(want)

    def admit(self, job: Job) -> Permit | Wait:
        """Leave to send `job` now, or how long to wait for it. Raises BudgetReached and SettingsError."""
        want = self._accounts.worst_case(job)
        if not self._allowance.reserve(want):
            return Wait(None)
        place = self._pools.of(job.request.role).admit(job.size, time.monotonic())
        if isinstance(place, Wait):
            self._accounts.cancel(want)
            return place
        return Permit(place, want)

    def leave(self, permit: Permit) -> None:
        """Give a place back, to whoever has something ready."""
        permit.place.server.admission.leave()
        self._changes.notify()

    def retire(self, job: Job, server: Server, error: EndpointError) -> bool:
        """Go on without `server`, because of `error`; whether others of the role's pool are left."""
        return self._pools.of(job.request.role).retire(server, error)

    def stalled(self, job: Job, since: float) -> EndpointError | None:
        """An error if nothing was answered for longer than the settings' patience, though requests were waiting."""
        pool = self._pools.reached(job.request.role)
        if pool is None or pool.stalled_s(time.monotonic(), since) <= 0:
            return None
        server = pool.servers[0]
        cause = server.last_fault.message if server.last_fault else "no request came back"
        slow = f"endpoints.{server.name}.timeout_s, or " if cause.startswith(NO_ANSWER) else ""
        return EndpointError(
            f"endpoint {server.name!r} at {server.transport.base_url} has answered nothing for "
            f"{time.monotonic() - max(server.last_answer, since):.0f} s ({cause}); see whether it runs, or raise "
            f"{slow}endpoints.{server.name}.patience_s; then run again: what is answered is not asked again",
            refused=False,
        )
