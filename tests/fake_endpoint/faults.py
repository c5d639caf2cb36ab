"""Which fault a request meets: fixed shares, the first n, or the server's state."""

import random
from dataclasses import dataclass, field, fields
from typing import Any

TRANSPORT = ("drop", "hang", "slow", "truncate")
CONTENT = ("refuse", "prose", "fence", "filter", "cut", "empty", "no_usage", "odd")


@dataclass(slots=True)
class Faults:
    """What goes wrong; every field can be set on the command line as JSON and at run time at `/_control`.

    share: probability of each fault, by HTTP status ("429") or by name (`TRANSPORT`, `CONTENT`).
    first: how many of the next requests meet each fault, by the same names; used up before `share` is looked at.
    by_seed: where `share` is drawn from, by each request and how often it came: a run meets the same faults whenever it
        is repeated, whatever its order; None: from the server's own sequence.
    answers: the strongest way of structured answers that is known, stronger ones are refused; "ignored": all are passed
        over in silence.
    models: what is served; empty: anything. listed: what is listed instead.
    only: text that a request's body must contain to meet a fault; empty: any request.
    longest: characters of a text that is embedded; a longer one is refused; 0: any.
    quirks: names of `tests.fake_endpoint.quirks`: standing ones hold for every request, of the others each meets one;
        where vectors are asked for, names of `tests.fake_endpoint.vectors`, which all hold.
    batches: whether there is a Batch API. batch_end: what a batch comes to after `batch_polls` looks ("": it goes on);
    an expired or cancelled one has answered the share `batch_done`, a failed one says `batch_reason`. batch_lost: lines
    of the next batch that are never answered. batch_noise: text before the lines of its files. batch_page: most
    batches in a list. batch_refuse, batch_drop, batch_hang: at the steps "upload" and "create", answer this status;
    do the step, then close the connection, so many times; do it, then never answer.
    """

    share: dict[str, float] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    by_seed: int | None = None
    retry_after: float | None = None
    latency: float = 0.0
    slow_s: float = 5.0
    key: str | None = None
    models: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    answers: str = "json_schema"
    per_second: float | None = None
    only: str = ""
    longest: int = 0
    quirks: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    error_code: str | None = None
    error_message: str = ""
    batches: bool = True
    batch_end: str = "completed"
    batch_polls: int = 0
    batch_done: float = 0.5
    batch_lost: int = 0
    batch_reason: str = "Enqueued token limit reached."
    batch_noise: str = ""
    batch_page: int = 100
    batch_refuse: dict[str, int] = field(default_factory=dict)
    batch_drop: dict[str, int] = field(default_factory=dict)
    batch_hang: str = ""

    def update(self, changes: dict[str, Any]) -> None:
        """Set the named fields; an unknown name is an error."""
        known = {f.name for f in fields(self)}
        if unknown := set(changes) - known:
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
        for name, new in changes.items():
            setattr(self, name, new)

    def pick(self, draw: random.Random, request: bytes = b"", attempt: int = 1) -> str | None:
        """The fault that the next request meets, if any; `request` is its digest, which came `attempt` times by now."""
        if self.by_seed is not None:
            draw = random.Random(f"{self.by_seed} {request.hex()} {attempt}")
        for name, left in self.first.items():
            if left > 0:
                self.first[name] = left - 1
                return name
        point = draw.random() if self.share else 1.0
        for name, share in self.share.items():
            if point < share:
                return name
            point -= share
        return None
