"""The part of shared limits that one engine may spend: taken in blocks before it is needed, and given back at the end.

The ledger hands blocks out under a lock, so that no number of processes can exceed a limit together. A block lasts for
longer than the longest request; nothing is sent on one that was not renewed lately. So a block that has expired has no
request in flight, and others may have it.
"""

import asyncio
import time
from contextlib import suppress
from uuid import uuid4

from evergrow.resources.host.processes import this_process
from evergrow.resources.ledger import NOTHING, Amount, BlockHolder, Intent, Ledger, LedgerError
from evergrow.resources.llm.budget import Budget, claims, spent_of
from evergrow.resources.llm.changes import Changes
from evergrow.resources.llm.requests import Attribution
from evergrow.resources.settings import Settings
from evergrow.resources.settings.roles import CORE_ROLES

SEND_S = 60.0  # how long after a renewal requests may be sent
RENEW_S = 10.0
AHEAD = 2  # how much more than is in flight is declared: few statements, and little that a crash counts too much
ASK_AGAIN_S = 1.0  # after a taking that gave too little: requests in flight may give back what they do not need


class Allowance:
    """What an engine holds of the limits in its budget. All methods run on the event loop.

    `changes` hears when there may be room for what `reserve` has refused, and when there is no way to know.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        budget: Budget,
        who: Attribution,
        changes: Changes,
    ) -> None:
        self._settings, self._ledger, self._budget = settings, ledger, budget
        self._changes = changes
        self._holder = BlockHolder(uuid4().hex, this_process())
        longest = max((endpoint.timeout_s for endpoint in settings.endpoints.values()), default=0.0)
        self._lease_s = SEND_S + longest
        self._intent = Intent(
            *(self._holder.id, self._holder.process, who.run_id, who.asset, who.partition, who.batch),
            settings.role(CORE_ROLES[0]).model or "",
        )
        self._declared = NOTHING
        self._declaring: asyncio.Task[None] | None = None
        self._good_until = 0.0
        self._refused_at = 0.0
        self._taking: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def holder(self) -> str | None:
        """Whose blocks rows of the ledger are paid from; None without any limit."""
        return self._holder.id if self._budget.limits else None

    def open(self) -> None:
        """Begin to keep what will be taken.

        Raises:
            SettingsError: a limit is in US dollars, and the ledger holds replies whose cost cannot be known.
        """
        for limit in self._budget.limits:
            spent_of(self._settings, self._ledger, limit)
        if self._budget.limits:
            self._keeper = asyncio.create_task(self._keep())

    def reserve(self, want: Amount) -> bool:
        """Set `want` aside; False where a block has to be taken first, or requests in flight have to be settled.

        Raises:
            BudgetReached: a limit has no room for it, and nothing in flight could make room.
        """
        if not self._budget.limits:
            return True
        now = time.time()
        good = now < self._good_until
        if good and self._budget.reserve(want):
            if self._declared.covers(self._budget.held):
                return True
            self._budget.settle(want, NOTHING)
            if self._declaring is None:
                self._declaring = asyncio.create_task(self._declare((self._budget.held + want).times(AHEAD)))
            return False
        if self._taking is not None:
            return False
        if good and now - self._refused_at < ASK_AGAIN_S:
            if not self._budget.in_flight and (reached := self._budget.reached(want)):
                raise reached
        else:
            self._taking = asyncio.create_task(self._take(want))
        return False

    async def close(self) -> None:
        """Give back what is left, once everything spent is in the ledger."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._taking is not None:
            await self._taking  # else it might take after the release
        if self._declaring is not None:
            await self._declaring
        if self._good_until:
            # The block expires by itself: the error that the run ends with must not be hidden behind this one.
            with suppress(LedgerError):
                await asyncio.to_thread(self._ledger.intents.withdraw, self._holder.id)
                await asyncio.to_thread(self._ledger.reservations.release, self._holder)

    async def _take(self, want: Amount) -> None:
        asked_at, wanted = time.time(), claims(self._settings, self._ledger, self._budget, want)
        try:
            taken = await asyncio.to_thread(self._ledger.reservations.take, self._holder, wanted, self._lease_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be sent without a block
            self._changes.fail(error)
            return
        finally:
            self._taking = None
        self._good_until = asked_at + SEND_S
        for limit, grant in zip(self._budget.limits, taken.grants, strict=True):
            limit.receive(grant, anew=taken.anew)
        scarce = any(not grant.added.covers(claim.short) for claim, grant in zip(wanted, taken.grants, strict=True))
        self._refused_at = time.time() if scarce else 0.0
        self._changes.notify()

    async def _declare(self, most: Amount) -> None:
        """Say in the ledger how much may be in flight, before it is: what a crash leaves is then counted."""
        try:
            await asyncio.to_thread(self._ledger.intents.declare, self._intent, most, time.time() + self._lease_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be sent unsaid
            self._changes.fail(error)
            return
        finally:
            self._declaring = None
        self._declared = most
        self._changes.notify()

    async def _keep(self) -> None:
        """Renew the blocks, or learn that they are gone: this process was held up for too long."""
        while True:
            await asyncio.sleep(RENEW_S)
            asked_at = time.time()
            try:
                kept = await asyncio.to_thread(self._ledger.reservations.renew, self._holder, self._lease_s)
            except LedgerError as error:
                self._changes.fail(error)
                return
            if kept:
                self._good_until = asked_at + SEND_S
                if self._declared.tokens and self._declaring is None:  # renewed as well, and no larger than is of use
                    self._declaring = asyncio.create_task(self._declare(self._budget.held.times(AHEAD)))
                self._changes.notify()
            else:
                self._good_until = 0.0
