"""What one endpoint admits: adaptive concurrency, requests and tokens per minute, pauses, circuit breaker."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from evergrow.resources.llm.adaptive_limit import AdaptiveLimit
from evergrow.resources.llm.breaker import Breaker
from evergrow.resources.llm.rates import Bucket
from evergrow.resources.settings.endpoints import Endpoint

LONGEST_PAUSE_S = 60.0
_PARTS = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|h|m|s)")
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to send one request: the tokens that were set aside for it, and whether it probes a failing endpoint."""

    tokens_in: float
    tokens_out: float
    probe: bool


class Admission:
    """The state of one endpoint. Times are seconds of one monotonic clock; nothing here waits or sends."""

    def __init__(self, endpoint: Endpoint, now: float) -> None:
        self.in_flight = 0
        self.breaker = Breaker()
        self._most = endpoint.concurrency
        self._adaptive = AdaptiveLimit(endpoint.concurrency)
        self._paused_until = 0.0
        self._requests = _bucket(endpoint.requests_per_minute, now)
        self._input = _bucket(endpoint.input_tokens_per_minute, now)
        self._output = _bucket(endpoint.output_tokens_per_minute, now)

    @property
    def limit(self) -> int:
        """Requests that may be in flight now."""
        return self._adaptive.limit

    def wait_s(self, tokens_in: float, tokens_out: float, now: float) -> float | None:
        """Seconds until a request may be sent, 0 if it may now; None if another one has to come back first."""
        rest = self.breaker.wait_s(now)
        if self.in_flight >= self._adaptive.limit or rest is None:
            return None
        waits = [rest, self._paused_until - now]
        for bucket, amount in ((self._requests, 1.0), (self._input, tokens_in), (self._output, tokens_out)):
            if bucket is not None:
                waits.append(bucket.wait_s(amount, now))
        return max(0.0, *waits)

    def enter(self, tokens_in: float, tokens_out: float, now: float) -> Ticket:
        """Take a place that `wait_s` said is free; end with one of `answered`, `refused`, `failed`, then `leave`."""
        self.in_flight += 1
        for bucket, amount in ((self._requests, 1.0), (self._input, tokens_in), (self._output, tokens_out)):
            if bucket is not None:
                bucket.take(amount, now)
        return Ticket(tokens_in, tokens_out, self.breaker.enter())

    def leave(self) -> None:
        """Give the place back."""
        self.in_flight -= 1

    def answered(self, ticket: Ticket, tokens_in: int | None, tokens_out: int | None, now: float) -> bool:
        """The endpoint answered, with these tokens if it told them; True if that ended an outage."""
        self._adaptive.accepted(self.in_flight)
        if self._input is not None and tokens_in is not None:
            self._input.take(tokens_in - ticket.tokens_in, now)
        if self._output is not None and tokens_out is not None:
            self._output.take(tokens_out - ticket.tokens_out, now)
        return self.breaker.succeeded()

    def refused(self, ticket: Ticket, retry_after_s: float | None, now: float) -> bool:
        """The endpoint refused a request for its rate; True if that lowered the limit.

        One refusal concerns its request alone. Where they are frequent the limit is real, and everybody waits.
        """
        self._give_back(ticket, now)
        if ticket.probe:
            self.breaker.failed(now, probe=True)
        lowered = self._adaptive.refused(self.in_flight)
        if lowered and retry_after_s:
            self.pause(retry_after_s, now)
        return lowered

    def failed(self, ticket: Ticket, now: float) -> bool:
        """The endpoint failed to answer; True if that opened its breaker."""
        self._give_back(ticket, now)
        return self.breaker.failed(now, probe=ticket.probe)

    def pause(self, seconds: float, now: float) -> None:
        """Send nothing for so long, at most `LONGEST_PAUSE_S`."""
        self._paused_until = max(self._paused_until, now + min(seconds, LONGEST_PAUSE_S))

    def heed(self, headers: Mapping[str, str], now: float) -> None:
        """Pause when the endpoint's headers say that its allowance is used up."""
        for what in ("requests", "tokens"):
            if headers.get(f"x-ratelimit-remaining-{what}") == "0":
                self.pause(duration_s(headers.get(f"x-ratelimit-reset-{what}", "")), now)

    def _give_back(self, ticket: Ticket, now: float) -> None:
        for bucket, amount in ((self._input, ticket.tokens_in), (self._output, ticket.tokens_out)):
            if bucket is not None:
                bucket.take(-amount, now)


def duration_s(text: str) -> float:
    """Seconds of a duration such as `1s`, `6m0s`, `120ms` or `1.5`; 0 if it is none."""
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
        return float(text)
    return sum(float(number) * _UNIT_S[unit] for number, unit in _PARTS.findall(text))


def _bucket(per_minute: int | None, now: float) -> Bucket | None:
    return None if per_minute is None else Bucket(per_minute, now)
