"""A run that a kill or a power cut left is closed by whoever looks next; one that lives is not."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from evergrow.assets.names import COLLECTED, RELEASE, stage_key
from evergrow.cli.main import main
from evergrow.flows import runs
from evergrow.flows.run import execute
from evergrow.flows.runs import UNFINISHED, close_dead_runs, of_this_process, under_way
from evergrow.resources.host.dagster_private import PARTITION_NAME_TAG
from evergrow.resources.ledger.database import now
from evergrow.resources.ledger.registry_schema import leases as table
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import release_owner
from tests.command import begun, until
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform, at_home
from tests.world.zygote import Zygote

SETTINGS = {**LENIENT, "evolution": {"rounds": 1, "children": 2}}
FAILED, STARTED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED
# As the daemon's launcher does: a process of its own, which takes the lease in the name of its run.
WORKER = """
import sys, dagster as dg
from evergrow.assets.definitions import build_definitions
from evergrow.resources.settings import load_settings
job = build_definitions(load_settings()).resolve_job_def("round_01")
with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    job.execute_in_process(instance=instance, partition_key="b", raise_on_error=False)
"""

# A command that dies when it is about to record what a gate says of a table that is not made again.
JUDGE = """
import os, signal, sys, dagster as dg
from evergrow.cli.main import main
report = dg.DagsterInstance.report_dagster_event
def die(self, event, run_id, *rest, **more):
    again = self.get_run_by_id(run_id).tags.get("evergrow/cause") == "judged again"
    if again and event.event_type_value == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)
    return report(self, event, run_id, *rest, **more)
