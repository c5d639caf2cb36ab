"""The sensor that takes a tree from level to level and on to its samples."""

from contextlib import closing
from typing import Any

import dagster as dg
import pytest

from evergrow.assets.frontier import Stop
from evergrow.assets.keys import TREES_NAME, shard_names, shard_partition
from evergrow.resources.ledger import Ledger
from evergrow.resources.trees import TreeSpec, register
from evergrow.sensors.trees import decide
from tests.platform import Platform

SMALL: dict[str, Any] = {"max_depth": 2, "shards": 2, "adherence_rows": 0}


@pytest.fixture
def planted(platform: Platform) -> Platform:
    trees = platform.but(treesynth=SMALL)
    register(trees.home, TreeSpec("t", "customer_support", 1, 20, 42))
    trees.instance.add_dynamic_partitions(TREES_NAME, ["t"])
    return trees


def decision(platform: Platform) -> dg.RunRequest | Stop:
    with closing(Ledger.of(platform.settings)) as ledger:
        return decide(platform.instance, platform.definitions, platform.home, ledger, platform.settings, "t")


def requested(platform: Platform) -> tuple[str | None, str | None]:
    found = decision(platform)
    assert isinstance(found, dg.RunRequest), found
    again = decision(platform)
    assert isinstance(again, dg.RunRequest)
    assert again.run_key == found.run_key
    return found.job_name, found.partition_key


def test_a_tree_goes_on_by_itself_from_its_root_to_its_last_shard(planted: Platform) -> None:
    begun = decision(planted)
    assert isinstance(begun, Stop)
    assert "not begun" in begun.why
    assert planted.run("tree_level_0", "t") == ""

    steps = []
    while isinstance(found := decision(planted), dg.RunRequest):
        steps.append(requested(planted))
        assert found.job_name
        assert found.partition_key
        assert planted.run(found.job_name, found.partition_key) == ""

    shards = [shard_partition("t", name) for name in shard_names(2)]
    assert steps == [("tree_level_1", "t"), *(("tree_samples", str(shard)) for shard in shards)]
    assert found.why == "it is grown and its samples are written"


def test_a_level_that_its_gate_holds_back_starts_nothing(planted: Platform) -> None:
    strict = planted.but(treesynth={**SMALL, "max_leaves": 1})
    strict.run("tree_level_0", "t")

    held = decision(strict)

    assert isinstance(held, Stop)
    assert "treesynth/level_0 is not let through" in held.why


def test_a_spent_budget_stops_a_tree(planted: Platform) -> None:
    planted.run("tree_level_0", "t")
    planted.run("tree_level_1", "t")
    planted.run("tree_samples", shard_partition("t", "s00"))

    stop = decision(planted.but(budget={"max_tokens": 1}))

    assert isinstance(stop, Stop)
    assert "budget.max_tokens" in stop.why


def test_another_depth_grows_the_tree_further(planted: Platform) -> None:
    for step in ("tree_level_0", "tree_level_1"):
        planted.run(step, "t")
    register(planted.home, TreeSpec("t", "customer_support", 2, 20, 42))

    assert requested(planted)[0] == "tree_level_0"
