"""What asking about a node brought and the node does not use: each thing with the reason, so that nothing just goes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from evergrow.methods.text.answers import excerpt

What = Literal["pivot", "dimension", "value", "answer"]
LEFT_OUT = pl.List(pl.Struct(dict.fromkeys(("what", "text", "why", "call_id"), pl.String)))
TEXT_CHARS, WHY_CHARS = 200, 300


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A pivot, a dimension or a value that is not used, or an answer of no use; `why` begins with a word or two."""

    what: What
    text: str
    why: str
    call_id: str | None = None


def as_column(things: Iterable[LeftOut]) -> list[dict[str, str | None]]:
    """The things as they stand in a table; texts and reasons may be shortened."""
    return [
        {
            "what": one.what,
            "text": excerpt(one.text, TEXT_CHARS),
            "why": excerpt(one.why, WHY_CHARS),
            "call_id": one.call_id,
        }
        for one in things
    ]


def counted(nodes: Sequence[Iterable[LeftOut]]) -> dict[str, int]:
    """How many of each kind were left out of all nodes, and why: `pivot: invalid`, `value: remainder`."""
    found = Counter(f"{one.what}: {one.why.partition(':')[0]}" for node in nodes for one in node)
    return dict(sorted(found.items()))


def of_answer(about: str, told: Any) -> LeftOut:  # noqa: ANN401 - a `NoAnswer`
    """An answer of no use to the question `about` something."""
    return LeftOut("answer", about, f"{'refused' if told.declined else 'invalid'}: {told.reason}")
