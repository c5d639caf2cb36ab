"""The reference's own files: `output.json`, read and written; `result.jsonl`; `tree_structure.txt` (method.md B.6)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from evergrow.methods.treesynth.nodes import Node, Split, children, read_node, root

MAX_TREE_DEPTH = 12


class TreeFileError(Exception):
    """A file that is no tree of the reference's; the message names the place in it and what was expected there."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A node of a file: how it divides (None: not yet, or never), and its texts (None: it is unfinished)."""

    split: Split | None
    texts: tuple[str, ...] | None


def read_output(data: bytes, name: str, tree: str, domain: str) -> dict[str, Imported]:
    """The nodes of an `output.json`, by the ids that they have in `tree`.

    Both spellings of a value's key are known: `attribute_value` (generators) and `attribute` (balancing).

    Raises:
        TreeFileError: it is not JSON, or not such a tree.
    """
    try:
        top = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TreeFileError(f"{name}: is not JSON: {error}") from error
    if not isinstance(top, dict) or "children" not in top:
        raise TreeFileError(f"{name}: is no tree: it needs one object with 'children', as output.json has")
    found: dict[str, Imported] = {}
    _read(top, root(tree, domain), "the root", name, found)
    return found


def deepest(nodes: Mapping[str, Imported], tree: str, domain: str) -> int:
    """The depth of the deepest node."""

    def depth(node: Node) -> int:
        split = nodes[node.id].split
        return max((depth(child) for child in children(node, split)), default=node.depth) if split else node.depth

    return depth(root(tree, domain))


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
    found[node.id] = Imported(split, None if texts is None else tuple(texts))
    if split:
        for number, (child, part) in enumerate(zip(children(node, split), below, strict=True)):
            _read(part, child, f"{place}.children[{number}]", name, found)


def _split(below: Sequence[Any], place: str, name: str) -> Split:
    dimensions = {part.get("dimension") for part in below if isinstance(part, dict)}
    if len(dimensions) != 1 or not all(isinstance(d, str) and d.strip() for d in dimensions):
        raise TreeFileError(f"{name}: the children of {place} do not share one 'dimension'")
    values = [part.get("attribute_value", part.get("attribute")) for part in below]
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


def write_output(nodes: pl.DataFrame, texts: Mapping[str, Sequence[str]]) -> bytes:
    """The tree as an `output.json`, indented by two.

    Args:
        nodes: the rows of all levels, the root first.
        texts: a node's texts by its id: samples of leaves, pivots of inner nodes.
    """
    return json.dumps(_nested(nodes, texts, _generator_keys), ensure_ascii=False, indent=2).encode() + b"\n"


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


def _generator_keys(_: Mapping[str, Any], node: Node) -> dict[str, Any]:
    return {"attribute_value": _value(node), "dimension": node.path[-1].dimension if node.path else None}


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
