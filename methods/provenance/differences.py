"""How one text became another: the words that stayed, went and came."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

MOST_WORDS = 3_000  # of longer texts, lines are compared: comparing words takes time that grows with their square
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class Change:
    """A part of two texts: in both (`same`), only in the first (`removed`), or only in the second (`added`)."""

    kind: Literal["same", "removed", "added"]
    text: str


def differences(before: str, after: str) -> tuple[Change, ...]:
    """The parts of both texts in order: `before` is what is same or removed, `after` what is same or added."""
    pattern = _WORDS if max(len(before), len(after)) <= MOST_WORDS * 6 else _LINES
    first, second = pattern.findall(before), pattern.findall(after)
    matcher = SequenceMatcher(None, first, second, autojunk=max(len(first), len(second)) > MOST_WORDS)
    return tuple(_joined(matcher, first, second))


def _joined(matcher: "SequenceMatcher[str]", first: list[str], second: list[str]) -> Iterator[Change]:
    for kind, start, stop, from_, to in matcher.get_opcodes():
        if kind == "equal":
            yield Change("same", "".join(first[start:stop]))
            continue
        if start < stop:
            yield Change("removed", "".join(first[start:stop]))
        if from_ < to:
            yield Change("added", "".join(second[from_:to]))
