"""Who pays, and how much: settles with the budget and makes the rows that the ledger gets."""

import time
from typing import Any

from evergrow.resources.ledger import NOTHING, Amount, Call
from evergrow.resources.llm import prices
from evergrow.resources.llm.budget import Budget
from evergrow.resources.llm.faults import Fault
from evergrow.resources.llm.job import Job
from evergrow.resources.llm.reply import Reply
from evergrow.resources.llm.requests import Attribution
from evergrow.resources.llm.upstream import Server
from evergrow.resources.settings import Settings, SettingsError
from evergrow.resources.settings.spending import Price


class Accounts:
    """Prices requests, settles with the budget and makes the ledger's rows."""

    def __init__(self, settings: Settings, attribution: Attribution, budget: Budget) -> None:
        self._settings = settings
        self._known: dict[str, Price | None] = {}
        self._who = attribution
        self._budget = budget

    def worst_case(self, job: Job) -> Amount:
        """The most that `job`'s next attempt may take. `usd` is 0 where no limit is in money and no price is known.

        Raises:
            SettingsError: a limit is in money and the model has no price.
        """
        price = self._price(job)
        usd = prices.cost(price, job.size.prompt_bytes, None, job.size.max_tokens)
        if usd is None and self._budget.in_money:
            raise SettingsError(prices.missing(job.role.model or ""))
        return Amount(job.size.prompt_bytes + job.size.max_tokens, usd or 0.0)

    def _price(self, job: Job) -> Price | None:
        model = job.role.model or ""
        if model not in self._known:
            self._known[model] = prices.price_of(self._settings, model)
        return self._known[model]

    def cancel(self, held: Amount) -> None:
        """Nothing was spent of what was set aside."""
        self._budget.settle(held, NOTHING)

    def set_aside(self, held: Amount) -> None:
        """Keep all of it: the reply comes when this run is over."""
        self._budget.settle(held, held)

    def settle_reply(self, held: Amount, call: Call) -> Amount:
        """A reply came: what its usage says was spent, or the worst case if it says nothing; that is returned."""
        known = call.tokens_in is not None and call.tokens_out is not None
        tokens = (call.tokens_in or 0) + (call.tokens_out or 0) if known else held.tokens
        spent = Amount(tokens, held.usd if call.usd is None else call.usd)
        self._budget.settle(held, spent)
        return spent

    def settle_fault(self, held: Amount, fault: Fault) -> None:
        """No reply came: nothing was spent, unless the request may have been answered on the other side."""
        self._budget.settle(held, held if fault.maybe_billed else NOTHING)

    def reply_row(self, job: Job, server: Server, body: str, asked_at: float, reply: Reply) -> Call:
        """The ledger's row of a reply."""
        said = reply.completion
        price = self._price(job)
        return Call(
            **self._identity(job, server, body, asked_at),
            latency_s=reply.latency_s,
            model_returned=said.model,
            reply=reply.body,
            finish_reason=said.finish_reason,
            tokens_in=said.tokens_in,
            tokens_cached=said.tokens_cached,
            tokens_out=said.tokens_out,
            tokens_thought=said.tokens_thought,
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
            "base_url": server.transport.base_url,
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
