"""What requests will take before they are sent: what to expect, by the ledger's history, and what it may be at most."""

from collections.abc import Sequence
from dataclasses import dataclass

from evergrow.methods.text.counts import counted
from evergrow.resources.ledger import Ledger, Usage
from evergrow.resources.llm import Request, prices
from evergrow.resources.llm.rendering import prompt_bytes
from evergrow.resources.settings import Settings
from evergrow.resources.settings.roles import Role

ENOUGH_HISTORY = 20  # requests of a role's model; fewer say little about the next ones
PEEKED = 50  # of the texts or prompts that a forecast is about: their length stands for all
CHARS_PER_TOKEN = 4.0  # English text and code, roughly; only where there is no history
BYTES_PER_TOKEN = 5  # of an answer that is quoted back to be mended: more than English text and code have


@dataclass(frozen=True, slots=True)
class Work:
    """Questions of one kind.

    Attributes:
        name: what they are for, in a word.
        role: who is asked.
        asset: how the keys of the assets begin that ask such questions: their history stands for these.
        requests: how many are expected.
        most: how many there may be.
        like: some of them: their length stands for all, on average and at most.
        answer_tokens: what an answer takes, roughly, while there is no history.
    """

    name: str
    role: str
    asset: str
    requests: int
    most: int
    like: Sequence[Request]
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What `requests` of one kind will take, if none is answered from the ledger, and what they may take at most.

    `usd`, `most_usd` and `seconds` are None where price or speed are not known. The most is what a budget sets aside:
    every prompt as long as the longest seen, every answer as long as it may be, and every answer mended and drawn as
    often as the role allows. Only replies that are lost on the way can add to it.
    """

    work: str
    role: str
    model: str
    requests: int
    tokens_in: int
    tokens_out: int
    usd: float | None
    seconds: float | None
    most_requests: int
    most_tokens: int
    most_usd: float | None
    basis: str


def forecast(settings: Settings, ledger: Ledger, work: Work) -> Forecast:
    """What `work` will take."""
    role = settings.role(work.role)
    model = role.model or ""
    usage = ledger.costs.usage(work.role, model, work.asset)
    if usage.requests >= ENOUGH_HISTORY:
        each_in, each_out = usage.tokens_in, usage.tokens_out
        basis = f"the mean of its last {usage.requests:,} requests"
    else:
        chars = sum(len(r.system) + len(r.user) + sum(map(len, r.texts)) for r in work.like) / max(len(work.like), 1)
        each_in, each_out = chars / CHARS_PER_TOKEN, min(work.answer_tokens, role.max_tokens)
        history = (
            f"{counted(usage.requests, 'earlier requests tell', 'earlier request tells')} too little"
            if usage.requests
            else "there is no history yet"
        )
        basis = f"{CHARS_PER_TOKEN:g} characters a token and {each_out} tokens an answer: {history}"
    price, seconds = prices.price_of(settings, model), _seconds(settings, work, usage)
    if role.mode == "batch":
        price, seconds, basis = prices.offline(price), None, f"{basis}; answered within a day by the Batch API"
    tokens_in, tokens_out = round(work.requests * each_in), round(work.requests * each_out)
    answers, most_in, most_out = _most(role, work)
    return Forecast(
        work=work.name,
        role=work.role,
        model=model,
        requests=work.requests,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        usd=prices.cost(price, tokens_in, None, tokens_out),
        seconds=seconds,
        most_requests=answers,
        most_tokens=most_in + most_out,
        most_usd=prices.cost(price, most_in, None, most_out),
        basis=basis,
    )


def usable_share(settings: Settings, ledger: Ledger, role: str, asset: str) -> float:
    """Which share of a role's questions got an answer of use, by the ledger; 1 while it knows too few."""
    usage = ledger.costs.usage(role, settings.role(role).model or "", asset)
    return usage.usable / usage.requests if usage.requests >= ENOUGH_HISTORY else 1.0


def metadata(steps: Sequence[Forecast]) -> dict[str, int | float | str | None]:
    """For a materialization, beside the actual figures: the sum over all that it asks."""
    return {
        "planned_requests": sum(step.requests for step in steps),
        "planned_tokens_in": sum(step.tokens_in for step in steps),
        "planned_tokens_out": sum(step.tokens_out for step in steps),
        "planned_usd": known_sum([step.usd for step in steps]),
        "planned_s": None if (s := known_sum([step.seconds for step in steps])) is None else round(s, 1),
        "planned_most_requests": sum(step.most_requests for step in steps),
        "planned_most_tokens": sum(step.most_tokens for step in steps),
        "planned_most_usd": known_sum([step.most_usd for step in steps]),
        "planned_from": "; ".join(dict.fromkeys(f"{step.role}: {step.basis}" for step in steps)),
    }


def known_sum(values: Sequence[float | None]) -> float | None:
    """The sum; None if any of them is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _most(role: Role, work: Work) -> tuple[int, int, int]:
    """Answers, tokens of prompts and tokens of answers, at most."""
    prompt = max((prompt_bytes(request, None) for request in work.like), default=0)
    drawn, mended = work.most * role.draws, work.most * role.repair
    prompts = drawn * prompt + mended * (prompt + BYTES_PER_TOKEN * role.max_tokens)
    return drawn + mended, prompts, (drawn + mended) * role.max_tokens


def _seconds(settings: Settings, work: Work, usage: Usage) -> float | None:
    """At the latency of before with every slot busy, or as fast as the endpoints' limits allow."""
    if usage.requests < ENOUGH_HISTORY:
        return None
    pool = settings.pool(work.role).values()
    busy = work.requests * usage.latency_s / sum(endpoint.concurrency for endpoint in pool)
    limits = [endpoint.requests_per_minute for endpoint in pool]
    allowed = 60.0 * work.requests / sum(limit for limit in limits if limit) if limits and all(limits) else 0.0
    return max(busy, allowed)
