"""Reads JSON rows with the lines they begin at: an array, objects one after another, or one object that holds rows.

Objects are decoded by the standard library, and only what lies between them is read here. `polars.read_ndjson` is ten
times as quick (20 MiB, 29,000 rows: 0.04 s of CPU, this 0.4 s: `benchmarks/seeds.py`), but it takes what must be
refused, and says of nothing in which line it stands. Tried on its version 2.1: a name that comes twice loses its second
value, a column that begins after the rows from which types are guessed is lost whole, a number among texts becomes
text, half a surrogate pair becomes a null character; an error names a character of some line, and ends all reading.
"""

import io
import json
import re
from collections.abc import Callable, Collection
from typing import Any

from evergrow.resources.seeds.json_causes import cause, unread
from evergrow.resources.seeds.json_containers import rows_inside
from evergrow.resources.seeds.json_values import JsonRows, Strict, type_name
from evergrow.resources.seeds.raw import UnreadableError
from evergrow.resources.seeds.source import SourceFault

SPACE = re.compile(r"[ \t\r\n]*")
NEXT_OBJECT = re.compile(r"^\{", re.MULTILINE)


def read_json(data: bytes, texts: Collection[str], new: Callable[[], JsonRows] = JsonRows) -> JsonRows:
    """The rows of JSON text.

    Args:
        data: UTF-8 without a mark; its first visible character is `[` or `{`, or it is another JSON value.
        texts: names under which a row has its text; one object that has one of them is a row itself.
        new: makes what the rows are collected in, anew for each way of reading that is tried.

    Raises:
        UnreadableError: it is not JSON as a whole, or one object that holds no rows.
    """
    start = data[:1_000].lstrip()[:1] or data.lstrip()[:1]
    if start == b"{":
        by_line = _json_lines(data, new())
        if not by_line.faults and by_line.count > 1:
            return by_line
        return _objects(data.decode(), by_line, texts, new())
    text = data.decode()
    if start == b"[":
        return _array(text, new())
    value = _whole(text)
    raise UnreadableError(f"holds {type_name(value)}, not an array of objects: put the seeds in [ ]")


def _json_lines(data: bytes, found: JsonRows) -> JsonRows:
    """One value a line; blank lines are passed over, lines that are not JSON are faults."""
    strict, row = Strict(), 0
    for number, line in enumerate(io.BytesIO(data), start=1):
        text = line.decode().strip(" \t\r\n")
        if not text:
            continue
        row += 1
        try:
            value, end, wrong = strict.decode(text)
        except json.JSONDecodeError as error:
            words = f"not JSON at column {error.colno}: {cause(text, error)}"
            found.faults.append(SourceFault(words, row, number))
            continue
        except (ValueError, RecursionError) as error:
            found.faults.append(SourceFault(f"not JSON that can be read: {unread(error)}", row, number))
            continue
        if text[end:].strip():
            wrong = _after(text, end)
        if wrong:
            found.faults.append(SourceFault(wrong, row, number))
        else:
            found.add(value, row, number)
    return found


def _after(text: str, end: int) -> str:
    after = text[end:].lstrip()
    column = len(text) - len(after) + 1
    if after == ",":
        return (
            "ends with a comma, as in an array: delete the commas at the ends of lines, sed 's/,$//' FILE > seeds.jsonl"
        )
    if after[0] in "{[,":
        return f"holds two values, the second at column {column}: put each on a line of its own"
    return f"not JSON at column {column}: more follows after the object is closed"


def _objects(text: str, by_line: JsonRows, texts: Collection[str], found: JsonRows) -> JsonRows:
    """Objects that may each take several lines, or one object that holds rows; `by_line` is what lines gave."""
    strict, at, line, row, passed = Strict(), _skip(text, 0), 1, 0, 0
    while at < len(text):
        line, passed, row = line + text.count("\n", passed, at), at, row + 1
        try:
            value, end, wrong = strict.decode(text, at)
        except json.JSONDecodeError as error:
            if by_line.count:
                return by_line
            raise UnreadableError(f"not JSON at column {error.colno}: {cause(text, error)}", error.lineno) from error
        except (ValueError, RecursionError) as error:
            if by_line.count:
                return by_line
            raise UnreadableError(f"not JSON that can be read: {unread(error)}", line) from error
        if wrong:
            found.faults.append(SourceFault(wrong, row, line))
        else:
            found.add(value, row, line)
        at = _skip(text, end)
        if at < len(text) and text[at] in ",]}":
            if by_line.faults and by_line.count + len(by_line.faults) > 1:
                return by_line
            raise UnreadableError(_stray(text, at), text.count("\n", 0, at) + 1)
    if found.count == 1 and not found.faults:
        return rows_inside(found.values[0], texts)
    return found


def _stray(text: str, at: int) -> str:
    if text[at] == ",":
        return "objects are separated by commas outside of an array: put [ before the first and ] after the last"
    return f"the {text[at]} closes nothing: delete it, or open it at the beginning"


def _array(text: str, found: JsonRows) -> JsonRows:
    strict = Strict()
    at, line, passed, row = _skip(text, _skip(text, 0) + 1), 1, 0, 0
    while text[at : at + 1] != "]" or row:
        line, passed, row = line + text.count("\n", passed, at), at, row + 1
        try:
            value, end, wrong = strict.decode(text, at)
            at = _skip(text, end)
            if text[at : at + 1] not in {",", "]"}:
                raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
            closed = text[at] == "]"
            at = _skip(text, at + 1)
            if not closed and text[at : at + 1] == "]":
                raise json.JSONDecodeError("Expecting value", text, at)
        except json.JSONDecodeError as error:
            words = f"not JSON at column {error.colno}: {cause(text, error)}"
            found.faults.append(SourceFault(words, row, error.lineno))
            return found
        except (ValueError, RecursionError) as error:
            found.faults.append(SourceFault(f"not JSON that can be read: {unread(error)}", row, line))
            return found
        if wrong:
            found.faults.append(SourceFault(wrong, row, line))
        else:
            found.add(value, row, line)
        if closed:
            return _without_rest(text, at, found)
    return _without_rest(text, _skip(text, at + 1), found)


def _without_rest(text: str, at: int, found: JsonRows) -> JsonRows:
    if at < len(text):
        several = text[at] == "["
        advice = "join them with `jq -s add FILE > seeds.json`" if several else "delete what follows"
        what = "a second array" if several else "something"
        words = f"{what} follows after the array is closed: {advice}"
        found.faults.append(SourceFault(words, line=text.count("\n", 0, at) + 1))
    return found


def _whole(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"not JSON at column {error.colno}: {cause(text, error)}", error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"not JSON that can be read: {unread(error)}") from error


def _skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at
