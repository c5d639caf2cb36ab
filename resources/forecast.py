"""What requests will take before they are sent: tokens, money, time, from the ledger's history where it has any."""

from collections.abc import Sequence
from dataclasses import dataclass

from evergrow.resources.ledger import Ledger, Usage
from evergrow.resources.llm import prices
from evergrow.resources.settings import Settings

ENOUGH_HISTORY = 20  # answers of a role's model; fewer say little about the next ones
CHARS_PER_TOKEN = 4.0  # English text and code, roughly; only where there is no history
# What answers of our prompts take, roughly; likewise only where there is no history.
ANSWER_TOKENS = {"generator": 350, "judge": 130, "responder": 600, "tester": 300}


@dataclass(frozen=True, slots=True)
class Forecast:
    """What `requests` of one kind will take. `usd` and `seconds` are None where price or speed are not known."""

    work: str
    role: str
    model: str
    requests: int
    tokens_in: int
    tokens_out: int
    usd: float | None
    seconds: float | None
    basis: str

    def metadata(self) -> dict[str, int | float | str | None]:
        """For a materialization, beside the actual figures."""
        return {
            "planned_requests": self.requests,
            "planned_tokens_in": self.tokens_in,
            "planned_tokens_out": self.tokens_out,
            "planned_usd": self.usd,
            "planned_s": None if self.seconds is None else round(self.seconds, 1),
            "planned_from": self.basis,
        }


def forecast(
    settings: Settings, ledger: Ledger, *, work: str, role: str, requests: int, prompts: Sequence[str]
) -> Forecast:
    """What `requests` of `role` will take, if none is answered from the ledger.

    Args:
        settings: roles, endpoints and prices.
        ledger: where like requests were answered before.
        work: what they are for, in a word.
        role: who is asked.
        requests: how many.
        prompts: some of them, as texts: their length stands for all while there is no history.
    """
    model = settings.role(role).model or ""
    usage = ledger.usage(role, model)
    if usage.calls >= ENOUGH_HISTORY:
        each_in, each_out = usage.tokens_in, usage.tokens_out
        basis = f"the mean of its last {usage.calls:,} answers"
    else:
        chars = sum(map(len, prompts)) / max(len(prompts), 1)
        each_in, each_out = chars / CHARS_PER_TOKEN, min(ANSWER_TOKENS[role], settings.role(role).max_tokens)
        basis = f"{CHARS_PER_TOKEN:g} characters a token and {each_out} tokens an answer: there is no history yet"
    price, seconds = settings.prices.get(model), _seconds(settings, role, requests, usage)
    if settings.role(role).mode == "batch":
        price, seconds, basis = prices.offline(price), None, f"{basis}; answered within a day by the Batch API"
    tokens_in, tokens_out = round(requests * each_in), round(requests * each_out)
    return Forecast(
        work=work,
        role=role,
        model=model,
        requests=requests,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        usd=prices.cost(price, tokens_in, None, tokens_out),
        seconds=seconds,
        basis=basis,
    )


def _seconds(settings: Settings, role: str, requests: int, usage: Usage) -> float | None:
    """At the latency of before with every slot busy, or as fast as the endpoints' limits allow."""
    if usage.calls < ENOUGH_HISTORY:
        return None
    pool = settings.pool(role).values()
    busy = requests * usage.latency_s / sum(endpoint.concurrency for endpoint in pool)
    limits = [endpoint.requests_per_minute for endpoint in pool]
    allowed = 60.0 * requests / sum(limit for limit in limits if limit) if limits and all(limits) else 0.0
    return max(busy, allowed)
