"""Reads the bytes of a seed file as a table: JSON array, JSON lines, CSV or Parquet. Types are read, never guessed."""

import csv
import io
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from evergrow.resources.seeds.source import Fault, listed

EMPTY = "is empty: it needs at least one row"
MAX_COLUMNS = 1_000
EXACT_FLOAT = 2**53
INT64 = range(-(2**63), 2**63)
ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

csv.field_size_limit(
    sys.maxsize
)  # the module's own limit of 131,072 knows neither row nor remedy; seeds.max_chars does


@dataclass(frozen=True, slots=True)
class RawTable:
    """A file's rows as they stand in it.

    `id`, `content` and `kind`, where the file has them, are String columns of `frame`; `rows` are the rows' numbers in
    the file and `lines` the lines they begin at (None for Parquet and JSON arrays), both from 1. Rows that cannot be
    read are in `faults` instead.
    """

    frame: pl.DataFrame
    rows: list[int] = field(default_factory=list)
    lines: list[int] | None = None
    faults: list[Fault] = field(default_factory=list)


class UnreadableError(Exception):
    """The bytes as a whole cannot be read as a table."""

    def __init__(self, text: str, line: int | None = None) -> None:
        self.fault = Fault(text, line=line)
        super().__init__(str(self.fault))


def parse(data: bytes, suffix: str) -> RawTable:
    """The table in `data`; `suffix` (such as `.csv`, in lower case) decides how it is read, else its first characters.

    Raises:
        UnreadableError: the bytes are empty, no text, or not of the format.
    """
    if not data:
        raise UnreadableError(EMPTY)
    reader = READERS.get(suffix)
    if suffix == ".parquet" or (reader is None and data.startswith(b"PAR1")):
        return _parquet(data)
    text = _decode(data)
    return (reader or _sniff(text))(text)


def _sniff(text: str) -> Callable[[str], RawTable]:
    first_line = text.lstrip().partition("\n")[0]
    if first_line.startswith("["):
        return _json_array
    if first_line.startswith("{"):
        return _json_lines
    if "content" in re.split(r"""[,"\r]""", first_line):
        return _csv
    raise UnreadableError("is of no known format: name it .json, .jsonl, .csv or .parquet")


def _decode(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableError(f"is not UTF-8 text (byte 0x{data[error.start]:02x}): save it as UTF-8", line) from error
    if not text.strip():
        raise UnreadableError(EMPTY)
    if "\0" in text:
        raise UnreadableError(
            "holds a null byte: save it as plain UTF-8 text", text.count("\n", 0, text.index("\0")) + 1
        )
    return text


def _json(text: str) -> RawTable:
    """A .json file: an array, or lines that each hold an object."""
    if not text.lstrip().startswith("{"):
        return _json_array(text)
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return _json_lines(text)
    lists = [name for name, value in whole.items() if isinstance(value, list)]
    inside = f"; the rows may be the array under {listed(lists)}" if lists else ""
    raise UnreadableError(f"holds one JSON object, not an array of objects: put it in [ ]{inside}")


def _json_array(text: str) -> RawTable:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"not JSON at column {error.colno}: {error.msg}", error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"not JSON that can be read: {error}") from error
    if not isinstance(rows, list):
        raise UnreadableError(f"holds {_type_name(rows)}, not an array of objects: put the seeds in [ ]")
    return _from_objects(rows, list(range(1, len(rows) + 1)), None, [], has_escapes=_has_escapes(text))


def _json_lines(text: str) -> RawTable:
    if text.lstrip().startswith("["):
        return _json_array(text)
    objects: list[Any] = []
    lines: list[int] = []
    faults: list[Fault] = []
    row = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        row += 1
        try:
            objects.append(json.loads(line))
            lines.append(number)
        except json.JSONDecodeError as error:
            faults.append(Fault(f"not JSON at column {error.colno}: {error.msg}", row, number))
        except (ValueError, RecursionError) as error:
            faults.append(Fault(f"not JSON that can be read: {error}", row, number))
    bad = {fault.row for fault in faults}
    numbers = [n for n in range(1, row + 1) if n not in bad]
    return _from_objects(objects, numbers, lines, faults, has_escapes=_has_escapes(text))


def _has_escapes(text: str) -> bool:
    return ESCAPED_SURROGATE.search(text) is not None


