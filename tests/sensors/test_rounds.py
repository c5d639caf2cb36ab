"""The sensor of rounds: what it launches for a batch in each state, and what it says where it launches nothing."""

import os
import subprocess
import sys

import dagster as dg

from evergrow.assets.names import BATCHES_NAME, STAGES, stage_key
from evergrow.flows.runs import HOST, PID, of_this_process
from evergrow.resources.host.dagster_private import PARTITION_NAME_TAG, RUN_KEY_TAG
from evergrow.resources.host.processes import this_host
from evergrow.resources.registry.leases import lease
from tests.platform import LENIENT, Platform
from tests.sensors.conftest import EVOLUTION, keys, look, reason, requested

ACCEPTED = stage_key(1, "accepted")


def seeded(platform: Platform, *batches: str, seeds: int = 4) -> None:
    for batch in batches or ("b",):
        platform.register(batch, seeds)
        assert platform.run("seeds", batch) == ""


def test_nothing_is_launched_without_a_batch_or_without_its_seeds(platform: Platform) -> None:
    assert reason(look(platform, "next_round")) == "no batch is registered"

    platform.register("b", 2)

    assert reason(look(platform, "next_round")) == "b: its seeds are not loaded yet"


def test_a_batch_goes_from_seeds_through_its_rounds_to_its_collection(platform: Platform) -> None:
    seeded(platform)
    for job in ("round_01", "round_02", "collected"):
        assert requested(look(platform, "next_round")) == {"b": job}
        assert platform.run(job, "b") == ""

    assert reason(look(platform, "next_round")) == "b: its last round, 2 (evolution.rounds), is done"


def test_one_cause_has_one_key_however_often_it_is_looked_at(platform: Platform) -> None:
    seeded(platform)

    first, again = look(platform, "next_round"), look(platform, "next_round")
    platform.run("round_01", "b")
    later = look(platform, "next_round")

    assert keys(first) == keys(again)
    assert keys(first) != keys(later)
    assert len({*keys(first), *keys(later)}) == 2


def test_each_batch_is_taken_on_from_where_it_is(platform: Platform) -> None:
    seeded(platform, "far", "near")
    platform.run("round_01", "far")
    platform.register("bare", 2)

    assert requested(look(platform, "next_round")) == {"far": "round_02", "near": "round_01"}


def test_a_round_that_is_made_again_starts_the_next_one_again(platform: Platform) -> None:
    seeded(platform)
    for job in ("round_01", "round_02", "collected"):
        platform.run(job, "b")

    platform.register("b", 5)
    platform.run("seeds", "b")

    for job in ("round_01", "round_02", "collected"):
        assert requested(look(platform, "next_round")) == {"b": job}
        assert platform.run(job, "b") == ""


def test_a_failed_gate_stops_the_batch_in_its_own_words(platform: Platform) -> None:
    seeded(platform)
    strict = platform.but(gates={**LENIENT["gates"], "accepted": {"min_share": 1.0}})
    assert "accepted_gate" in strict.run("round_01", "b")

    said = reason(look(platform, "next_round"))

    assert "b: the gate of round 1 is FAILED" in said
    assert "a large enough share of the children is accepted" in said


def test_a_gate_that_never_ran_stops_the_batch_until_it_does(platform: Platform) -> None:
    seeded(platform)
    platform.run("round_01", "b", [stage_key(1, stage) for stage in STAGES[:3]])
    platform.run_unchecked("b", ACCEPTED)
    assert "the gate of round 1 is MISSING" in reason(look(platform, "next_round"))

    platform.run("round_01", "b", [ACCEPTED])

    assert requested(look(platform, "next_round")) == {"b": "round_02"}


def test_a_gate_that_judged_an_older_version_stops_the_batch(platform: Platform) -> None:
    seeded(platform)
    platform.run("round_01", "b")
    platform.run_unchecked("b", ACCEPTED)

    assert "the gate of round 1 is STALE" in reason(look(platform, "next_round"))


def test_a_target_that_is_reached_ends_no_round_for_the_best_rows_come_late(platform: Platform) -> None:
    seeded(platform)
    platform.run("round_01", "b")
    content = platform.but(evolution={**EVOLUTION, "target_rows": 3})

    assert requested(look(content, "next_round")) == {"b": "round_02"}


def test_a_spent_budget_ends_the_rounds_and_keeps_what_there_is(platform: Platform) -> None:
    seeded(platform)
    platform.run("round_01", "b")
    poor = platform.but(budget={"max_tokens": platform.spent("b").tokens})

    assert requested(look(poor, "next_round")) == {"b": "collected"}
    assert poor.run("collected", "b") == ""

    assert "budget.max_tokens" in reason(look(poor, "next_round"))


def test_a_budget_that_is_spent_before_the_first_round_launches_nothing(platform: Platform) -> None:
    seeded(platform)
    platform.run("round_01", "b", [stage_key(1, "instructions")])

    assert "budget.max_tokens" in reason(look(platform.but(budget={"max_tokens": 1}), "next_round"))


def test_a_batch_that_is_being_worked_on_is_left_alone(platform: Platform) -> None:
    seeded(platform)
    run = begun(platform, of_this_process())

    assert reason(look(platform, "next_round")) == f"b: run {run.run_id} is working on it"
    platform.instance.report_run_failed(run)

    assert requested(look(platform, "next_round")) == {"b": "round_01"}


def test_a_run_whose_process_was_killed_is_closed_and_taken_up_again(platform: Platform) -> None:
    seeded(platform)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    run = begun(platform, {PID: str(gone.pid), HOST: this_host()})

    assert requested(look(platform, "next_round")) == {"b": "round_01"}

    closed = platform.instance.get_run_by_id(run.run_id)
    assert closed
    assert closed.status is dg.DagsterRunStatus.FAILURE


def test_a_run_of_another_machine_is_taken_to_be_alive(platform: Platform) -> None:
    seeded(platform)
    run = begun(platform, {PID: str(os.getpid()), HOST: "elsewhere"})

    assert reason(look(platform, "next_round")) == f"b: run {run.run_id} is working on it"


def test_a_run_that_failed_is_not_launched_again_for_the_same_cause(platform: Platform) -> None:
    seeded(platform, "b", "other")
    key = next(key for key in keys(look(platform, "next_round")) if str(key).startswith("b:"))
    run = begun(platform, {RUN_KEY_TAG: str(key)})
    platform.instance.report_run_failed(run)

    assert requested(look(platform, "next_round")) == {"other": "round_01"}
    platform.run("round_01", "other")
    platform.run("round_02", "other")
    platform.run("collected", "other")

    assert f"b: round_01 was started and ended in FAILURE (run {run.run_id})" in reason(look(platform, "next_round"))


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


def test_a_partition_key_that_no_seeds_belong_to_is_passed_over(platform: Platform) -> None:
    seeded(platform)
    platform.instance.add_dynamic_partitions(BATCHES_NAME, ["stray"])

    assert requested(look(platform, "next_round")) == {"b": "round_01"}


def test_a_batch_that_a_command_holds_between_two_rounds_is_left_alone(platform: Platform) -> None:
    seeded(platform, "b")

    with lease(platform.registry, "b"):
        assert "a command is working on it" in reason(look(platform, "next_round"))

    assert not isinstance(look(platform, "next_round"), dg.SkipReason)
