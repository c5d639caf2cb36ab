"""Two daemons look at once and launch a run each for one cause: the work is done once, and the other run says so."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from evergrow.assets.names import stage_key
from evergrow.flows.runs import launched
from evergrow.resources.host.dagster_private import MAX_RETRIES_TAG, PARTITION_NAME_TAG, RETRY_NUMBER_TAG, RUN_KEY_TAG
from evergrow.resources.registry.recipes import record
from evergrow.resources.registry.twins import DoneByTwin, require_undone
from evergrow.resources.settings.recipe import recipe_of
from tests.command import until
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform, at_home
from tests.sensors.conftest import keys, look

SETTINGS = {**LENIENT, "evolution": {"rounds": 1, "children": 2, "margin": -10}}
# As a daemon's launcher does: a process of its own.
WORKER = """
import sys, dagster as dg
from evergrow.assets.definitions import build_definitions
from evergrow.assets.names import stage_key
from evergrow.resources.settings import load_settings
job = build_definitions(load_settings()).resolve_job_def("round_01")
keys = [stage_key(1, "instructions"), stage_key(1, "complexity")]
with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    tags = {"dagster/run_key": "k"}
    ended = job.execute_in_process(instance=instance, partition_key="b", asset_selection=keys, tags=tags)
sys.exit(not ended.success)
"""
ROUND = [stage_key(1, "instructions"), stage_key(1, "complexity")]


@pytest.fixture
def platform(fake_endpoint: FakeEndpoint, tmp_path: Path) -> Iterator[Platform]:
    """An automated batch with its seeds."""
    with at_home(tmp_path, SETTINGS) as made:
        record(made.registry, "batch", "b", recipe_of(made.settings, "rounds"), "a test")
        yield made


def made(platform: Platform) -> list[int]:
    """How many versions there are of each table of the round."""
    log = platform.instance.event_log_storage
    return [len(log.fetch_materializations(dg.AssetRecordsFilter(key, ["b"]), 100).records) for key in ROUND]


def ended(platform: Platform) -> list[dg.DagsterRunStatus]:
    return [run.status for run in platform.instance.get_runs(dg.RunsFilter(job_name="round_01"))]


def test_of_two_runs_of_one_cause_the_later_does_nothing_and_names_the_other(
    platform: Platform, fake_endpoint: FakeEndpoint
) -> None:
    assert platform.run("round_01", "b", ROUND, {RUN_KEY_TAG: "k"}) == ""
    asked = fake_endpoint.stats()["requests"]
    (first,) = platform.instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: "k"}))

    said = platform.run("round_01", "b", ROUND, {RUN_KEY_TAG: "k"})

    assert said.startswith(f"run {first.run_id} has done what this run was launched for")
    assert made(platform) == [1, 1]
    assert fake_endpoint.stats()["requests"] == asked > 0
    assert sorted(ended(platform), key=str) == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]
    second = platform.instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: "k"}))[0]
    assert second.tags[MAX_RETRIES_TAG] == "0"  # Dagster would try it twice more
    found = launched(platform.instance, "k")
    assert found
    assert found.run_id == first.run_id
    assert platform.run("round_01", "b", ROUND, {RUN_KEY_TAG: "another"}) == ""
    assert made(platform) == [2, 2]


def test_a_run_whose_twin_is_at_work_is_refused_and_nothing_is_asked_twice(
    platform: Platform, fake_endpoint: FakeEndpoint
) -> None:
    fake_endpoint.control(latency=3)
    asked = fake_endpoint.stats()["requests"]
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(platform.home.dagster)])
    until(lambda: fake_endpoint.stats()["requests"] > asked, lambda: "nothing was asked")

    said = platform.run("round_01", "b", ROUND, {RUN_KEY_TAG: "k"})

    # On a busy machine the other may be through by now.
    at_work = f"batch 'b' is being run by process {worker.pid}"
    assert at_work in said or "has done what this run was launched for" in said
    fake_endpoint.control(latency=0)
    assert worker.wait(120) == 0
    assert "has done what this run was launched for" in platform.run("round_01", "b", ROUND, {RUN_KEY_TAG: "k"})
    assert made(platform) == [1, 1]
    assert fake_endpoint.stats()["repeated"] == 0


def test_looks_from_two_daemons_name_one_cause_by_one_key(platform: Platform) -> None:
    """So that what both launch can be told to be one."""
    other = Platform(platform.instance, {})
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda each: look(each, "advance"), (platform, other))

    assert keys(one) == keys(two)
    assert len(keys(one)) == 1


def test_a_person_who_repeats_a_run_gets_what_was_asked_for_and_dagster_does_not(platform: Platform) -> None:
    assert platform.run("round_01", "b", ROUND, {RUN_KEY_TAG: "k"}) == ""
    (first,) = platform.instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: "k"}))
    job = platform.definitions.resolve_job_def("round_01")
    tags = {PARTITION_NAME_TAG: "b", RUN_KEY_TAG: "k"}
    again = platform.instance.create_run_for_job(job, tags=tags, parent_run_id=first.run_id, root_run_id=first.run_id)
    twin = platform.instance.create_run_for_job(job, tags=tags)
    by_dagster = platform.instance.create_run_for_job(
        job, tags={**tags, RETRY_NUMBER_TAG: "1"}, parent_run_id=first.run_id, root_run_id=first.run_id
    )

    require_undone(platform.instance, again)
    for run in (twin, by_dagster):  # Dagster took the first one for dead
        with pytest.raises(DoneByTwin, match=first.run_id):
            require_undone(platform.instance, run)


def test_a_person_may_repeat_a_run_as_often_as_they_like(platform: Platform) -> None:
    job = platform.definitions.resolve_job_def("round_01")
    tags = {PARTITION_NAME_TAG: "b", RUN_KEY_TAG: "k"}
    first = platform.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.FAILURE)

    def again(repeated: dg.DagsterRun, status: dg.DagsterRunStatus | None = None) -> dg.DagsterRun:
        return platform.instance.create_run_for_job(
            job, tags=tags, parent_run_id=repeated.run_id, root_run_id=first.run_id, status=status
        )

    second = again(first, dg.DagsterRunStatus.SUCCESS)
    third = again(second, dg.DagsterRunStatus.SUCCESS)

    for repeated in (first, second, third):
        require_undone(platform.instance, again(repeated))


def test_a_run_whose_twin_failed_goes_on(platform: Platform) -> None:
    job = platform.definitions.resolve_job_def("round_01")
    tags = {PARTITION_NAME_TAG: "b", RUN_KEY_TAG: "k"}
    platform.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.FAILURE)

    assert platform.run("round_01", "b", ROUND, {RUN_KEY_TAG: "k"}) == ""
    assert made(platform) == [1, 1]
