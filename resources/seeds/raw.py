"""A file's rows as they stand in it, before anything is made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from evergrow.resources.seeds.source import SourceFault

EMPTY = "is empty: it needs at least one row"
MAX_COLUMNS = 1_000


@dataclass(frozen=True, slots=True)
class RawTable:
    """A table as it was read; no column is renamed or left out.

    `rows` are the rows' numbers in the file and `lines` the lines they begin at (None for Parquet and Arrow), both from
    1. Rows that cannot be read are in `faults` instead. `notes` are sentences for the user. `as_json` names the columns
    whose values are of no one type, or are lists or objects: each stands there as its JSON text.
    """

    frame: pl.DataFrame
    rows: Sequence[int] = ()
    lines: Sequence[int] | None = None
    faults: list[SourceFault] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    as_json: frozenset[str] = frozenset()

    def place(self, at: int) -> tuple[int, int | None]:
        """Row and line, both from 1, of the row at position `at`."""
        return self.rows[at], self.lines[at] if self.lines else None

    def found(self, text: pl.Expr) -> list[SourceFault]:
        """A fault for each row that `text` (String, null where all is well) has words for."""
        wrong = self.frame.select(text=text).with_row_index("at").drop_nulls("text")
        return [SourceFault(words, *self.place(at)) for at, words in wrong.iter_rows()]


class UnreadableError(Exception):
    """The bytes as a whole cannot be read as a table; `fault` says why and what to do."""

    def __init__(self, text: str, line: int | None = None) -> None:
        self.fault = SourceFault(text, line=line)
        super().__init__(str(self.fault))


class TooLargeError(UnreadableError):
    """It holds more bytes, once unpacked, than may be read."""