def _from_objects(
    objects: list[Any], rows: list[int], lines: list[int] | None, faults: list[Fault], *, has_escapes: bool
) -> RawTable:
    """A table of JSON objects; `has_escapes` says that half a surrogate pair, which is no text, may be among them."""
    kept = []
    for at, value in enumerate(objects):
        line = lines[at] if lines else None
        if not isinstance(value, dict):
            faults.append(Fault(f"holds {_type_name(value)}, not an object with names for its values", rows[at], line))
        elif has_escapes and not _is_text(value):
            faults.append(Fault("holds half a surrogate pair, such as \\ud83d alone: repair its text", rows[at], line))
        else:
            kept.append(at)
    table = [objects[at] for at in kept]
    rows, lines = [rows[at] for at in kept], [lines[at] for at in kept] if lines else None
    names = list(dict.fromkeys(name for value in table for name in value))
    if len(names) > MAX_COLUMNS:
        raise UnreadableError(f"its objects have {len(names):,} different names, at most {MAX_COLUMNS:,}: nest them")
    columns = {}
    for name in names:
        values = [value.get(name) for value in table]
        if name in {"id", "content", "kind"}:
            values, wrong = _only_text(name, values)
            faults += [Fault(text, rows[at], lines[at] if lines else None) for at, text in wrong]
        columns[name] = _column(name, values)
    return RawTable(pl.DataFrame(columns), rows, lines, faults)


def _is_text(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _only_text(name: str, values: list[Any]) -> tuple[list[str | None], list[tuple[int, str]]]:
    """`values` as text (whole numbers are fine as ids), and the positions and faults of those that are none."""
    texts: list[str | None] = []
    wrong = []
    for at, value in enumerate(values):
        if value is None or isinstance(value, str):
            texts.append(value)
        elif name == "id" and isinstance(value, int) and not isinstance(value, bool):
            texts.append(str(value))
        else:
            texts.append(None)
            also = " or a whole number" if name == "id" else ""
            wrong.append((at, f"`{name}` is {_type_name(value)}: make it text{also}"))
    return texts, wrong


def _column(name: str, values: list[Any]) -> pl.Series:
    """One type for all `values`: text, truth values or numbers if all are, exactly; else each as its JSON text."""
    types = {type(value) for value in values if value is not None}
    if types <= {str}:
        return pl.Series(name, values, dtype=pl.String)
    if types == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if types == {int} and all(value is None or value in INT64 for value in values):
        return pl.Series(name, values, dtype=pl.Int64)
    if types <= {int, float} and all(not isinstance(v, int) or abs(v) <= EXACT_FLOAT for v in values):
        return pl.Series(name, values, dtype=pl.Float64)
    texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    return pl.Series(name, texts, dtype=pl.String)


def _csv(text: str) -> RawTable:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records: list[list[str]] = []
    rows: list[int] = []
    lines: list[int] = []
    faults: list[Fault] = []
    try:
        header = next(record for record in reader if record)
        _check_header(header)
        row, line = 0, reader.line_num + 1
        for record in reader:
            row += bool(record)
            if len(record) == len(header):
                records.append(record)
                rows.append(row)
                lines.append(line)
            elif record:
                advice = "put quotes around fields that hold commas or line breaks"
                faults.append(Fault(f"has {len(record)} fields, the header {len(header)}: {advice}", row, line))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableError(f"not CSV: {error}; double the quotes inside a quoted field", reader.line_num) from error
    columns = zip(*records, strict=True) if records else ([] for _ in header)
    frame = pl.DataFrame(
        {
            name: pl.Series(name, [value or None for value in values], dtype=pl.String)
            for name, values in zip(header, columns, strict=True)
        }
    )
    return RawTable(frame, rows, lines, faults)


def _check_header(header: list[str]) -> None:
    doubled = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if doubled:
        raise UnreadableError(f"its header names {listed(doubled)} twice: rename one of them", 1)
    for separator in (";", "\t"):
        if len(header) == 1 and separator in header[0]:
            raise UnreadableError(f"its fields are separated by {separator!r}: save it with commas", 1)


def _parquet(data: bytes) -> RawTable:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise UnreadableError(f"not a Parquet file that can be read: {error}") from error
    frame = frame.with_columns(pl.selectors.by_dtype(pl.Null).cast(pl.String))
    for name in {"id", "content", "kind"} & set(frame.columns):
        dtype = frame.schema[name]
        is_text = dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)
        if not is_text and not (name == "id" and dtype.is_integer()):
            raise UnreadableError(f"its column `{name}` is of type {dtype}: make it text")
        frame = frame.with_columns(pl.col(name).cast(pl.String))
    return RawTable(frame, list(range(1, frame.height + 1)))


def _type_name(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


READERS: dict[str, Callable[[str], RawTable]] = {
    ".json": _json,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".csv": _csv,
}
