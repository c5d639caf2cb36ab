"""Counts of an engine's requests, and when they say that going on is of no use."""

from evergrow.resources.ledger import Call
from evergrow.resources.llm.faults import EndpointError
from evergrow.resources.llm.observer import Observer
from evergrow.resources.llm.requests import Outcome
from evergrow.resources.llm.streaks import Streak
from evergrow.resources.llm.tallies import Tallies
from evergrow.resources.settings import Settings


class Tally:
    """Counts for people and for other programs."""

    def __init__(self, settings: Settings, observer: Observer) -> None:
        self.counts = Tallies()
        self._settings, self._observer = settings, observer

    def sent(self) -> None:
        """Count an attempt."""
        self.counts.attempts += 1

    def retried(self) -> None:
        """Count an attempt that is made again."""
        self.counts.retries += 1

    def paid(self, call: Call) -> None:
        """Count a reply that is saved."""
        self.counts.pay(call)
        self._observer.replied(call)

    def settled(self, outcome: Outcome[object]) -> None:
        """Count an outcome."""
        self.counts.settle(outcome)
        self._observer.settled(outcome)

    def hopeless(self, streak: Streak) -> EndpointError:
        """What to say when nothing that follows can succeed."""
        assert streak.last is not None
        role = self._settings.role(streak.last.request.role)
        return EndpointError(f"endpoint {' or '.join(map(repr, role.endpoints))}: {streak.sentence(role.model or '')}")
