"""What every source of seeds returns, and how it says that it cannot."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

Kind = Literal["code", "question", "instruction"]
KINDS: tuple[Kind, ...] = ("code", "question", "instruction")
MAX_FAULTS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Seeds:
    """Seeds that are ready to be registered as a batch.

    `frame` has one row per seed and the columns `id` (root id: percent-encoded, unique), `seed_id` (as its author wrote
    it), `content`, `kind` (code; question: a programming task; instruction: any other) and `source` (file:row or
    path:line), all String and without nulls;
    `license` and `domain` (String, may be null) where known; then the columns of the file that evergrow has no use for.
    `notes` are sentences for the user, `origin` names where the seeds came from.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    origin: str = ""

    def spread(self, limit: int) -> "Seeds":
        """At most `limit` of them, 1 or more, taken at even distances."""
        rows = self.frame.height
        if rows <= limit:
            return self
        chosen = [number * rows // limit for number in range(limit)]
        return replace(self, frame=self.frame[chosen], notes=(*self.notes, f"{limit:,} of {rows:,} rows are taken"))


@dataclass(frozen=True, slots=True)
class SourceFault:
    """Something wrong with a source, and what to do; `row` and `line` count from 1, None where none is at fault."""

    text: str
    row: int | None = None
    line: int | None = None

    def __str__(self) -> str:
        row = f"row {self.row}" if self.row is not None else ""
        line = f"line {self.line}" if self.line is not None else ""
        place = f"{row} ({line})" if row and line else row or line
        return f"{place}: {self.text}" if place else self.text


class SeedError(Exception):
    """A source gives no seeds; the message names it, up to ten faults with their rows, and the remedies."""

    def __init__(self, origin: str, faults: Sequence[SourceFault]) -> None:
        self.origin = origin
        self.faults = tuple(_one_a_row(faults))
        shown = [str(fault) for fault in self.faults[:MAX_FAULTS_SHOWN]]
        more = len(self.faults) - len(shown)
        if len(self.faults) == 1:
            message = f"{origin}: {shown[0]}"
        else:
            tail = [f"  and {more:,} more"] if more else []
            message = "\n".join([f"{origin}: {len(self.faults):,} faults", *(f"  {line}" for line in shown), *tail])
        super().__init__(message)


def quoted(value: str, most: int = 40) -> str:
    """`value` for a message: on one line, without control characters, at most `most` characters of it."""
    return repr(value if len(value) <= most else value[: most - 1] + "…")


def listed(names: Sequence[str], most: int = 12) -> str:
    """`names` for a message, at most `most` of them."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(quoted(name) for name in names[:most]) + more


def _one_a_row(faults: Sequence[SourceFault]) -> list[SourceFault]:
    """The first fault of each row, in the order of rows: one fault often brings others along."""
    first: dict[object, SourceFault] = {}
    for number, fault in enumerate(faults):
        key = (fault.row, fault.line)
        first.setdefault(key if key != (None, None) else number, fault)
    return sorted(first.values(), key=lambda fault: (fault.row or 0, fault.line or 0))
