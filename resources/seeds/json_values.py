"""JSON values on their way to rows: decoded exactly, and collected with their numbers and lines."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from evergrow.resources.seeds.source import SourceFault, quoted


@dataclass(slots=True)
class JsonRows:
    """Values that stand for rows, with their numbers and lines (from 1); what could not be read is in `faults`.

    With `block` set, `taken` gets the rows so far whenever there are so many, and they are forgotten here.
    """

    values: list[Any] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    faults: list[SourceFault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    count: int = 0
    block: int | None = None
    taken: Callable[["JsonRows"], None] | None = None

    def add(self, value: object, row: int, line: int) -> None:
        """Append one row."""
        self.values.append(value)
        self.rows.append(row)
        self.lines.append(line)
        self.count += 1
        if self.block and self.taken and len(self.values) >= self.block:
            self.taken(JsonRows(self.values, self.rows, self.lines))
            self.values, self.rows, self.lines = [], [], []


class Strict:
    """Decodes JSON exactly, and remembers what its rules forbid or leave open: doubled names, NaN."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self._decoder = json.JSONDecoder(object_pairs_hook=self._object, parse_constant=self._constant)

    def decode(self, text: str, at: int = 0) -> tuple[Any, int, str | None]:
        """The value at `at`, the position after it, and what is wrong with it."""
        self.wrong.clear()
        value, end = self._decoder.raw_decode(text, at)
        return value, end, self.wrong[0] if self.wrong else None

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            names = [name for name, _ in pairs]
            name = next(name for name in names if names.count(name) > 1)
            self.wrong.append(f"names {quoted(name)} twice: rename one of them")
        return made

    def _constant(self, name: str) -> None:
        self.wrong.append(f"holds {name}, which is no value of JSON: write null, or a number")


def type_name(value: object) -> str:
    """What a JSON value is, for a message."""
    names = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
