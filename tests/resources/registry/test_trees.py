from dataclasses import replace

import polars as pl
import pytest

from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.trees import (
    TreeError,
    UnknownTree,
    balance_dataset,
    balance_spec,
    imported_file,
    register,
    register_balance,
    registered_trees,
    tree_spec,
)

SPEC = TreeSpec("t", "math", 2, 100, 42)


def test_a_tree_is_written_down_and_may_get_another_depth_and_target(registry: Registry) -> None:
    register(registry, SPEC)
    register(registry, replace(SPEC, rows=200, max_depth=3))

    assert registered_trees(registry) == ["t"]
    assert tree_spec(registry, "t") == replace(SPEC, rows=200, max_depth=3)


def test_a_tree_keeps_its_domain(registry: Registry) -> None:
    register(registry, SPEC)

    with pytest.raises(TreeError, match="exists under the domain 'math', not 'gsm8k'"):
        register(registry, replace(SPEC, domain="gsm8k"))
    assert tree_spec(registry, "t").domain == "math"


@pytest.mark.parametrize("name", ["", "../x", "a b", "a|b", "x" * 64])
def test_a_name_that_cannot_be_a_trees_leaves_nothing_behind(registry: Registry, name: str) -> None:
    with pytest.raises(TreeError, match="cannot name a tree"):
        register(registry, replace(SPEC, tree=name))
    assert registered_trees(registry) == []


def test_an_unknown_tree_is_named_beside_those_that_there_are(registry: Registry) -> None:
    register(registry, replace(SPEC, tree="maths"))

    with pytest.raises(UnknownTree, match=r"unknown tree 'math'; there are 'maths': did you mean 'maths'"):
        tree_spec(registry, "math")
    with pytest.raises(UnknownTree):
        tree_spec(registry, "../maths")


def test_an_imported_tree_keeps_its_file_and_takes_no_other(registry: Registry) -> None:
    first = register(registry, SPEC, b"{}")

    assert imported_file(registry, "t") == b"{}"
    assert register(registry, replace(SPEC, rows=5)).imported == first.imported
    with pytest.raises(TreeError, match="exists already"):
        register(registry, SPEC, b"[]")


def test_asking_to_sort_anew_counts_up_for_the_same_dataset(registry: Registry) -> None:
    register(registry, SPEC)
    rows = pl.DataFrame({"id": ["a"], "content": ["x"]})

    first = register_balance(registry, "t", rows, origin="f", rows=10, redo_from=None)
    again = register_balance(registry, "t", rows, origin="f", rows=20, redo_from=1)
    other = register_balance(registry, "t", rows.with_columns(content=pl.lit("y")), origin="g", rows=10, redo_from=None)

    assert (first.redo, again.redo, again.redo_from, other.redo) == (0, 1, 1, 0)
    assert balance_spec(registry, "t") == other
    assert balance_dataset(registry, "t", other)["content"].to_list() == ["y"]
