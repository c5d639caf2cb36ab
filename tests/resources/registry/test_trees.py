from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.resources.host.home import Home
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


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def test_a_tree_is_written_down_and_may_get_another_depth_and_target(home: Home) -> None:
    register(home, SPEC)
    register(home, replace(SPEC, rows=200, max_depth=3))

    assert registered_trees(home) == ["t"]
    assert tree_spec(home, "t") == replace(SPEC, rows=200, max_depth=3)


def test_a_tree_keeps_its_domain(home: Home) -> None:
    register(home, SPEC)

    with pytest.raises(TreeError, match="exists under the domain 'math', not 'gsm8k'"):
        register(home, replace(SPEC, domain="gsm8k"))
    assert tree_spec(home, "t").domain == "math"


@pytest.mark.parametrize("name", ["", "../x", "a b", "a|b", "x" * 64])
def test_a_name_that_cannot_be_a_trees_leaves_nothing_behind(home: Home, name: str) -> None:
    with pytest.raises(TreeError, match="cannot name a tree"):
        register(home, replace(SPEC, tree=name))
    assert registered_trees(home) == []


def test_an_unknown_tree_is_named_beside_those_that_there_are(home: Home) -> None:
    register(home, replace(SPEC, tree="maths"))

    with pytest.raises(UnknownTree, match=r"unknown tree 'math'; there are 'maths': did you mean 'maths'"):
        tree_spec(home, "math")
    with pytest.raises(UnknownTree):
        tree_spec(home, "../maths")


def test_an_imported_tree_keeps_its_file_and_takes_no_other(home: Home) -> None:
    first = register(home, SPEC, b"{}")

    assert imported_file(home, "t") == b"{}"
    assert register(home, replace(SPEC, rows=5)).imported == first.imported
    with pytest.raises(TreeError, match="exists already"):
        register(home, SPEC, b"[]")


def test_asking_to_sort_anew_counts_up_for_the_same_dataset(home: Home) -> None:
    register(home, SPEC)
    rows = pl.DataFrame({"id": ["a"], "content": ["x"]})

    first = register_balance(home, "t", rows, origin="f", rows=10, redo_from=None)
    again = register_balance(home, "t", rows, origin="f", rows=20, redo_from=1)
    other = register_balance(home, "t", rows.with_columns(content=pl.lit("y")), origin="g", rows=10, redo_from=None)

    assert (first.redo, again.redo, again.redo_from, other.redo) == (0, 1, 1, 0)
    assert balance_spec(home, "t") == other
    assert balance_dataset(home, "t", other)["content"].to_list() == ["y"]
