"""Who looks at what changed sees every change once, the last one of an owner last."""

import subprocess
import sys

import polars as pl
import pytest

from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.resources.registry.bans import Ban, remember
from evergrow.resources.registry.batches import begin_fresh, end_fresh, fresh_since, stage, take_as_is, taken_as_is
from evergrow.resources.registry.registry import Registry, changes
from evergrow.resources.registry.trees import DomainText, register, register_balance, registered_domain
from evergrow.resources.seeds.source import Seeds

SEEDS = Seeds(pl.DataFrame({"id": ["1"], "content": ["x"]}), origin="odd \udcff\x00 name.json")
TREE = TreeSpec("t", "math", 2, 100, 42)

TOUCH = """
import sys
from evergrow.resources.lake.content_files import Files
from evergrow.resources.ledger.database import connect
from evergrow.resources.registry.registry import Registry, touch
registry = Registry(connect(sys.argv[1]), Files(sys.argv[2]))
for number in range(20):
    with registry.alone() as connection:
        touch(connection, "batch", f"{sys.argv[3]}-{number}")
"""


def test_changes_come_once_and_in_their_order(registry: Registry) -> None:
    assert changes(registry, 0) == (0, [])
    stage(registry, "b", SEEDS)
    register(registry, TREE)
    first, seen = changes(registry, 0)
    assert seen == [("batch", "b"), ("tree", "t")]

    remember(registry, [Ban("seed", "1")])
    take_as_is(registry, "b")

    last, seen = changes(registry, first)
    assert seen == [("ban", "seed"), ("batch", "b")]
    assert changes(registry, last) == (last, [])
    assert changes(registry, 0)[1] == [("tree", "t"), ("ban", "seed"), ("batch", "b")]


def test_what_is_as_it_was_is_no_change(registry: Registry) -> None:
    stage(registry, "b", SEEDS)
    take_as_is(registry, "b")
    register(registry, TREE)
    remember(registry, [Ban("seed", "1")])
    last, _ = changes(registry, 0)

    stage(registry, "b", SEEDS)
    take_as_is(registry, "b")
    register(registry, TREE)
    remember(registry, [Ban("seed", "1")])

    assert changes(registry, last) == (last, [])


def test_changes_of_several_processes_are_all_seen_whenever_one_looks(registry: Registry, ledger_url: str) -> None:
    command = [sys.executable, "-c", TOUCH, ledger_url, registry.files.locate("")]
    writers = [subprocess.Popen([*command, name]) for name in "xyz"]
    seen, last = [], 0
    while any(writer.poll() is None for writer in writers):
        last, new = changes(registry, last)
        seen += new
    seen += changes(registry, last)[1]

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert sorted(seen) == sorted(("batch", f"{name}-{number}") for name in "xyz" for number in range(20))


def test_seeds_replaced_keep_that_they_are_taken_as_they_are(registry: Registry) -> None:
    stage(registry, "b", SEEDS)
    assert not taken_as_is(registry, "b")
    take_as_is(registry, "b")
    stage(registry, "b", Seeds(SEEDS.frame.with_columns(content=pl.lit("y"))), replace=True)
    assert taken_as_is(registry, "b")


def test_a_batch_made_anew_is_so_since_the_first_command_until_it_is_through(registry: Registry) -> None:
    stage(registry, "b", SEEDS)
    assert fresh_since(registry, "b") == 0
    begin_fresh(registry, "b")
    since = fresh_since(registry, "b")
    begin_fresh(registry, "b")
    assert fresh_since(registry, "b") == since > 0
    end_fresh(registry, "b")
    assert fresh_since(registry, "b") == fresh_since(registry, "none") == 0


@pytest.mark.parametrize("text", ["name: math\nspace: x\n", "odd \x00 text"])
def test_a_tree_keeps_the_text_of_its_domain(registry: Registry, text: str) -> None:
    register(registry, TREE, domain=DomainText("math", text))
    register_balance(registry, "t", SEEDS.frame, origin="f", rows=None, redo_from=None)
    register(registry, TREE)

    found = registered_domain(registry, "t")
    assert found == DomainText("math", text)
    assert registered_domain(registry, "none") is None
