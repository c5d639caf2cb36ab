"""The sensor that takes a tree from level to level and on to its samples."""

import subprocess
import sys
from contextlib import closing
from typing import Any

import dagster as dg
import pytest

from evergrow.assets.names import TREES_NAME, shard_names, shard_partition
from evergrow.flows.frontier import Stop
from evergrow.flows.runs import HOST, PID, close_dead_runs
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.resources.host.dagster_private import PARTITION_NAME_TAG, RUN_KEY_TAG
from evergrow.resources.host.processes import this_host
from evergrow.resources.ledger import Ledger
from evergrow.resources.registry.trees import register
from evergrow.sensors.trees import decide
from tests.platform import Platform
from tests.sensors.conftest import look, reason
from tests.sensors.conftest import requested as requested_by

SMALL: dict[str, Any] = {"max_depth": 2, "shards": 2, "adherence_rows": 0}


@pytest.fixture
def planted(platform: Platform) -> Platform:
    trees = platform.but(treesynth=SMALL)
    register(trees.registry, TreeSpec("t", "customer_support", 1, 20, 42))
    trees.instance.add_dynamic_partitions(TREES_NAME, ["t"])
    return trees


def decision(platform: Platform) -> dg.RunRequest | Stop:
    with closing(Ledger.of(platform.settings)) as ledger:
        return decide(platform.instance, platform.definitions, platform.registry, ledger, platform.settings, "t")


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
    register(planted.registry, TreeSpec("t", "customer_support", 2, 20, 42))

    assert requested(planted)[0] == "tree_level_0"


def test_what_was_made_under_other_settings_is_not_paid_for_again_unasked(planted: Platform) -> None:
    for step in ("tree_level_0", "tree_level_1"):
        planted.run(step, "t")

    stop = decision(planted.but(model="another"))

    assert isinstance(stop, Stop)
    assert "its prompt, model or rules changed; `evergrow tree grow t`" in stop.why


def test_a_run_that_failed_is_not_launched_again_for_the_same_cause(planted: Platform) -> None:
    planted.run("tree_level_0", "t")
    found = decision(planted)
    assert isinstance(found, dg.RunRequest)
    tags = {**found.tags, RUN_KEY_TAG: str(found.run_key), PARTITION_NAME_TAG: "t"}
    job = planted.definitions.resolve_job_def(str(found.job_name))
    run = planted.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    assert reason(look(planted, "next_level")) == f"t: run {run.run_id} is working on it"

    planted.instance.report_run_failed(run)

    stop = decision(planted)
    assert isinstance(stop, Stop)
    assert f"tree_level_1 was started and ended in FAILURE (run {run.run_id})" in stop.why


def test_a_tree_that_cannot_go_on_does_not_hold_up_the_others(planted: Platform) -> None:
    planted.run("tree_level_0", "t")
    register(planted.registry, TreeSpec("gone", "no_such_domain", 1, 20, 42))
    register(planted.registry, TreeSpec("deep", "math", 5, 20, 42))
    planted.instance.add_dynamic_partitions(TREES_NAME, ["gone", "deep", "unregistered"])

    assert requested_by(look(planted, "next_level")) == {"t": "tree_level_1"}
    register(planted.registry, TreeSpec("t", "customer_support", 9, 20, 42))

    said = reason(look(planted, "next_level"))
    assert "unknown domain 'no_such_domain'" in said
    assert "deep: it is 5 levels deep, treesynth.max_depth is 2: raise it" in said
    assert "unknown tree 'unregistered'" in said


def test_a_shard_whose_process_was_killed_is_closed_and_taken_up_again(planted: Platform) -> None:
    for step in ("tree_level_0", "tree_level_1"):
        planted.run(step, "t")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    tags = {PID: str(gone.pid), HOST: this_host(), PARTITION_NAME_TAG: "s00|t"}
    job = planted.definitions.resolve_job_def("tree_samples")
    runs = [planted.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED) for _ in range(2)]

    close_dead_runs(planted.instance, planted.registry)

    assert all(planted.instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.FAILURE for run in runs)  # type: ignore[union-attr]
    assert requested_by(look(planted, "next_level")) == {"s00|t": "tree_samples"}
