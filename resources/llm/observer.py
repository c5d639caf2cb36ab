"""Events and counters for other programs, written to files that the settings name; none by default, nothing is sent."""

import json
import time
from collections import defaultdict
from typing import IO

from evergrow.resources.ledger import Call
from evergrow.resources.llm.counters import Series, add
from evergrow.resources.llm.faults import Fault
from evergrow.resources.llm.requests import Attribution, Failed, Outcome
from evergrow.resources.settings.operation import Observability

WRITE_EVERY_S = 5.0


class Observer:
    """Counts what happens, appends events as lines of JSON, and writes the counters now and then and at the end.

    Processes that run side by side share both files: see `counters`.
    """

    def __init__(self, settings: Observability, who: Attribution) -> None:
        self._metrics = settings.metrics
        self._who = {"run_id": who.run_id, "asset": who.asset, "partition": who.partition}
        self._unwritten: defaultdict[Series, float] = defaultdict(float)
        self._written_at = time.monotonic()
        self._events: IO[str] | None = None
        for path in (settings.events, settings.metrics):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
        if settings.events is not None:
            self._events = settings.events.open("a", encoding="utf-8", buffering=1)

    def event(self, name: str, **fields: object) -> None:
        """Append an event."""
        if self._events is not None:
            line = {"time": time.time(), "event": name, **self._who, **fields}
            self._events.write(json.dumps(line, default=str) + "\n")

    def attempt_failed(self, endpoint: str, fault: Fault) -> None:
        """Count a failed attempt by its class."""
        self._count("evergrow_attempts_failed_total", 1, endpoint=endpoint, kind=fault.kind.value)
        self.event(
            "attempt_failed", endpoint=endpoint, kind=fault.kind.value, status=fault.status, message=fault.message
        )

    def replied(self, call: Call) -> None:
        """Count a saved reply, its tokens, cost and latency."""
        if self._metrics is None:
            return
        self._count("evergrow_replies_total", 1, endpoint=call.endpoint, model=call.model)
        self._count("evergrow_tokens_total", call.tokens_in or 0, model=call.model, direction="in")
        self._count("evergrow_tokens_total", call.tokens_out or 0, model=call.model, direction="out")
        self._count("evergrow_usd_total", call.usd or 0.0, model=call.model)
        self._count("evergrow_latency_seconds_total", call.latency_s, endpoint=call.endpoint)

    def settled(self, outcome: Outcome[object]) -> None:
        """Count an outcome."""
        kind = type(outcome).__name__.lower()
        self._count("evergrow_requests_total", 1, role=outcome.request.role, outcome=kind)
        if isinstance(outcome, Failed):
            self.event("request_failed", key=outcome.request.key, kind=outcome.error_class, message=outcome.message)

    def close(self) -> None:
        """Write the counters and close the events."""
        self._write()
        if self._events is not None:
            self._events.close()

    def _count(self, name: str, amount: float, **labels: str) -> None:
        if self._metrics is None:
            return
        self._unwritten[name, (*labels.items(),)] += amount
        if time.monotonic() - self._written_at >= WRITE_EVERY_S:
            self._write()

    def _write(self) -> None:
        self._written_at = time.monotonic()
        if self._metrics is not None and self._unwritten:
            add(self._metrics, self._unwritten)
            self._unwritten.clear()
