"""The sensor that takes batches and trees on: those whose recipe says so, from where they are, as far as it says."""

import os
import subprocess
import sys
import time

import dagster as dg
import pytest

from evergrow.assets.names import (
    BATCHES_NAME,
    COLLECTED,
    RELEASE,
    RELEASES_NAME,
    STAGES,
    TREES_NAME,
    shard_partition,
    stage_key,
)
from evergrow.flows.runs import HOST, PID, of_this_process
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.resources.host.dagster_private import PARTITION_NAME_TAG, RUN_KEY_TAG
from evergrow.resources.host.processes import this_host
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.registry.batches import take_as_is
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.recipes import Kind, record
from evergrow.resources.registry.trees import register
from evergrow.resources.settings.recipe import recipe_of
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform
from tests.sensors.conftest import EVOLUTION, keys, look, reason, requested

ACCEPTED = stage_key(1, "accepted")
ROUNDS = ("round_01", "round_02", "collected")


def automate(platform: Platform, name: str, how_far: str = "rounds", kind: Kind = "batch") -> None:
    record(platform.registry, kind, name, recipe_of(platform.settings, how_far), "a test")


def seeded(platform: Platform, *batches: str, seeds: int = 4, how_far: str = "rounds") -> None:
    for batch in batches or ("b",):
        platform.register(batch, seeds)
        assert platform.run("seeds", batch) == ""
        automate(platform, batch, how_far)


def grow(platform: Platform, *jobs: str) -> None:
    for job in jobs:
        assert requested(look(platform, "advance")) == {"b": job}
        assert platform.run(job, "b") == ""


