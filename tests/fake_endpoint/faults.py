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
    answers: the strongest way of structured answers that is known, stronger ones are refused; "ignored": all are passed
        over in silence.
    only: text that a request's body must contain to meet a fault; empty: any request.
    """

    share: dict[str, float] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    retry_after: float | None = None
    latency: float = 0.0
    slow_s: float = 5.0
    key: str | None = None
    models: list[str] = field(default_factory=list)
    answers: str = "json_schema"
    per_second: float | None = None
    only: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    error_code: str | None = None

    def update(self, changes: dict[str, Any]) -> None:
        """Set the named fields; an unknown name is an error."""
        known = {f.name for f in fields(self)}
        if unknown := set(changes) - known:
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
        for name, new in changes.items():
            setattr(self, name, new)

    def pick(self, draw: random.Random) -> str | None:
        """The fault that the next request meets, if any."""
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
