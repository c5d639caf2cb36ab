"""The reference's own files: `output.json`, read and written; `result.jsonl`; `tree_structure.txt` (method.md B.6).

What such a file has no place for goes into keys of our own, which other readers pass over: `records` beside `samples`
(fields, letter and attributes of each), and `merged` (values that said the same as another).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from evergrow.methods.treesynth.nodes import Attribute, Node, Split, children, read_node, root
from evergrow.methods.treesynth.samples import LETTERS
from evergrow.methods.treesynth.values import Merged

MAX_TREE_DEPTH = 12


class TreeFileError(Exception):
    """A file that is no tree of the reference's; the message names the place in it and what was expected there."""


@dataclass(frozen=True, slots=True)
class Held:
    """A text of a file, with what is known of it: its fields as JSON text, its letter, its attributes."""

    content: str
    fields: str = ""
    letter: str | None = None
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """A node of a file.

    Attributes:
        split: how it divides; None: not yet, or never.
        texts: its samples, or its pivots where it divides; None: it has none.
        merged: values that were left out because another says the same.
        open: it was not divided yet, as an interrupted run leaves it: its texts are its pivots.
    """

    split: Split | None
    texts: tuple[Held, ...] | None
    merged: tuple[Merged, ...] = ()
    open: bool = False


def parse_tree(data: bytes, name: str) -> dict[str, Any]:
    """The topmost node of an `output.json`.

    Raises:
        TreeFileError: it is not JSON, or not such a tree.
    """
    try:
        top = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TreeFileError(f"{name}: is not JSON: {error}") from error
    if not isinstance(top, dict) or "children" not in top:
        raise TreeFileError(f"{name}: is no tree: it needs one object with 'children', as output.json has")
    return top


def read_output(data: bytes, name: str, tree: str, domain: str, max_depth: int | None = None) -> dict[str, Imported]:
    """The nodes of an `output.json`, by the ids that they have in `tree`.

    Both spellings of a value's key are known: `attribute_value` (generators) and `attribute` (balancing).

    A node without children is open, and goes on, if a run that wrote the file was interrupted before it (another node
    has neither children nor samples), or if it lies at the file's greatest depth and the tree is to be deeper. Else it
    is a leaf, as one that found no dimension.

    max_depth: of the tree; None: the file's own.

    Raises:
        TreeFileError: it is not JSON, or not such a tree.
    """
    found: dict[str, Imported] = {}
    top = root(tree, domain)
    _read(parse_tree(data, name), top, "the root", name, found)
    depths = dict(_depths(found, top))
    lowest, bound = max(depths.values()), max_depth if max_depth is not None else max(depths.values())
    broken_off = interrupted(found)
    for key, node in found.items():
        goes_on = depths[key] < bound and (broken_off or depths[key] == lowest)
        if node.split is None and goes_on:
            found[key] = Imported(None, node.texts, node.merged, open=True)
    return found


def interrupted(nodes: Mapping[str, Imported]) -> bool:
    """Whether the run that wrote these nodes was not finished: one of them neither divides nor has any samples."""
    return any(node.split is None and node.texts is None for node in nodes.values())


def deepest(nodes: Mapping[str, Imported], tree: str, domain: str) -> int:
    """The depth of the deepest node."""
    return max(depth for _, depth in _depths(nodes, root(tree, domain)))


def _depths(nodes: Mapping[str, Imported], node: Node) -> Iterator[tuple[str, int]]:
    yield node.id, node.depth
    if split := nodes[node.id].split:
        for child in children(node, split):
            yield from _depths(nodes, child)


def _read(given: Any, node: Node, place: str, name: str, found: dict[str, Imported]) -> None:  # noqa: ANN401 - JSON
    if not isinstance(given, dict):
        raise TreeFileError(f"{name}: {place} is no object")
    if node.depth > MAX_TREE_DEPTH:
        raise TreeFileError(f"{name}: the tree is deeper than {MAX_TREE_DEPTH} levels")
    below = given.get("children") or []
    texts = given.get("samples")
    if not isinstance(below, list):
        raise TreeFileError(f"{name}: the children of {place} are no list")
    if texts is not None and not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
        raise TreeFileError(f"{name}: the samples of {place} are no list of texts")
    split = _split(below, place, name) if below else None
    held = None if texts is None else tuple(_held(texts, given.get("records")))
    found[node.id] = Imported(split, held, tuple(_merged(given.get("merged"))))
    if split:
        for number, (child, part) in enumerate(zip(children(node, split), below, strict=True)):
            _read(part, child, f"{place}.children[{number}]", name, found)


