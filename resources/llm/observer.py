"""Events and counters for other programs, written to files that the settings name; none by default, nothing is sent."""

import json
import os
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from evergrow.resources.ledger import Call
from evergrow.resources.llm.faults import Fault
from evergrow.resources.llm.requests import Attribution, Failed, Outcome
from evergrow.resources.settings import models

WRITE_EVERY_S = 5.0
HELP = {
    "evergrow_requests_total": "requests whose outcome is known",
    "evergrow_attempts_failed_total": "attempts that came to nothing",
    "evergrow_replies_total": "replies that were saved",
    "evergrow_tokens_total": "tokens of replies",
    "evergrow_usd_total": "US dollars of replies whose price is known",
    "evergrow_latency_seconds_total": "seconds from asking to reply",
}

Series = tuple[str, tuple[tuple[str, str], ...]]
# Counters never fall while their process lives: every step goes on from what the ones before it have counted.
_TOTALS: dict[tuple[Path, int], defaultdict[Series, float]] = {}


class Observer:
    """Counts what happens, appends events as lines of JSON, and writes the counters now and then and at the end.

    Counters go on over the steps of a process. Each process has a file of its own, see `metrics_file`, and its id as
    the label `process`, so that runs side by side neither overwrite nor repeat each other's series.
    """

    def __init__(self, settings: models.Observability, who: Attribution) -> None:
        process = os.getpid()
        self._metrics = None if settings.metrics is None else metrics_file(settings.metrics, process)
        self._who = {"run_id": who.run_id, "asset": who.asset, "partition": who.partition}
        self._process = str(process)
        self._counts: defaultdict[Series, float] = defaultdict(float)
        if self._metrics is not None:
            self._counts = _TOTALS.setdefault((self._metrics.absolute(), process), self._counts)
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
        self._counts[name, (*labels.items(), ("process", self._process))] += amount
        if time.monotonic() - self._written_at >= WRITE_EVERY_S:
            self._write()

    def _write(self) -> None:
        if self._metrics is None:
            return
        self._written_at = time.monotonic()
        aside = Path(f"{self._metrics}.tmp")
        aside.write_text(exposition(dict(self._counts)), encoding="utf-8")
        aside.replace(self._metrics)


def metrics_file(setting: Path, process: int) -> Path:
    """The file of one process's counters: `evergrow.prom` is written as `evergrow.4711.prom`."""
    return setting.with_name(f"{setting.stem}.{process}{setting.suffix}")


def exposition(counts: Mapping[Series, float]) -> str:
    """The counters in Prometheus's text format."""
    lines = []
    for name, text in HELP.items():
        series = [(labels, value) for (counted, labels), value in counts.items() if counted == name]
        if series:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} counter"]
            lines += [f"{name}{{{_labels(labels)}}} {value:.10g}" for labels, value in sorted(series)]
    return "\n".join([*lines, ""])


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    escaped = ((name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in labels)
    return ",".join(f'{name}="{value}"' for name, value in escaped)
