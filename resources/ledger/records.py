"""Rows of the ledger as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a model and what became of it; times are seconds since 1970 UTC, durations seconds.

    `reply` is the body of the HTTP answer as it came, None if none came. `error_class` is None for an answer that can
    be used; "invalid" or "refused" for a reply that cannot; else the class of the failure, with `reply` None.
    `usd` is None while a price or the token counts are unknown. `draw` counts answers asked for one request, `turn` is
    1 for the turn that asks to repair a faulty answer. `base_url` is where the endpoint listens, without any secret;
    `tokens_thought` are those of `tokens_out` that the model spent on thinking.
    """

    call_id: str
    request_key: str
    slot: int
    draw: int
    turn: int
    role: str
    model: str
    endpoint: str
    prompt_version: str
    request: str
    run_id: str
    asset: str
    partition: str
    batch: str
    asked_at: float
    answered_at: float
    latency_s: float
    attempts: int
    model_returned: str | None = None
    reply: str | None = None
    finish_reason: str | None = None
    tokens_in: int | None = None
    tokens_cached: int | None = None
    tokens_out: int | None = None
    price_version: str | None = None
    usd: float | None = None
    error_class: str | None = None
    error_message: str | None = None
    base_url: str | None = None
    tokens_thought: int | None = None


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A reply that the ledger holds for a request."""

    request_key: str
    call_id: str
    draw: int
    turn: int
    reply: str
    model_returned: str | None
    error_class: str | None
    error_message: str | None
    answered_at: float
    run_id: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What recent requests took on average, with every answer that was drawn for them; 0 where there are none.

    `usable` of the `requests` got an answer of use; `latency_s` is that of one reply, seconds.
    """

    requests: int
    usable: int
    tokens_in: float
    tokens_out: float
    latency_s: float


@dataclass(frozen=True, slots=True)
class Spent:
    """A sum over rows; `usd` counts the rows whose cost is known, `unpriced_calls` those whose cost is not."""

    calls: int
    tokens_in: int
    tokens_out: int
    usd: float
    unpriced_calls: int

    def __add__(self, other: "Spent") -> "Spent":
        """Both together."""
        tokens = (self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out)
        unpriced = self.unpriced_calls + other.unpriced_calls
        return Spent(self.calls + other.calls, *tokens, self.usd + other.usd, unpriced)

    @property
    def tokens(self) -> int:
        """Input and output tokens."""
        return self.tokens_in + self.tokens_out

    @property
    def amount(self) -> "Amount":
        """Tokens and the money that is known."""
        return Amount(self.tokens, self.usd)


@dataclass(frozen=True, slots=True)
class OwnerCost:
    """What was asked for an owner: requests, their tokens, US dollars where known, and replies of unknown cost."""

    calls: int = 0
    tokens: int = 0
    usd_known: float = 0.0
    unpriced: int = 0

    def __add__(self, other: "OwnerCost") -> "OwnerCost":
        """Both together."""
        sums = (self.calls + other.calls, self.tokens + other.tokens, self.usd_known + other.usd_known)
        return OwnerCost(*sums, self.unpriced + other.unpriced)

    @property
    def usd(self) -> float | None:
        """US dollars; None if the cost of any reply is not known."""
        return None if self.unpriced else self.usd_known


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens, and US dollars."""

    tokens: int
    usd: float

    def __add__(self, other: "Amount") -> "Amount":
        """Both together."""
        return Amount(self.tokens + other.tokens, self.usd + other.usd)

    def __sub__(self, other: "Amount") -> "Amount":
        """What is left of it."""
        return Amount(self.tokens - other.tokens, self.usd - other.usd)

    def times(self, factor: int) -> "Amount":
        """So many times as much."""
        return Amount(self.tokens * factor, self.usd * factor)

    def covers(self, other: "Amount") -> bool:
        """Whether it is as much, of both."""
        return self.tokens >= other.tokens and self.usd >= other.usd


NOTHING = Amount(0, 0.0)
