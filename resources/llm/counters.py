"""Counters in Prometheus's text format, in one file that all processes add to.

The file is what node-exporter's textfile collector expects: it is replaced as a whole, its series are as many as there
are labels, not processes, and no counter falls when a process ends, for whoever comes next goes on from it.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

HELP = {
    "evergrow_requests_total": "requests whose outcome is known",
    "evergrow_attempts_failed_total": "attempts that came to nothing",
    "evergrow_replies_total": "replies that were saved",
    "evergrow_tokens_total": "tokens of replies",
    "evergrow_usd_total": "US dollars of replies whose price is known",
    "evergrow_latency_seconds_total": "seconds from asking to reply",
}
Series = tuple[str, tuple[tuple[str, str], ...]]

_LINE = re.compile(r"(?P<name>\w+)\{(?P<labels>.*)\} (?P<value>[0-9.e+-]+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
_MEANT = {escaped[1]: plain for plain, escaped in _ESCAPES.items()}


def add(path: Path, increments: Mapping[Series, float]) -> None:
    """Add `increments` to the counters in the file at `path`, which is made if it is not there."""
    with FileLock(f"{path}.lock"):
        counts = defaultdict(float, read(path.read_bytes().decode(errors="replace")) if path.exists() else {})
        for series, amount in increments.items():
            counts[series] += amount
        aside = Path(f"{path}.tmp")
        aside.write_bytes(exposition(counts).encode())
        aside.replace(path)


def exposition(counts: Mapping[Series, float]) -> str:
    """The counters in Prometheus's text format."""
    lines = []
    for name, text in HELP.items():
        series = [(labels, value) for (counted, labels), value in counts.items() if counted == name]
        if series:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} counter"]
            lines += [f"{name}{{{_labels(labels)}}} {value!r}" for labels, value in sorted(series)]
    return "\n".join([*lines, ""])


def read(text: str) -> dict[Series, float]:
    """The counters of a text that `exposition` gave; lines that are none of ours are left out."""
    found: dict[Series, float] = {}
    for line in text.split("\n"):
        if (match := _LINE.fullmatch(line)) and match["name"] in HELP:
            labels = tuple((name, _unescaped(value)) for name, value in _LABEL.findall(match["labels"]))
            found[match["name"], labels] = float(match["value"])
    return found


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    return ",".join(f'{name}="{"".join(_ESCAPES.get(c, c) for c in value)}"' for name, value in labels)


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda match: _MEANT.get(match[1], match[0]), value)