def _held(texts: Sequence[str], records: Any) -> Iterator[Held]:  # noqa: ANN401 - JSON
    """The texts with their records; a record that is none is passed over."""
    known = records if isinstance(records, list) and len(records) == len(texts) else [None] * len(texts)
    for text, given in zip(texts, known, strict=True):
        record = given if isinstance(given, dict) else {}
        fields, letter, attributes = (record.get(key) for key in ("fields", "letter", "attributes"))
        yield Held(
            text,
            json.dumps(fields, ensure_ascii=False, sort_keys=True) if isinstance(fields, dict) else "",
            letter if letter in LETTERS else None,
            tuple(Attribute(str(d), str(v)) for d, v in attributes.items()) if isinstance(attributes, dict) else (),
        )


def _merged(given: Any) -> Iterator[Merged]:  # noqa: ANN401 - JSON
    for part in given if isinstance(given, list) else ():
        if isinstance(part, dict) and isinstance(part.get("value"), str) and isinstance(part.get("into"), str):
            yield Merged(part["value"], part["into"], 1.0)


def _split(below: Sequence[Any], place: str, name: str) -> Split:
    dimensions = {part.get("dimension") for part in below if isinstance(part, dict)}
    if len(dimensions) != 1 or not all(isinstance(d, str) and d.strip() for d in dimensions):
        raise TreeFileError(f"{name}: the children of {place} do not share one 'dimension'")
    values = [value_of(part) for part in below]
    dimension = str(dimensions.pop()).strip()
    if len(values) == 1 and isinstance(values[0], list):
        listed = [str(value) for value in values[0]]
        if len(set(listed)) < len(listed) or len(listed) < 2:
            raise TreeFileError(f"{name}: the value list below {place} has fewer than two values, or one twice")
        return Split(dimension, tuple(listed), listed=True)
    if not all(isinstance(value, str) and value.strip() for value in values):
        raise TreeFileError(f"{name}: a child of {place} has no 'attribute_value'")
    if len(set(values)) < len(values):
        raise TreeFileError(f"{name}: two children of {place} have the same value")
    return Split(dimension, tuple(values))


def value_of(part: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """The value of a node in a file, in either spelling."""
    return part.get("attribute_value", part.get("attribute"))


def write_output(nodes: pl.DataFrame, texts: Mapping[str, Sequence[Held]]) -> bytes:
    """The tree as an `output.json`, indented by two.

    Args:
        nodes: the rows of all levels, the root first.
        texts: what a node holds by its id: samples of leaves, pivots of inner nodes.
    """

    def keys(row: Mapping[str, Any], node: Node) -> dict[str, Any]:
        own = {"attribute_value": _value(node), "dimension": node.path[-1].dimension if node.path else None}
        records = [_record(held) for held in texts.get(row["id"], ())]
        merged = [{"value": m["value"], "into": m["into"]} for m in row["merged"] or ()]
        return {**own, **({"records": records} if any(records) else {}), **({"merged": merged} if merged else {})}

    contents = {node: [held.content for held in found] for node, found in texts.items()}
    return json.dumps(_nested(nodes, contents, keys), ensure_ascii=False, indent=2).encode() + b"\n"


def _record(held: Held) -> dict[str, Any] | None:
    known = {
        "fields": json.loads(held.fields) if held.fields else None,
        "letter": held.letter,
        "attributes": {a.dimension: a.value for a in held.attributes},
    }
    return {key: value for key, value in known.items() if value} or None


def write_balanced_tree(
    nodes: pl.DataFrame, rows: Mapping[str, Sequence[str]], texts: Mapping[str, Sequence[str]]
) -> bytes:
    """The tree as the balancing script writes it: `depth, dimension, attribute, sample_ids, samples, children`."""

    def keys(row: Mapping[str, Any], node: Node) -> dict[str, Any]:
        edge = node.path[-1] if node.path else None
        return {
            "depth": node.depth,
            "dimension": edge.dimension if edge else None,
            "attribute": _value(node),
            "sample_ids": json.dumps(list(rows.get(row["id"], ()))),
        }

    return json.dumps(_nested(nodes, texts, keys), ensure_ascii=False, indent=2).encode() + b"\n"


def write_lines(records: Iterator[Mapping[str, object]]) -> bytes:
    """Records as JSON lines, such as `result.jsonl`."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def _value(node: Node) -> str | list[str] | None:
    if not node.path:
        return None
    edge = node.path[-1]
    return list(edge.values) if edge.is_list else edge.values[0]


def _nested(nodes: pl.DataFrame, texts: Mapping[str, Sequence[str]], keys: Any) -> dict[str, Any]:  # noqa: ANN401
    made: dict[str, dict[str, Any]] = {}
    top: dict[str, Any] = {}
    for row in nodes.sort("depth", "place", maintain_order=True).iter_rows(named=True):
        held = texts.get(row["id"])
        part = {**keys(row, read_node(row)), "samples": None if held is None else list(held), "children": []}
        made[row["id"]] = part
        if row["parent_id"] is None:
            top = part
        else:
            made[row["parent_id"]]["children"].append(part)
    return top
