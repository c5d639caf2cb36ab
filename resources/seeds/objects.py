"""JSON objects as typed columns: a type is read, never guessed, and no number loses a digit."""

import json
import re
from collections.abc import Collection
from typing import Any

import polars as pl

from evergrow.resources.seeds.json_rows import read_json
from evergrow.resources.seeds.json_values import JsonRows, type_name
from evergrow.resources.seeds.raw import MAX_COLUMNS, RawTable, UnreadableError
from evergrow.resources.seeds.source import SourceFault

BLOCK = 20_000  # rows that are held as Python objects at a time
ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
EXACT_FLOAT = 2**53
INT64 = range(-(2**63), 2**63)


def json_table(data: bytes, texts: Collection[str], ids: Collection[str]) -> RawTable:
    """The table of JSON text, as `table_of` makes it; block by block, so that not all of it is held as objects.

    Raises:
        UnreadableError: it is not JSON as a whole, or its objects have too many names.
    """
    has_escapes = ESCAPED_SURROGATE.search(data) is not None

    def read(block: int | None) -> list[RawTable]:
        parts: list[RawTable] = []

        def new() -> JsonRows:
            parts.clear()
            return JsonRows(block=block, taken=lambda rows: parts.append(made(rows)))

        rest = read_json(data, texts, new)
        return [*parts, made(rest)]

    def made(rows: JsonRows) -> RawTable:
        return table_of(rows, texts, ids, has_escapes=has_escapes)

    return _joined(read(BLOCK)) or read(None)[0]


def _joined(parts: list[RawTable]) -> RawTable | None:
    """All parts as one; None if a column has different types in them."""
    if len(parts) == 1:
        return parts[0]
    types: dict[str, pl.DataType] = {}
    forms: dict[str, bool] = {}
    for part in parts:
        for series in part.frame:
            if series.null_count() == series.len():
                continue
            as_json = series.name in part.as_json
            if (
                types.setdefault(series.name, series.dtype) != series.dtype
                or forms.setdefault(series.name, as_json) != as_json
            ):
                return None
    frames = [
        part.frame.cast({name: dtype for name, dtype in types.items() if name in part.frame.columns}) for part in parts
    ]
    lines = [line for part in parts for line in part.lines or ()] if all(part.lines for part in parts) else None
    return RawTable(
        pl.concat(frames, how="diagonal"),
        [row for part in parts for row in part.rows],
        lines,
        [fault for part in parts for fault in part.faults],
        tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        frozenset(name for name, as_json in forms.items() if as_json),
    )


def table_of(found: JsonRows, texts: Collection[str], ids: Collection[str], *, has_escapes: bool) -> RawTable:
    """The table of JSON rows.

    Args:
        found: the rows.
        texts: names of columns that must hold text or null; the table has them as String.
        ids: those among them in which whole numbers stand for their digits.
        has_escapes: whether half a surrogate pair, which is no text, may be among the texts.

    Raises:
        UnreadableError: there are more than `MAX_COLUMNS` names.
    """
    faults, kept, notes = list(found.faults), [], list(found.notes)
    if found.values and all(isinstance(value, str) for value in found.values):
        found.values = [{"content": value} for value in found.values]
        notes.append("an array of texts: each is taken as `content`")
    by_line = any(line > 1 for line in found.lines)
    for at, value in enumerate(found.values):
        if not isinstance(value, dict):
            words = f"holds {type_name(value)}, not an object with names for its values"
            faults.append(SourceFault(words, found.rows[at], found.lines[at] if by_line else None))
        elif has_escapes and not _is_text(value):
            words = "holds half a surrogate pair, such as \\ud83d alone: repair its text"
            faults.append(SourceFault(words, found.rows[at], found.lines[at] if by_line else None))
        else:
            kept.append(at)
    table = [found.values[at] for at in kept]
    rows = [found.rows[at] for at in kept]
    lines = [found.lines[at] for at in kept] if by_line else None
    names = list(dict.fromkeys(name for value in table for name in value))
    if len(names) > MAX_COLUMNS:
        raise UnreadableError(f"its objects have {len(names):,} different names, at most {MAX_COLUMNS:,}: nest them")
    columns: dict[str, pl.Series] = {}
    as_json = set()
    for name in names:
        values = [value.get(name) for value in table]
        if name in texts:
            values, wrong = _only_text(name, values, is_id=name in ids)
        else:
            wrong = _endless(name, values)
        faults += [SourceFault(words, rows[at], lines[at] if lines else None) for at, words in wrong]
        typed = _column(name, values)
        if typed is None:
            as_json.add(name)
            typed = _json_texts(name, values)
        columns[name] = typed
    return RawTable(pl.DataFrame(columns), rows, lines, faults, tuple(notes), frozenset(as_json))


def _is_text(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _only_text(name: str, values: list[Any], *, is_id: bool) -> tuple[list[str | None], list[tuple[int, str]]]:
    """`values` as text, and the positions and faults of those that are none."""
    if set(map(type, values)) <= {str, type(None)}:
        return values, []
    texts: list[str | None] = []
    wrong = []
    numbers = {str(value) for value in values if type(value) is int} if is_id else set()
    for at, value in enumerate(values):
        if value is None or isinstance(value, str):
            texts.append(value)
            if value in numbers:
                wrong.append((at, f"`{name}` is the text {value!r}, elsewhere the number {value}: make it one of them"))
        elif is_id and isinstance(value, int) and not isinstance(value, bool):
            texts.append(str(value))
        else:
            texts.append(None)
            also = " or a whole number" if is_id else ""
            wrong.append((at, f"`{name}` is {type_name(value)}: make it text{also}"))
    return texts, wrong


def _endless(name: str, values: list[Any]) -> list[tuple[int, str]]:
    """Numbers such as 1e400, which are larger than any that can be kept."""
    if float not in (types := set(map(type, values))) and not types & {dict, list}:
        return []
    return [
        (at, f"`{name}` holds a number beyond 1.8e308: write it as text, or as null")
        for at, value in enumerate(values)
        if isinstance(value, float | dict | list) and _is_endless(value)
    ]


def _is_endless(value: object) -> bool:
    if isinstance(value, float):
        return value in {float("inf"), float("-inf")}
    if isinstance(value, dict):
        return any(_is_endless(inner) for inner in value.values())
    return isinstance(value, list) and any(_is_endless(inner) for inner in value)


def _column(name: str, values: list[Any]) -> pl.Series | None:
    """One type for all `values`: text, truth values or numbers if all are, exactly; None where there is none."""
    types = set(map(type, values)) - {type(None)}
    if types <= {str}:
        return pl.Series(name, values, dtype=pl.String)
    if types == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if types == {int} and all(value is None or value in INT64 for value in values):
        return pl.Series(name, values, dtype=pl.Int64)
    if types <= {int, float} and all(not isinstance(v, int) or abs(v) <= EXACT_FLOAT for v in values):
        return pl.Series(name, values, dtype=pl.Float64)
    return None


def _json_texts(name: str, values: list[Any]) -> pl.Series:
    """Each of `values` as its JSON text."""
    texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    return pl.Series(name, texts, dtype=pl.String)
