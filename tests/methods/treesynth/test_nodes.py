import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.treesynth.nodes import (
    LEVEL_SCHEMA,
    Node,
    Split,
    children,
    connected,
    next_nodes,
    node_row,
    read_node,
    root,
    sample_id,
)

names = st.text(min_size=1, max_size=20)
splits = st.builds(Split, names, st.lists(names, min_size=2, max_size=6, unique=True).map(tuple), st.booleans())


def table(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=LEVEL_SCHEMA, orient="row")


def inner(node: Node, split: Split) -> dict[str, object]:
    return {
        **node_row(node),
        "state": "inner",
        "split_dimension": split.dimension,
        "split_values": list(split.values),
        "split_listed": split.listed,
    }


def leaf(node: Node) -> dict[str, object]:
    return {**node_row(node), "state": "leaf", "leaf_reason": "deep"}


@given(splits, splits)
def test_ids_are_stable_differ_and_carry_no_lineage_mark(first: Split, second: Split) -> None:
    top = root("t", "math")
    level = children(top, first)
    below = [child for node in level for child in children(node, second)]

    ids = [node.id for node in (top, *level, *below)]
    assert len(set(ids)) == len(ids)
    assert ids == [node.id for node in (top, *children(top, first), *below)]
    assert not any("_" in sample_id(name, 3) for name in ids)


@given(splits)
def test_a_list_becomes_one_child_and_counts_on_the_path(split: Split) -> None:
    made = children(root("t", "d"), split)

    assert len(made) == (1 if split.listed else len(split.values))
    assert [node.list_nodes for node in made] == [int(split.listed)] * len(made)
    assert [node.depth for node in made] == [1] * len(made)


@given(splits)
def test_nodes_come_back_from_a_table_as_they_were(split: Split) -> None:
    made = children(root("t", "d"), split)

    read = [read_node(row) for row in table(*map(leaf, made)).iter_rows(named=True)]

    assert read == made
    assert list(next_nodes(table(inner(root("t", "d"), split)))) == made


def test_trees_of_different_names_share_no_node() -> None:
    split = Split("Size", ("small", "large"))
    first, second = ({n.id for n in children(root(name, "d"), split)} for name in ("a", "b"))

    assert not first & second


def test_the_whole_tree_is_its_levels_without_what_belongs_to_no_parent() -> None:
    top, split = root("t", "d"), Split("Size", ("small", "large"))
    stale = children(root("other", "d"), split)
    levels = [table(inner(top, split)), table(*map(leaf, [*children(top, split), *stale]))]

    assert connected(levels)["id"].to_list() == [top.id, *(n.id for n in children(top, split))]


def test_a_level_that_lacks_a_node_or_is_missing_is_named() -> None:
    top, split = root("t", "d"), Split("Size", ("small", "large"))
    with pytest.raises(ValueError, match=r"level_1 lacks 1 node"):
        connected([table(inner(top, split)), table(leaf(children(top, split)[0]))])
    with pytest.raises(ValueError, match=r"level_1 is missing, with 2 node"):
        connected([table(inner(top, split))])