def test_nothing_is_launched_of_what_nobody_asked_for(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    assert reason(look(platform, "advance")) == "no batch or tree is registered"
    platform.register("b", 2)
    assert reason(look(platform, "advance")) == "no batch or tree is registered"
    automate(platform, "b", "none")

    said = reason(look(platform, "advance"))

    assert said.startswith("none of 1 batch or tree is automated; `evergrow recipe set NAME automate=rounds`")
    assert fake_endpoint.stats()["requests"] == 0


def test_a_batch_goes_from_its_seeds_through_its_rounds_to_its_collection(platform: Platform) -> None:
    platform.register("b", 4)
    automate(platform, "b")

    grow(platform, "seeds", *ROUNDS)

    assert reason(look(platform, "advance")) == "b: it is done as far as its recipe says (automate: rounds)"
    assert reason(look(platform, "advance")) == "nothing is due of 1 batch or tree that is automated"


def test_a_batch_that_may_goes_on_to_a_release_of_its_own_and_comes_back_to_programs_that_no_sandbox_ran(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    lenient = platform.but(
        gates={**LENIENT["gates"], "verified": {"min_rows": 0, "min_share": 0.0, "max_unavailable_share": 1.0},
               "clean": {"min_rows": 0, "min_share": 0.0}},
        verification={"keep": {"code": ["pass", "fail", "unverified", "sandbox_unavailable", "timeout", "crash"]}},
    )  # fmt: skip
    seeded(lenient, how_far="release")

    grow(lenient, *ROUNDS, "responses")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        grow(lenient, "verified", "clean", "release")
        assert "it is done as far as its recipe says (automate: release)" in reason(look(lenient, "advance"))

    grow(lenient, "verified", "clean", "release")

    assert latest_materialization(lenient.instance, RELEASE, "b")
    assert lenient.instance.get_dynamic_partitions(RELEASES_NAME) == ["b"]
    assert "it is done as far as its recipe says (automate: release)" in reason(look(lenient, "advance"))


def test_the_rounds_of_the_recipe_count_and_not_those_of_today(platform: Platform) -> None:
    platform.register("b", 4)
    one = platform.but(evolution={**EVOLUTION, "rounds": 1})
    record(platform.registry, "batch", "b", recipe_of(one.settings, "rounds"), "evergrow run --rounds 1")

    grow(platform, "seeds", "round_01", "collected")

    assert "it is done" in reason(look(platform, "advance"))


def test_one_cause_has_one_key_however_often_it_is_looked_at(platform: Platform) -> None:
    seeded(platform)

    first, again = look(platform, "advance"), look(platform, "advance")
    platform.run("round_01", "b")
    later = look(platform, "advance")

    assert keys(first) == keys(again)
    assert len({*keys(first), *keys(later)}) == 2


def test_each_batch_is_taken_on_from_where_it_is(platform: Platform) -> None:
    seeded(platform, "far", "near")
    platform.run("round_01", "far")

    assert requested(look(platform, "advance")) == {"far": "round_02", "near": "round_01"}


def test_a_look_that_takes_too_long_ends_and_the_next_one_goes_on_from_there(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(platform, "a", "b", "c")
    monkeypatch.setattr("evergrow.sensors.advance.LOOK_S", -1.0)  # long enough for one owner

    found = [requested(look(platform, "advance")) for _ in range(4)]

    assert [list(one) for one in found] == [["a"], ["b"], ["c"], ["a"]]


def test_a_look_that_has_runs_enough_ends_and_the_next_one_goes_on_from_there(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(platform, "a", "b", "c")
    monkeypatch.setattr("evergrow.sensors.result.MAX_REQUESTS", 2)

    found = [requested(look(platform, "advance")) for _ in range(2)]

    assert [list(one) for one in found] == [["a", "b"], ["c", "a"]]


def test_a_batch_that_changes_while_a_look_ends_early_is_looked_at_by_the_next_one(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(platform)
    grow(platform, *ROUNDS)
    look(platform, "advance")
    seeded(platform, "a")
    platform.register("b", 5)
    platform.run("seeds", "b")
    monkeypatch.setattr("evergrow.sensors.advance.LOOK_S", -1.0)

    assert [list(requested(look(platform, "advance"))) for _ in range(2)] == [["a"], ["b"]]


def test_a_batch_that_is_done_is_looked_at_again_when_one_of_its_tables_changes(platform: Platform) -> None:
    seeded(platform)
    grow(platform, *ROUNDS)
    look(platform, "advance")

    platform.register("b", 5)
    platform.run("seeds", "b")

    grow(platform, *ROUNDS)


def test_a_failed_gate_stops_the_batch_in_its_own_words(platform: Platform) -> None:
    strict = platform.but(gates={**LENIENT["gates"], "accepted": {"min_share": 1.0}})
    seeded(strict)
    assert "accepted_gate" in strict.run("round_01", "b")

    said = reason(look(strict, "advance"))

    assert "b: the gate of evolution/round_01/accepted is closed" in said
    assert "a large enough share of the children is accepted" in said


@pytest.mark.parametrize("unchecked_first", [True, False])
def test_a_gate_that_has_not_judged_the_latest_version_is_asked_to(platform: Platform, unchecked_first: bool) -> None:
    seeded(platform)
    platform.run("round_01", "b", [stage_key(1, stage) for stage in STAGES[: 3 if unchecked_first else 4]])
    platform.run_unchecked("b", ACCEPTED)

    found = look(platform, "advance")

    assert isinstance(found, dg.SensorResult)
    assert found.run_requests
    assert [check.asset_key for check in found.run_requests[0].asset_check_keys or ()] == [ACCEPTED]
    assert found.run_requests[0].asset_selection == []


def test_a_spent_budget_ends_the_rounds_in_its_own_words(platform: Platform) -> None:
    seeded(platform)
    platform.run("round_01", "b")
    poor = platform.but(budget={"max_tokens": platform.spent("b").tokens})

    assert "budget.max_tokens" in reason(look(poor, "advance"))


def test_a_missing_price_stops_the_batch_that_needs_it_and_no_other(platform: Platform) -> None:
    seeded(platform, "dear")
    platform.run("round_01", "dear")
    priced = platform.but(budget={"max_usd": 1.0}, prices={"cheap": {"input": 0, "output": 0}})
    priced.register("other", 2)
    assert priced.run("seeds", "other") == ""
    cheap = priced.but(model="cheap")
    record(priced.registry, "batch", "other", recipe_of(cheap.settings, "rounds"), "a test")

    found = look(priced, "advance")

    assert requested(found) == {"other": "round_01"}


def test_a_batch_that_is_being_worked_on_is_left_alone(platform: Platform) -> None:
    seeded(platform)
    run = begun(platform, of_this_process())

    assert reason(look(platform, "advance")) == f"b: run {run.run_id} is working on it"
    platform.instance.report_run_failed(run)

    assert requested(look(platform, "advance")) == {"b": "round_01"}


def test_a_run_whose_process_was_killed_is_closed_and_taken_up_again(platform: Platform) -> None:
    seeded(platform)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    run = begun(platform, {PID: str(gone.pid), HOST: this_host()})

    assert requested(look(platform, "advance")) == {"b": "round_01"}

    closed = platform.instance.get_run_by_id(run.run_id)
    assert closed
    assert closed.status is dg.DagsterRunStatus.FAILURE


def test_a_run_of_another_machine_is_taken_to_be_alive(platform: Platform) -> None:
    seeded(platform)
    run = begun(platform, {PID: str(os.getpid()), HOST: "elsewhere"})

    assert reason(look(platform, "advance")) == f"b: run {run.run_id} is working on it"


def test_a_run_that_failed_is_not_launched_again_for_the_same_cause(platform: Platform) -> None:
    seeded(platform, "b", "other")
    key = next(key for key in keys(look(platform, "advance")) if str(key).startswith("b:"))
    run = begun(platform, {RUN_KEY_TAG: str(key)})
    platform.instance.report_run_failed(run)

    assert requested(look(platform, "advance")) == {"other": "round_01"}
    for job in ROUNDS:
        platform.run(job, "other")

    # It was said when it was looked at; nothing of it changed since.
    assert "other: it is done" in reason(look(platform, "advance"))


def test_what_failed_is_asked_again_after_growing_pauses_and_not_for_ever(
    platform: Platform, fake_endpoint: FakeEndpoint
) -> None:
    patient = platform.but(
        gates={**LENIENT["gates"], "instructions": {"min_answered_share": 0.0}},
        sensors={"retries": 1},
        roles={"generator": {"draws": 1, "repair": False}},
    )
    seeded(patient, seeds=6)
    fake_endpoint.control(share={"prose": 0.5})
    patient.run("round_01", "b", [stage_key(1, "instructions")])

    assert requested(look(patient, "advance")) == {"b": "round_01"}
    patient.run("round_01", "b", [stage_key(1, "instructions")])
    assert "it was asked again 1 time (sensors.retries)" in reason(look(patient, "advance"))


def test_a_clock_that_is_set_back_lengthens_no_pause(
    platform: Platform, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = platform.but(
        gates={**LENIENT["gates"], "instructions": {"min_answered_share": 0.0}},
        sensors={"retries": 2},
        roles={"generator": {"draws": 1, "repair": False}},
    )
    seeded(patient, seeds=6)
    fake_endpoint.control(share={"prose": 0.5})
    for _ in range(2):
        patient.run("round_01", "b", [stage_key(1, "instructions")])
        asked = look(patient, "advance")
    assert "asked again in " in reason(asked)

    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    automate(patient, "b")

    assert requested(look(patient, "advance")) == {"b": "round_01"}


def test_a_batch_that_a_command_holds_between_two_rounds_is_left_alone(platform: Platform) -> None:
    seeded(platform, "b")

    with lease(platform.registry, "b"):
        assert "a command is working on it" in reason(look(platform, "advance"))

    assert requested(look(platform, "advance")) == {"b": "round_01"}


def test_a_partition_that_nothing_is_registered_for_is_passed_over(platform: Platform) -> None:
    seeded(platform)
    platform.instance.add_dynamic_partitions(BATCHES_NAME, ["stray"])

    assert requested(look(platform, "advance")) == {"b": "round_01"}


def test_a_batch_that_was_taken_as_it_is_is_not_evolved(platform: Platform) -> None:
    seeded(platform)
    take_as_is(platform.registry, "b")

    assert "it is done" in reason(look(platform, "advance"))
    assert latest_materialization(platform.instance, COLLECTED, "b") is None


def planted(platform: Platform, how_far: str = "rounds") -> Platform:
    trees = platform.but(treesynth={"max_depth": 2, "shards": 2, "adherence_rows": 0})
    register(trees.registry, TreeSpec("t", "customer_support", 1, 20, 42))
    automate(trees, "t", how_far, "tree")
    trees.instance.add_dynamic_partitions(TREES_NAME, ["t"])
    return trees


def test_a_tree_goes_on_by_itself_from_its_root_to_its_last_shard(platform: Platform) -> None:
    trees, steps = planted(platform), []
    while isinstance(found := look(trees, "advance"), dg.SensorResult):
        (partition, job), *_ = requested(found).items()
        steps.append((job, partition))
        assert trees.run(str(job), partition) == ""

    shards = [str(shard_partition("t", name)) for name in ("s00", "s01")]
    assert steps == [
        ("tree_level_0", "t"),
        ("tree_level_1", "t"),
        *(("tree_samples", shard) for shard in shards),
    ]
    assert reason(found) == "t: it is done as far as its recipe says (automate: rounds)"


def test_a_tree_whose_domain_is_gone_holds_up_no_other(platform: Platform) -> None:
    trees = planted(platform)
    register(trees.registry, TreeSpec("gone", "no_such_domain", 1, 20, 42))
    automate(trees, "gone", kind="tree")

    assert requested(look(trees, "advance")) == {"t": "tree_level_0"}
    for job, partition in (("tree_level_0", "t"), ("tree_level_1", "t"), ("tree_samples", "s00|t")):
        assert trees.run(job, partition) == ""
    assert trees.run("tree_samples", "s01|t") == ""

    assert "gone: unknown domain 'no_such_domain'" in reason(look(trees, "advance"))


def begun(platform: Platform, tags: dict[str, str]) -> dg.DagsterRun:
    """A run of round 1 that has started and is not over."""
    tags = {PARTITION_NAME_TAG: "b", **tags}
    run = platform.instance.create_run_for_job(platform.definitions.resolve_job_def("round_01"), tags=tags)
    platform.instance.report_dagster_event(
        dg.DagsterEvent(event_type_value="PIPELINE_START", job_name="round_01"), run_id=run.run_id
    )
    found = platform.instance.get_run_by_id(run.run_id)
    assert found
    assert found.status is dg.DagsterRunStatus.STARTED
    return found
