"""Takes a batch through its rounds, headless, as runs on the project's own Dagster instance; resumes."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.events import EngineEventData, JobFailureData, RunFailureReason
from dagster._core.execution.plan.objects import StepFailureData, UserFailureData
from dagster_shared.error import SerializableErrorInfo

from evergrow.assets.frontier import NEVER_MADE, Stop, seeds_needed, stop_before, work_needed
from evergrow.assets.keys import COLLECTED, SEEDS, STAGES, round_name, stage_key
from evergrow.cli.workspace import Workspace
from evergrow.resources.models import FRESH_SINCE
from evergrow.resources.runs import close_abandoned, of_this_process

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
        BatchBusy: another run is working on the batch.
        RunFailed: a step failed, its gate did not pass, or it was interrupted; what was done before stays.
    """
    try:
        # Held throughout, not run by run: between two rounds a sensor, or a second command, would find the batch free.
        with workspace.home.batch_lock(batch):
            close_abandoned(workspace.instance, batch)
            tags = {FRESH_SINCE: str(time.time())} if fresh else {}
            for job, keys, stop in _steps(workspace, batch):
                if stop:
                    say(f"no round after this one: {stop.why}")
                    continue
                due, why = _due(workspace, keys, batch, fresh=fresh)
                say(f"{job}: {why}" if why != NEVER_MADE else job)
                if due:
                    execute(workspace, job, due, batch, tags=tags)
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as error:
        message = f"interrupted; every answer is kept: `evergrow run --batch {batch}` goes on from here"
        raise RunFailed(message) from error


def _due(workspace: Workspace, keys: list[dg.AssetKey], batch: str, *, fresh: bool) -> tuple[list[dg.AssetKey], str]:
    """Which of a job's tables are to be made, the first that needs work and all after it, and why."""
    if fresh:
        return keys, "asked anew"
    for place, key in enumerate(keys):
        if why := _work_needed(workspace, key, batch):
            return keys[place:], why
    return [], "up to date"


def _work_needed(workspace: Workspace, key: dg.AssetKey, batch: str) -> str | None:
    if key == SEEDS:
        return seeds_needed(workspace.instance, workspace.home, batch)
    return work_needed(workspace.instance, workspace.definitions, key, batch)


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
        KeyboardInterrupt: the run was interrupted.
    """
    batch = whose or partition
    result = workspace.definitions.resolve_job_def(job).execute_in_process(
        run_config=QUIET,
        instance=workspace.instance,
        partition_key=partition,
        asset_selection=keys,
        raise_on_error=False,
        tags={"evergrow/batch": batch, **of_this_process(), **(tags or {})},
    )
    if _was_interrupted(result):
        raise KeyboardInterrupt
    if not result.success:
        raise RunFailed(
            f"{job} of {batch!r} failed: {why_failed(result)}\n(run {result.run_id}; `evergrow ui` shows it)"
        )


@contextmanager
def resumable(command: str) -> Iterator[None]:
    """Turn an interruption into the advice how to go on.

    Raises:
        RunFailed: what is done in the context was interrupted.
    """
    try:
        yield
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as error:
        raise RunFailed(f"interrupted; every answer is kept: `{command}` goes on from here") from error


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    ends = [event.event_specific_data for event in result.all_events if event.is_job_failure]
    return any(
        isinstance(end, JobFailureData) and end.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION
        for end in ends
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
