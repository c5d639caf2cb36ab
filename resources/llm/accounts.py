"""Who pays, how much, and out of which budget: the rows that the ledger gets."""

import time
from dataclasses import replace
from typing import Any

from evergrow.resources.ledger import Call, Ledger
from evergrow.resources.llm import prices
from evergrow.resources.llm.budget import Budget, Reservation, purses
from evergrow.resources.llm.completion import Reply
from evergrow.resources.llm.faults import Fault
from evergrow.resources.llm.job import Job
from evergrow.resources.llm.requests import Attribution
from evergrow.resources.llm.server import Server
from evergrow.resources.settings import Settings, SettingsError


class Accounts:
    """Prices requests, draws on the budget and makes the ledger's rows."""

    def __init__(self, settings: Settings, ledger: Ledger, attribution: Attribution) -> None:
        self._prices = settings.prices
        self._who = attribution
        self._ledger = ledger
        self._budget = Budget(purses(settings, ledger, attribution.batch, attribution.run_id))
        self.look_at_others()

    @property
    def limited(self) -> bool:
        """Whether any limit is set."""
        return bool(self._budget.purses)

    def look_at_others(self) -> None:
        """Read anew what other runs have spent of the limits that this one shares with them."""
        for purse in self._budget.purses:
            others = self._ledger.spent_on(replace(purse.rows, other_than=self._who.run_id))
            tokens, usd = self._ledger.submissions.set_aside(replace(purse.rows, other_than=self._who.run_id))
            purse.others_tokens, purse.others_usd = others.tokens + tokens, others.usd + usd

    def worst_case(self, job: Job) -> Reservation:
        """The most that `job`'s next attempt may take.

        Raises:
            SettingsError: a limit is in money and the model has no price.
        """
        price = self._prices.get(job.role.model or "")
        usd = prices.cost(price, job.size.prompt_bytes, None, job.size.max_tokens)
        if usd is None and self._budget.in_money:
            raise SettingsError(prices.missing(job.role.model or ""))
        return Reservation(job.size.prompt_bytes + job.size.max_tokens, usd or 0.0)

    def reserve(self, want: Reservation) -> bool:
        """Set `want` aside; False while requests in flight have to be settled first. Raises BudgetReached."""
        return self._budget.reserve(want)

    def cancel(self, held: Reservation) -> None:
        """Nothing was spent of what was set aside."""
        self._budget.settle(held, 0, 0.0)

    def set_aside(self, held: Reservation) -> None:
        """Keep all of it: the reply comes when this run is over."""
        self._budget.settle(held, held.tokens, held.usd)

    def settle_reply(self, held: Reservation, call: Call) -> None:
        """A reply came: what its usage says was spent, or the worst case if it says nothing."""
        known = call.tokens_in is not None and call.tokens_out is not None
        tokens = (call.tokens_in or 0) + (call.tokens_out or 0) if known else held.tokens
        self._budget.settle(held, tokens, held.usd if call.usd is None else call.usd)

    def settle_fault(self, held: Reservation, fault: Fault) -> None:
        """No reply came: nothing was spent, unless the request may have been answered on the other side."""
        self._budget.settle(held, *((held.tokens, held.usd) if fault.maybe_billed else (0, 0.0)))

    def reply_row(self, job: Job, server: Server, body: str, asked_at: float, reply: Reply) -> Call:
        """The ledger's row of a reply."""
        said = reply.completion
        price = self._prices.get(job.role.model or "")
        return Call(
            **self._identity(job, server, body, asked_at),
            latency_s=reply.latency_s,
            model_returned=said.model,
            reply=reply.body,
            finish_reason=said.finish_reason,
            tokens_in=said.tokens_in,
            tokens_cached=said.tokens_cached,
            tokens_out=said.tokens_out,
            price_version=prices.version(price),
            usd=prices.cost(price, said.tokens_in, said.tokens_cached, said.tokens_out),
            error_class=None if said.refusal is None else "refused",
            error_message=said.refusal,
        )

    def failure_row(self, job: Job, server: Server, body: str, asked_at: float, fault: Fault) -> Call:
        """The ledger's row of a request that is given up."""
        return Call(
            **self._identity(job, server, body, asked_at),
            latency_s=time.time() - asked_at,
            error_class=fault.kind.value,
            error_message=fault.message,
        )

    def _identity(self, job: Job, server: Server, body: str, asked_at: float) -> dict[str, Any]:
        return {
            "call_id": job.call_id,
            "request_key": job.key,
            "slot": job.request.slot,
            "draw": job.draw,
            "turn": job.turn,
            "role": job.request.role,
            "model": job.role.model or "",
            "endpoint": server.name,
            "prompt_version": job.request.prompt_version,
            "request": body,
            "run_id": self._who.run_id,
            "asset": self._who.asset,
            "partition": self._who.partition,
            "batch": self._who.batch,
            "asked_at": asked_at,
            "answered_at": time.time(),
            "attempts": job.attempts,
        }
