"""Takes a batch through its rounds, headless, as runs on the project's own Dagster instance; resumes."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.events import EngineEventData
from dagster._core.execution.plan.objects import StepFailureData, UserFailureData
from dagster_shared.error import SerializableErrorInfo

from evergrow.assets.frontier import Stop, stop_before, work_needed
from evergrow.assets.keys import COLLECTED, SEEDS, STAGES, round_name, stage_key
from evergrow.cli.workspace import Workspace
from evergrow.resources.models import FRESH_SINCE

PID, HOST = "evergrow/pid", "evergrow/host"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}  # the terminal belongs to the progress bars
Say = Callable[[str], None]


class RunFailed(Exception):  # noqa: N818 - it says what happened to the run
    """A run ended without success; the message is the reason and the way to look closer."""


def run_batch(workspace: Workspace, batch: str, say: Say, *, fresh: bool = False) -> None:
    """Every step of a batch that needs work: its seeds, its rounds, its collection.

    Args:
        workspace: where.
        batch: a registered batch.
        say: told what is done, and why.
        fresh: do all steps, and ask models anew even where the ledger has their answers.

    Raises:
        RunFailed: a step failed, or its gate did not pass; what was done before stays.
    """
    close_abandoned_runs(workspace.instance, batch)
    tags = {FRESH_SINCE: str(time.time())} if fresh else {}
    for job, keys, stop in _steps(workspace, batch):
        if stop:
            say(f"no round after this one: {stop.why}")
            continue
        reasons = [work_needed(workspace.instance, workspace.definitions, key, batch) for key in keys]
        first = 0 if fresh else next((place for place, why in enumerate(reasons) if why), None)
        if first is None:
            say(f"{job}: up to date")
            continue
        why = "asked anew" if fresh else reasons[first]
        say(f"{job}: {why}" if why != "it was never made" else job)
        execute(workspace, job, keys[first:], batch, tags=tags)


def _steps(workspace: Workspace, batch: str) -> Iterator[tuple[str, list[dg.AssetKey], Stop | None]]:
    yield "seeds", [SEEDS], None
    for n in range(1, workspace.settings.evolution.rounds + 1):
        with workspace.ledger() as ledger:
            stop = stop_before(workspace.instance, ledger, workspace.settings, batch, n)
        yield round_name(n), [stage_key(n, stage) for stage in STAGES], stop
        if stop:
            break
    yield "collected", [COLLECTED], None


def execute(
    workspace: Workspace,
    job: str,
    keys: list[dg.AssetKey],
    partition: str,
    *,
    whose: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Run some assets of a job on a partition.

    whose: the batch or tree that the run belongs to, where it is not called as the partition.
    tags: of the run.

    Raises:
        RunFailed: with the first reason.
    """
    batch = whose or partition
    result = workspace.definitions.resolve_job_def(job).execute_in_process(
        run_config=QUIET,
        instance=workspace.instance,
        partition_key=partition,
        asset_selection=keys,
        raise_on_error=False,
        tags={"evergrow/batch": batch, PID: str(os.getpid()), HOST: socket.gethostname(), **(tags or {})},
    )
    if not result.success:
        raise RunFailed(
            f"{job} of {batch!r} failed: {why_failed(result)}\n(run {result.run_id}; `evergrow ui` shows it)"
        )


def why_failed(result: dg.ExecuteInProcessResult) -> str:
    """The first failure's own words: a gate's, an asset's, a resource's, without Dagster's wrapping."""
    for event in result.all_events:
        match event.event_specific_data:
            case AssetCheckEvaluation(passed=False, severity=dg.AssetCheckSeverity.ERROR) as check:
                return f"quality gate {check.asset_check_key.to_user_string()}: {check.description}"
            case StepFailureData(user_failure_data=UserFailureData(description=str(description))):
                return description
            case StepFailureData(error=SerializableErrorInfo() as error):
                return _own_words(error)
            case EngineEventData(error=SerializableErrorInfo() as error):
                return _own_words(error)
    return next((str(e.message) for e in result.all_events if e.is_failure), "no reason was recorded")


def _own_words(error: SerializableErrorInfo) -> str:
    """The error below Dagster's own, which only say where it happened."""
    while error.cause and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    return error.message.partition(": ")[2].strip() or error.message.strip()


def close_abandoned_runs(instance: dg.DagsterInstance, batch: str) -> None:
    """Mark as failed those runs of the batch whose process, on this machine, is gone: it was killed."""
    active = dg.RunsFilter(
        tags={"evergrow/batch": batch, HOST: socket.gethostname()},
        statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED],
    )
    for run in instance.get_runs(active):
        pid = int(run.tags.get(PID, "0"))
        if pid and pid != os.getpid() and not _alive(pid):
            instance.report_run_failed(run, f"its process {pid} ended before it did")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
