import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergrow.methods.treesynth.nodes import LEVEL_SCHEMA, Node, children, node_row, root
from evergrow.methods.treesynth.reference_files import (
    Imported,
    TreeFileError,
    deepest,
    read_output,
    write_balanced_tree,
    write_output,
)
from tests.properties import examples

texts = st.text(min_size=1, max_size=12).filter(str.strip)
samples = st.none() | st.lists(texts, max_size=3)


def tree(value: Any, dimension: str | None, below: Any) -> Any:
    return st.fixed_dictionaries(
        {"attribute_value": value, "dimension": st.just(dimension), "samples": samples, "children": below}
    )


@st.composite
def trees(draw: Any, depth: int = 2, value: Any = None, dimension: str | None = None) -> dict[str, Any]:
    below: list[dict[str, Any]] = []
    if depth and draw(st.booleans()):
        name = draw(texts.map(str.strip))
        if draw(st.booleans()):
            values = draw(st.lists(texts, min_size=2, max_size=4, unique=True))
            below = [draw(trees(depth - 1, values, name))]
        else:
            values = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
            below = [draw(trees(depth - 1, each, name)) for each in values]
    return {"attribute_value": value, "dimension": dimension, "samples": draw(samples), "children": below}


def table(found: dict[str, Imported], node: Node) -> list[dict[str, Any]]:
    split = found[node.id].split
    own = {**node_row(node), "state": "inner" if split else "leaf"}
    return [own, *(row for child in (children(node, split) if split else []) for row in table(found, child))]


@given(trees())
@settings(max_examples=examples(60))
def test_a_tree_that_was_read_is_written_as_it_was(given_tree: dict[str, Any]) -> None:
    found = read_output(json.dumps(given_tree).encode(), "x.json", "t", "d")
    nodes = pl.DataFrame(table(found, root("t", "d")), schema=LEVEL_SCHEMA, orient="row")
    held = {name: node.texts for name, node in found.items() if node.texts is not None}

    assert json.loads(write_output(nodes, held)) == given_tree
    assert deepest(found, "t", "d") == nodes["depth"].max()


def test_the_balancing_scripts_own_spelling_is_read_as_well() -> None:
    below = [{"attribute": "a", "dimension": "D", "children": []}, {"attribute": "b", "dimension": "D"}]

    found = read_output(json.dumps({"children": below}).encode(), "x", "t", "d")

    assert len(found) == 3


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"nope", "is not JSON"),
        (b"[]", "is no tree"),
        (b"{}", "is no tree"),
        (b'{"children": {}, "x": 1}', None),
        (b'{"children": [{"dimension": "D", "children": []}]}', "has no 'attribute_value'"),
        (b'{"children": [{"attribute_value": "a"}]}', "do not share one 'dimension'"),
        (
            b'{"children": [{"dimension": "D", "attribute_value": "a"}, {"dimension": "E", "attribute_value": "b"}]}',
            "share one",
        ),
        (
            b'{"children": [{"dimension": "D", "attribute_value": "a"}, {"dimension": "D", "attribute_value": "a"}]}',
            "same value",
        ),
        (b'{"children": [{"dimension": "D", "attribute_value": ["a"]}]}', "fewer than two values"),
        (b'{"children": [], "samples": [1]}', "no list of texts"),
        (b'{"children": [3]}', "share one"),
        (b'{"children": "x"}', "no list"),
        (b"\xff\xfe", "is not JSON"),
    ],
)
def test_a_file_that_is_no_tree_is_named_with_the_place(data: bytes, why: str | None) -> None:
    if why is None:
        assert len(read_output(data, "x.json", "t", "d")) == 1
        return
    with pytest.raises(TreeFileError, match=f"x.json: .*{why}"):
        read_output(data, "x.json", "t", "d")


def test_a_balanced_tree_holds_the_ids_and_texts_of_its_leaves() -> None:
    found = read_output(
        b'{"children": [{"dimension": "D", "attribute_value": "a"}, {"dimension": "D", "attribute_value": "b"}]}',
        "x",
        "t",
        "d",
    )
    rows = table(found, root("t", "d"))
    nodes = pl.DataFrame(rows, schema=LEVEL_SCHEMA, orient="row")
    leaf = rows[1]["id"]

    written = json.loads(write_balanced_tree(nodes, {leaf: ["r1", "r2"]}, {leaf: ["one", "two"]}))

    first = written["children"][0]
    assert (first["depth"], first["dimension"], first["attribute"]) == (1, "D", "a")
    assert (first["sample_ids"], first["samples"]) == ('["r1", "r2"]', ["one", "two"])
