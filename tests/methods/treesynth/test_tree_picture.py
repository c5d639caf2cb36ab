from xml.etree import ElementTree as ET

import polars as pl

from evergrow.methods.treesynth.nodes import LEVEL_SCHEMA, Split, children, node_row, root
from evergrow.methods.treesynth.tree_picture import picture, text_histogram, text_tree

TOP, SPLIT = root("t", "d"), Split("Size", ("small <b>", "large"))
LEAVES = children(TOP, SPLIT)
NODES = pl.DataFrame(
    [
        {**node_row(TOP), "state": "inner", "split_dimension": "Size", "split_values": list(SPLIT.values)},
        *({**node_row(node), "state": "leaf", "leaf_reason": "deep"} for node in LEAVES),
    ],
    schema=LEVEL_SCHEMA,
    orient="row",
)


def test_the_text_shows_every_node_below_its_parent_with_its_rows() -> None:
    assert text_tree(NODES, {LEAVES[0].id: 7}).splitlines() == [
        "the whole space > Size",
        "├─ small <b> (leaf: deep, 7 rows)",
        "└─ large (leaf: deep, 0 rows)",
    ]


def test_the_picture_is_well_formed_whatever_the_names_are() -> None:
    drawn = ET.fromstring(picture(NODES))

    assert [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")][1] == "small <b> (leaf: deep)"


def test_a_large_tree_is_cut_and_says_so() -> None:
    assert text_tree(NODES, most=2).splitlines()[-1] == "... and 1 more node"


def test_the_histogram_counts_leaves() -> None:
    assert [line.split("|")[0].strip() for line in text_histogram([1, 1, 3]).splitlines()][::2] == ["1 row", "3 rows"]
    assert text_histogram([]) == ""
