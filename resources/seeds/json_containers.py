"""The rows that one JSON object holds: by column, by name, in a list inside, or the object itself as the only row."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from evergrow.resources.seeds.json_values import JsonRows, type_name
from evergrow.resources.seeds.raw import UnreadableError
from evergrow.resources.seeds.source import listed, quoted


def rows_inside(whole: Any, texts: Collection[str]) -> JsonRows:  # noqa: ANN401 - JSON
    """The rows of `whole`; `texts` are names under which a row has its text.

    Raises:
        UnreadableError: it holds none, or it cannot be told which.
    """
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
