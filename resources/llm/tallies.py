"""Live counts of an engine's requests, for the progress note and for a materialisation's metadata."""

import time
from dataclasses import dataclass, field, replace

from evergrow.resources.ledger import Call
from evergrow.resources.llm.requests import Answered, Failed, Invalid, Outcome, Refused

UNUSUAL = ("reused", "refused", "invalid", "failed")


@dataclass(slots=True)
class Tallies:
    """What became of requests (answered includes reused), and what was sent and paid for."""

    answered: int = 0
    reused: int = 0
    refused: int = 0
    invalid: int = 0
    failed: int = 0
    attempts: int = 0
    retries: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    unpriced: int = 0
    started: float = field(default_factory=time.monotonic)

    def settle(self, outcome: Outcome[object]) -> None:
        """Count what became of a request."""
        match outcome:
            case Answered():
                self.answered += 1
                self.reused += outcome.cached
            case Refused():
                self.refused += 1
            case Invalid():
                self.invalid += 1
            case Failed():
                self.failed += 1

    def pay(self, call: Call) -> None:
        """Count a reply's tokens and cost."""
        self.tokens_in += call.tokens_in or 0
        self.tokens_out += call.tokens_out or 0
        self.usd += call.usd or 0.0
        self.unpriced += call.usd is None

    @property
    def done(self) -> int:
        """Requests whose outcome is known."""
        return self.answered + self.refused + self.invalid + self.failed

    def summary(self) -> dict[str, int | float | None]:
        """Figures for a materialisation's metadata; `usd` is None if the cost of any reply is unknown."""
        return {
            "requests": self.done,
            "answered": self.answered,
            "reused": self.reused,
            "refused": self.refused,
            "invalid": self.invalid,
            "failed": self.failed,
            "attempts": self.attempts,
            "retries": self.retries,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "usd": None if self.unpriced else round(self.usd, 6),
            "wall_s": round(time.monotonic() - self.started, 3),
        }


class Pace:
    """How one asking gets on, as a few words for a progress bar."""

    def __init__(self, tallies: Tallies, total: int) -> None:
        self._tallies, self._before = tallies, replace(tallies)  # an engine counts over all that it is asked
        self._total = total
        self._started = time.monotonic()

    def expect(self, taken: int) -> int:
        """The total, now that `taken` were taken in: more than was expected may follow from the answers."""
        self._total = max(self._total, taken)
        return self._total

    def note(self, *, left: bool = True) -> str:
        """Counts, rate, cost so far, the time left at the pace of what had to be asked; "" before the first outcome.

        left: whether the time left is told, if anything is: no pace tells it while nothing comes.
        """
        now, before, elapsed = self._tallies, self._before, max(time.monotonic() - self._started, 1e-6)
        done = now.done - before.done
        if not done:
            return ""  # "0 answered, $0.00" would read like a fault
        asked = done - (now.reused - before.reused)
        rate = (asked or done) / elapsed  # which is not 0: a request is done
        parts = [f"{now.answered - before.answered:,} answered"]
        parts += [f"{n:,} {word}" for word in UNUSUAL if (n := getattr(now, word) - getattr(before, word))]
        told = [f"{_clock((self._total - done) / rate)} left"] if left and done < self._total else []
        cost = _cost(now.usd - before.usd, now.unpriced - before.unpriced)
        return ", ".join([*parts, f"{rate:,.1f}/s", cost, *told])


def _cost(usd: float, unpriced: int) -> str:
    """What was spent, and how many replies nobody knows the price of."""
    unknown = f"{unpriced:,} {'reply' if unpriced == 1 else 'replies'} of unknown price" if unpriced else ""
    return " and ".join(filter(None, (f"${usd:,.2f}" if usd or not unpriced else "", unknown)))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
