"""Reads JSON rows with the lines they begin at: an array, objects one after another, or one object that holds rows."""

import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from evergrow.resources.seeds.json_causes import cause
from evergrow.resources.seeds.raw import UnreadableError
from evergrow.resources.seeds.source import Fault, listed, quoted

SPACE = re.compile(r"[ \t\r\n]*")
NEXT_OBJECT = re.compile(r"^\{", re.MULTILINE)


@dataclass(slots=True)
class JsonRows:
    """Values that stand for rows, with their numbers and lines (from 1); what could not be read is in `faults`.

    With `block` set, `taken` gets the rows so far whenever there are so many, and they are forgotten here.
    """

    values: list[Any] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
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


class _Strict:
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
    strict, row = _Strict(), 0
    for number, line in enumerate(io.BytesIO(data), start=1):
        text = line.decode().strip(" \t\r\n")
        if not text:
            continue
        row += 1
        try:
            value, end, wrong = strict.decode(text)
        except json.JSONDecodeError as error:
            words = f"not JSON at column {error.colno}: {cause(text, error)}"
            found.faults.append(Fault(words, row, number))
            continue
        except (ValueError, RecursionError) as error:
            found.faults.append(Fault(f"not JSON that can be read: {error}", row, number))
            continue
        if text[end:].strip():
            wrong = _after(text, end)
        if wrong:
            found.faults.append(Fault(wrong, row, number))
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
    strict, at, line, row, passed = _Strict(), _skip(text, 0), 1, 0, 0
    while at < len(text):
        line, passed, row = line + text.count("\n", passed, at), at, row + 1
        try:
            value, end, wrong = strict.decode(text, at)
        except json.JSONDecodeError as error:
            if by_line.count:
                return by_line
            raise UnreadableError(f"not JSON at column {error.colno}: {cause(text, error)}", error.lineno) from error
        except (ValueError, RecursionError) as error:
            raise UnreadableError(f"not JSON that can be read: {error}") from error
        if wrong:
            found.faults.append(Fault(wrong, row, line))
        else:
            found.add(value, row, line)
        at = _skip(text, end)
        if at < len(text) and text[at] in ",]}":
            if by_line.faults and by_line.count + len(by_line.faults) > 1:
                return by_line
            raise UnreadableError(_stray(text, at), text.count("\n", 0, at) + 1)
    if found.count == 1 and not found.faults:
        return _inside(found.values[0], texts)
    return found


def _stray(text: str, at: int) -> str:
    if text[at] == ",":
        return "objects are separated by commas outside of an array: put [ before the first and ] after the last"
    return f"the {text[at]} closes nothing: delete it, or open it at the beginning"


def _array(text: str, found: JsonRows) -> JsonRows:
    strict = _Strict()
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
            found.faults.append(Fault(words, row, error.lineno))
            return found
        except (ValueError, RecursionError) as error:
            found.faults.append(Fault(f"not JSON that can be read: {error}", row, line))
            return found
        if wrong:
            found.faults.append(Fault(wrong, row, line))
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
        found.faults.append(Fault(words, line=text.count("\n", 0, at) + 1))
    return found


def _inside(whole: Any, texts: Collection[str]) -> JsonRows:  # noqa: ANN401 - JSON
    """The rows that one object holds: by column, by name, in a list inside, or the object itself as the only row."""
    found = JsonRows()
    if not isinstance(whole, dict):
        raise UnreadableError(f"holds {type_name(whole)}, not an array of objects: put the seeds in [ ]")
    _refuse_known(whole)
    if any(isinstance(whole.get(name), str) for name in texts):
        found.add(whole, 1, 1)
        return found
    lists = {name: value for name, value in whole.items() if isinstance(value, list) and value}
    tables = [name for name, value in lists.items() if all(isinstance(entry, dict) for entry in value)]
    if _is_split(whole):
        rows: Iterable[Any] = (dict(zip(whole["columns"], values, strict=True)) for values in whole["data"])
    elif len(tables) == 1 and not any(name.lower() in {"messages", "conversations", "conversation"} for name in tables):
        rows = lists[tables[0]]
        rest = [name for name in whole if name != tables[0]]
        beside = f"; what stands beside it is left out ({listed(rest, 5)})" if rest else ""
        found.notes.append(f"the rows are the list under {quoted(tables[0])}{beside}")
    elif len(tables) > 1:
        one = f"jq '.[{json.dumps(tables[0])}]' FILE > seeds.json"
        raise UnreadableError(f"holds several lists of objects ({listed(tables)}): write the one with seeds, {one}")
    elif _is_by_column(whole):
        rows = _by_column(whole)
    elif len(whole) > 1 and all(isinstance(value, dict) for value in whole.values()):
        named = "id" not in {name for value in whole.values() for name in value}
        rows = ({"id": name, **value} if named else value for name, value in whole.items())
    else:
        rows = [whole]
    for number, value in enumerate(rows, start=1):
        found.add(value, number, 1)
    return found


def _refuse_known(whole: Mapping[str, Any]) -> None:
    if {"cells", "nbformat"} <= whole.keys():
        raise UnreadableError("is a notebook: `evergrow seeds harvest FILE --batch B` takes the functions of its cells")
    if "children" in whole:
        raise UnreadableError("is a tree: `evergrow tree import` goes on from it")
    if set(whole) == {"error"} or set(whole) == {"detail"}:
        raise UnreadableError(f"is an error message, {quoted(str(next(iter(whole.values()))), 120)}: download it again")


def _is_split(whole: Mapping[str, Any]) -> bool:
    """Whether it is what pandas writes with `orient="split"`."""
    names, data = whole.get("columns"), whole.get("data")
    return (
        isinstance(names, list)
        and isinstance(data, list)
        and all(isinstance(name, str) for name in names)
        and all(isinstance(row, list) and len(row) == len(names) for row in data)
    )


def _is_by_column(whole: Mapping[str, Any]) -> bool:
    """Whether each name holds as many values as the others: lists, or pandas' objects by row."""
    values = list(whole.values())
    if not values or not (
        all(isinstance(v, list) and not any(isinstance(x, dict) for x in v) for v in values)
        or all(isinstance(v, dict) and not any(isinstance(x, dict | list) for x in v.values()) for v in values)
    ):
        return False
    if isinstance(values[0], dict) and not all(key.isdigit() for key in values[0]):
        return False
    lengths = {name: len(value) for name, value in whole.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{quoted(name)} {length:,}" for name, length in lengths.items())
        raise UnreadableError(f"is an object by column, whose columns are of different lengths ({told}): repair it")
    return True


def _by_column(whole: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    first = next(iter(whole.values()))
    if isinstance(first, dict):
        for key in first:
            yield {name: values.get(key) for name, values in whole.items()}
    else:
        for values in zip(*whole.values(), strict=True):
            yield dict(zip(whole, values, strict=True))


def _whole(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"not JSON at column {error.colno}: {cause(text, error)}", error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"not JSON that can be read: {error}") from error


def _skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def type_name(value: object) -> str:
    """What a JSON value is, for a message."""
    names = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