dg.DagsterInstance.report_dagster_event = die
main(["run", "--batch", "b"])
"""


@pytest.fixture
def platform(fake_endpoint: FakeEndpoint, tmp_path: Path) -> Iterator[Platform]:
    """A batch with its seeds, in a home that other processes share."""
    with at_home(tmp_path, SETTINGS) as made:
        yield made


def started(platform: Platform, job: str = "round_01", **tags: str) -> dg.DagsterRun:
    """A run of `b`, or of the release, that says it is started."""
    partition = {PARTITION_NAME_TAG: "main" if job == RELEASE.path[-1] else "b"}
    run = platform.instance.create_run_for_job(
        platform.definitions.resolve_job_def(job), tags={**partition, **tags}, status=STARTED
    )
    platform.instance.report_engine_event("it began", run)
    return run


def status(platform: Platform, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = platform.instance.get_run_by_id(run.run_id)
    assert found
    return found.status


def test_a_run_worker_that_was_killed_leaves_a_run_that_the_next_look_closes(
    platform: Platform, fake_endpoint: FakeEndpoint, zygote: Zygote, tmp_path: Path
) -> None:
    fake_endpoint.control(latency=30)
    asked = fake_endpoint.stats()["requests"]  # the endpoint may still be busy with what another test let hang
    worker = begun(zygote, WORKER, str(platform.home.dagster), folder=tmp_path)
    until(lambda: fake_endpoint.stats()["requests"] > asked, lambda: "nothing was asked")
    (run,) = platform.instance.get_runs(dg.RunsFilter(job_name="round_01"))
    assert under_way(platform.instance, platform.registry) == {"b": run.run_id}
    assert status(platform, run) is STARTED

    worker.send_signal(signal.SIGKILL)
    worker.wait()

    assert under_way(platform.instance, platform.registry) == {}
    assert status(platform, run) is FAILED
    fake_endpoint.control(latency=0)
    assert platform.run("round_01", "b", [stage_key(1, "instructions")]) == ""


@pytest.mark.parametrize("event", ["ASSET_CHECK_EVALUATION", "PIPELINE_SUCCESS"])
def test_a_command_that_was_killed_while_it_recorded_a_verdict_leaves_nothing_unfinished(
    platform: Platform, zygote: Zygote, tmp_path: Path, event: str
) -> None:
    assert main(["run", "--batch", "b"]) == 0
    assert main(["recipe", "set", "b", "--kind", "batch", "gates.complexity.min_mean=1.5"]) == 0
    assert begun(zygote, JUDGE, event, folder=tmp_path).wait() == -signal.SIGKILL
    (left,) = platform.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))

    assert main(["run", "--batch", "b"]) == 0

    assert status(platform, left) is FAILED
    assert platform.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) == []
    assert platform.due(COLLECTED, "b") is None


def connections(databases: list[str]) -> Callable[[Any, Any], None]:
    """Notes the database of each connection that is opened."""

    def note(connection: Any, _record: Any) -> None:
        databases.append(Path(connection.execute("PRAGMA database_list").fetchone()[2]).name)

    return note


@pytest.mark.parametrize("by_command", [True, False])
def test_a_run_opens_each_database_of_dagster_a_few_times_and_leaves_none_open(
    platform: Platform, *, by_command: bool
) -> None:
    opened: list[str] = []
    note = connections(opened)
    sa.event.listen(sa.Pool, "connect", note)
    try:
        assert (main(["run", "--batch", "b"]) if by_command else platform.run("round_01", "b")) in (0, "")
    finally:
        sa.event.remove(sa.Pool, "connect", note)

    (run,) = platform.instance.get_runs(dg.RunsFilter(job_name="round_01"))
    assert 0 < opened.count("index.db") < 50
    assert 0 < opened.count(f"{run.run_id}.db") < 30
    left = [fd.resolve() for fd in Path("/proc/self/fd").iterdir() if fd.resolve().suffix == ".db"]
    assert [path for path in left if path.is_relative_to(platform.home.dagster)] == []


def test_a_run_of_a_machine_that_is_gone_is_closed_once_its_lease_is_lost(platform: Platform) -> None:
    with lease(platform.registry, "b", "x"):
        run = started(platform)
        with platform.registry.alone() as connection:
            connection.execute(sa.update(table).values(host="far boot-1 4026", run=run.run_id))
        assert under_way(platform.instance, platform.registry) == {"b": run.run_id}

        with platform.registry.alone() as connection:
            connection.execute(sa.update(table).values(renewed_at=now(connection) - 120))
        assert under_way(platform.instance, platform.registry) == {}
    assert status(platform, run) is FAILED


def test_a_run_that_holds_nothing_is_given_a_while_to_begin_and_to_end(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(platform)
    assert under_way(platform.instance, platform.registry) == {"b": run.run_id}

    monkeypatch.setattr(runs, "SILENT_S", -1.0)

    assert under_way(platform.instance, platform.registry) == {}
    assert status(platform, run) is FAILED


def test_a_run_that_a_process_of_another_machine_had_just_made_is_closed_once_it_has_been_silent(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = {**of_this_process(), runs.HOST: "far boot-1"}
    run = platform.instance.create_run_for_job(
        platform.definitions.resolve_job_def("round_01"), tags={PARTITION_NAME_TAG: "b", **tags}
    )
    assert under_way(platform.instance, platform.registry) == {"b": run.run_id}

    monkeypatch.setattr(runs, "SILENT_S", -1.0)

    assert under_way(platform.instance, platform.registry) == {}
    assert status(platform, run) is FAILED


@pytest.mark.parametrize("state", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING])
def test_a_run_that_waits_for_its_process_is_left_to_dagster(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, state: dg.DagsterRunStatus
) -> None:
    monkeypatch.setattr(runs, "SILENT_S", -1.0)
    job = platform.definitions.resolve_job_def("round_01")
    run = platform.instance.create_run_for_job(job, tags={PARTITION_NAME_TAG: "b"}, status=state)

    assert under_way(platform.instance, platform.registry) == {"b": run.run_id}


def test_a_killed_release_is_closed_and_a_living_one_is_not(platform: Platform) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    killed = started(platform, "release", **{**of_this_process(), runs.PID: str(ended.pid)})
    ended.wait()
    living = started(platform, "release", **of_this_process())

    close_dead_runs(platform.instance, platform.registry)

    assert (status(platform, killed), status(platform, living)) == (FAILED, STARTED)
    assert under_way(platform.instance, platform.registry) == {release_owner("main"): living.run_id}


@pytest.mark.parametrize("jump_s", [86_400.0, -86_400.0])
def test_a_clock_that_jumps_neither_ends_what_lives_nor_keeps_what_is_dead(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    killed = started(platform, "release", **{**of_this_process(), runs.PID: str(ended.pid)})
    run = started(platform)
    with lease(platform.registry, "b", run.run_id):
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + jump_s)

        assert under_way(platform.instance, platform.registry) == {"b": run.run_id}

    assert (status(platform, run), status(platform, killed)) == (STARTED, FAILED)


def test_whatever_command_runs_a_job_closes_what_a_killed_one_left(platform: Platform) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    killed = started(platform, "release", **{**of_this_process(), runs.PID: str(ended.pid)})
    living = started(platform, "release", **of_this_process())

    execute(platform.workspace, "round_01", [stage_key(1, "instructions")], "b")

    assert (status(platform, killed), status(platform, living)) == (FAILED, STARTED)
