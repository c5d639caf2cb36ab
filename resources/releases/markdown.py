"""Markdown in which untrusted text stays text: no markup, no HTML, no front matter, no second line."""

import re
from collections.abc import Iterable, Sequence

import polars as pl

MARKUP = re.compile(r"([\\`*_\[\]<>|&!~#$])")
UNKNOWN = "unknown"


def text(value: object) -> str:
    """`value` on one line, with all markup escaped; None is "unknown", floats have four significant digits."""
    if value is None:
        return UNKNOWN
    told = f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if _is_count(value) else str(value)
    flat = "".join(c if c.isprintable() else " " for c in told)
    return MARKUP.sub(r"\\\1", " ".join(flat.split())) or "(empty)"


def table(frame: pl.DataFrame, heads: Sequence[str] = ()) -> str:
    """`frame` as a table, its columns under `heads` if given; numbers stand to the right."""
    if frame.is_empty():
        return "(none)"
    rules = ["---:" if kind.is_numeric() else "---" for kind in frame.dtypes]
    rows = [[text(value) for value in row] for row in frame.iter_rows()]
    lines = [[text(head) for head in heads or frame.columns], rules, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def pairs(items: Iterable[tuple[object, object]], heads: tuple[str, str]) -> str:
    """A table of two columns."""
    rows = [(text(key), text(value)) for key, value in items]
    if not rows:
        return "(none)"
    return "\n".join(f"| {first} | {second} |" for first, second in [heads, ("---", "---"), *rows])


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
