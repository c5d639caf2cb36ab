"""The part of shared limits that one engine may spend: taken in blocks before it is needed, and given back at the end.

The ledger hands blocks out under a lock, so that no number of processes can exceed a limit together. A block lasts for
longer than the longest request; nothing is sent on one that was not renewed lately. So a block that has expired has no
request in flight, and others may have it.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

from evergrow.resources.host.processes import this_process
from evergrow.resources.ledger import Amount, Holder, Ledger, LedgerError
from evergrow.resources.llm.budget import Budget, claims, spent_of
from evergrow.resources.settings import Settings

SEND_S = 60.0  # how long after a renewal requests may be sent
RENEW_S = 10.0
ASK_AGAIN_S = 1.0  # after a taking that gave too little: requests in flight may give back what they do not need


class Allowance:
    """What an engine holds of the limits in its budget. All methods run on the event loop.

    `granted` is called when there may be room for what `reserve` has refused, `failed` when there is no way to know.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        budget: Budget,
        *,
        granted: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._settings, self._ledger, self._budget = settings, ledger, budget
        self._granted, self._failed = granted, failed
        self._holder = Holder(uuid4().hex, this_process())
        longest = max((endpoint.timeout_s for endpoint in settings.endpoints.values()), default=0.0)
        self._lease_s = SEND_S + longest
        self._good_until = 0.0
        self._refused_at = 0.0
        self._taking: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def holder(self) -> str | None:
        """Whose blocks rows of the ledger are paid from; None without any limit."""
        return self._holder.id if self._budget.purses else None

    def open(self) -> None:
        """Begin to keep what will be taken.

        Raises:
            SettingsError: a limit is in US dollars, and the ledger holds replies whose cost cannot be known.
        """
        for purse in self._budget.purses:
            spent_of(self._settings, self._ledger, purse)
        if self._budget.purses:
            self._keeper = asyncio.create_task(self._keep())

    def reserve(self, want: Amount) -> bool:
        """Set `want` aside; False where a block has to be taken first, or requests in flight have to be settled.

        Raises:
            BudgetReached: a limit has no room for it, and nothing in flight could make room.
        """
        if not self._budget.purses:
            return True
        now = time.time()
        good = now < self._good_until
        if good and self._budget.reserve(want):
            return True
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
        if self._good_until:
            # The block expires by itself: the error that the run ends with must not be hidden behind this one.
            with suppress(LedgerError):
                await asyncio.to_thread(self._ledger.reservations.release, self._holder)

    async def _take(self, want: Amount) -> None:
        asked_at, wanted = time.time(), claims(self._settings, self._ledger, self._budget, want)
        try:
            taken = await asyncio.to_thread(self._ledger.reservations.take, self._holder, wanted, self._lease_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be sent without a block
            self._failed(error)
            return
        finally:
            self._taking = None
        self._good_until = asked_at + SEND_S
        for purse, grant in zip(self._budget.purses, taken.grants, strict=True):
            purse.receive(grant, anew=taken.anew)
        scarce = any(not grant.added.covers(claim.short) for claim, grant in zip(wanted, taken.grants, strict=True))
        self._refused_at = time.time() if scarce else 0.0
        self._granted()

    async def _keep(self) -> None:
        """Renew the blocks, or learn that they are gone: this process was held up for too long."""
        while True:
            await asyncio.sleep(RENEW_S)
            asked_at = time.time()
            try:
                kept = await asyncio.to_thread(self._ledger.reservations.renew, self._holder, self._lease_s)
            except LedgerError as error:
                self._failed(error)
                return
            if kept:
                self._good_until = asked_at + SEND_S
                self._granted()
            else:
                self._good_until = 0.0
