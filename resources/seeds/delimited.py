"""Reads CSV, with any delimiter: by polars where the quoting is plain, else by the csv module, which names lines."""

import csv
import io
import re
import sys
from collections.abc import Collection, Sequence
from itertools import islice

import polars as pl

from evergrow.methods.text.counts import counted
from evergrow.resources.seeds.raw import EMPTY, RawTable, UnreadableError
from evergrow.resources.seeds.source import SourceFault, listed

DELIMITERS = ",;\t|"
SNIFFED_RECORDS, SNIFFED_CHARS = 20, 100_000
MAX_PLAIN_COLUMNS = 200

csv.field_size_limit(sys.maxsize)  # its limit of 131,072 knows neither row nor remedy; seeds.max_chars does


def has_header(text: str, names: Collection[str]) -> bool:
    """Whether the first line of `text` is a header that has one of `names`."""
    first = text.lstrip("\r\n").partition("\n")[0]
    return any(_names_of(first, delimiter) & set(names) for delimiter in DELIMITERS)


def read_csv(data: bytes, names: Collection[str]) -> RawTable:
    """The table in UTF-8 text without a mark, all of its columns String; empty fields are null.

    The delimiter is the one of `,`, `;`, tab and `|` with which the header has one of `names`, else the one that gives
    the first records as many fields as the header.

    Raises:
        UnreadableError: there is no header, it names a column twice, or the quoting is wrong.
    """
    head = data[:SNIFFED_CHARS].decode(errors="ignore")
    delimiter = _delimiter(head, names)
    header, line, start = _header(data, delimiter)
    if plain := _plain(data[start:], header, delimiter, line):
        return plain
    return _exact(data.decode(), delimiter)


def _names_of(line: str, delimiter: str) -> set[str]:
    try:
        return {name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])}
    except csv.Error:
        return set()


def _delimiter(head: str, names: Collection[str]) -> str:
    first = head.lstrip("\r\n").partition("\n")[0]
    by_name = [d for d in DELIMITERS if _names_of(first, d) & set(names)]
    candidates = by_name or list(DELIMITERS)

    def rank(delimiter: str) -> tuple[bool, int]:
        try:
            records = list(islice(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), SNIFFED_RECORDS))
        except csv.Error:
            return False, 0
        widths = {len(record) for record in records[: max(1, len(records) - 1)] if record}
        return len(widths) == 1, max(widths, default=0)

    return max(candidates, key=rank)


def _header(data: bytes, delimiter: str) -> tuple[list[str], int, int]:
    """The header's names, the line after it, and where that begins in `data`."""
    newline = "\n" if b"\n" in data else ""  # old Macs end lines with \r
    lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline=newline)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next((record for record in reader if record), None)
    except csv.Error as error:
        raise _wrong_quoting(error, reader.line_num) from error
    if header is None:
        raise UnreadableError(EMPTY)
    doubled = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if doubled:
        raise UnreadableError(f"its header names {listed(doubled)} twice: rename one of them", 1)
    start = 0
    for _ in range(reader.line_num):
        start = data.find(b"\n", start) + 1 or len(data)
    return header, reader.line_num + 1, start


def _plain(data: bytes, header: Sequence[str], delimiter: str, line: int) -> RawTable | None:
    """The records, if their form leaves nothing open: each of the header's length, quoted wholly or not at all."""
    width = len(header)
    if width > MAX_PLAIN_COLUMNS or not data.strip():
        return None
    mark = re.escape(delimiter.encode())
    unquoted = rb'[^"\r\n%s]*+' % mark if width > 1 else rb'[^"\r\n%s]++' % mark
    field = rb'(?:"[^"]*+(?:""[^"]*+)*+"|%s)' % unquoted
    record = rb"%s(?:%s%s){%d}" % (field, mark, field, width - 1)
    end = re.compile(rb"(?:%s\r?\n)*+" % record).match(data)
    if end is None or (data[end.end() :] and not re.compile(record).fullmatch(data, end.end())):
        return None
    frame = pl.read_csv(
        data, separator=delimiter, has_header=False, infer_schema=False, new_columns=list(header), raise_if_empty=False
    )
    if frame.width != width:
        return None
    breaks = pl.sum_horizontal(pl.all().str.count_matches("\n", literal=True).fill_null(0))
    heights = frame.select(n=1 + breaks)["n"]
    lines = (line + heights.cum_sum() - heights).to_list()
    empty_as_null = frame.select(pl.when(pl.all() != "").then(pl.all()))
    return RawTable(empty_as_null, range(1, frame.height + 1), lines)


def _exact(text: str, delimiter: str) -> RawTable:
    newline = "\n" if "\n" in text else ""
    reader = csv.reader(io.StringIO(text, newline=newline), delimiter=delimiter, strict=True)
    records: list[list[str]] = []
    rows: list[int] = []
    lines: list[int] = []
    faults: list[SourceFault] = []
    try:
        header = next(record for record in reader if record)
        row, line = 0, reader.line_num + 1
        for record in reader:
            row += bool(record)
            if len(record) == len(header):
                records.append(record)
                rows.append(row)
                lines.append(line)
            elif record:
                advice = f"put quotes around fields that hold {_word(delimiter)} or line breaks"
                faults.append(
                    SourceFault(f"has {counted(len(record), 'fields')}, the header {len(header)}: {advice}", row, line)
                )
            line = reader.line_num + 1
    except csv.Error as error:
        raise _wrong_quoting(error, reader.line_num) from error
    columns = zip(*records, strict=True) if records else ([] for _ in header)
    frame = pl.DataFrame(
        {
            name: pl.Series(name, [value or None for value in values], dtype=pl.String)
            for name, values in zip(header, columns, strict=True)
        }
    )
    return RawTable(frame, rows, lines, faults)


def _wrong_quoting(error: csv.Error, line: int) -> UnreadableError:
    return UnreadableError(f"not CSV: {error}; double the quotes inside a quoted field", line)


def _word(delimiter: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs"}.get(delimiter, repr(delimiter))
