"""Takes a batch through its rounds, headless, as runs on the project's own Dagster instance; resumes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import dagster as dg

from evergrow.assets.names import COLLECTED, SEEDS, STAGES, round_name, stage_key
from evergrow.flows.frontier import NEVER_MADE, Stop, seeds_needed, stop_before, work_needed
from evergrow.flows.runs import close_dead_runs, of_this_process
from evergrow.flows.submissions import Awaited, look_for_answers
from evergrow.flows.workspace import Workspace
from evergrow.resources.host.dagster_private import (
    AssetCheckEvaluation,
    EngineEventData,
    JobFailureData,
    RunFailureReason,
    SerializableErrorInfo,
    StepFailureData,
    UserFailureData,
)
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.llm import BudgetReached
from evergrow.resources.models import AWAITS, FRESH_SINCE
from evergrow.resources.registry.batches import begin_fresh, end_fresh, fresh_since
from evergrow.resources.registry.leases import lease

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}  # the terminal belongs to the progress bars
Say = Callable[[str], None]


class RunFailed(Exception):  # noqa: N818 - it says what happened to the run
    """A run ended without success; the message is the reason and the way to look closer."""


class Interrupted(RunFailed):
    """A run was interrupted; the message says how to go on."""


class OutOfBudget(RunFailed):
    """A run came to the end of its budget; the message says which limit, and how to go on."""


def run_batch(workspace: Workspace, batch: str, say: Say, *, fresh: bool = False) -> None:
    """Every step of a batch that needs work: its seeds, its rounds, its collection.

    Args:
        workspace: where.
        batch: a registered batch.
        say: told what is done, and why.
        fresh: do all steps, and ask models anew even where the ledger has their answers.

    It returns early, and says so, where a step waits for a Batch API.

    Raises:
        BatchFailed: a Batch API ended without answers.
        BatchBusy: another run is working on the batch.
        OutOfBudget: the budget ended the first round, so that there is nothing to collect.
        RunFailed: a step failed, its gate did not pass, or it was interrupted; what was done before stays.
    """
    # Held throughout, not run by run: between two rounds a sensor, or a second command, would find the batch free.
    close_dead_runs(workspace.instance, workspace.registry)
    with resumable(f"evergrow run --batch {batch}"), lease(workspace.registry, batch):
        since = _fresh_since(workspace, batch, start=fresh)
        awaited = look_for_answers(workspace, batch, say)
        if not awaited.open and _run_steps(workspace, batch, say, since, awaited):
            end_fresh(workspace.registry, batch)


def _run_steps(workspace: Workspace, batch: str, say: Say, since: float, awaited: Awaited) -> bool:
    """Whether the batch is through; else a step waits for a Batch API."""
    tags = {FRESH_SINCE: str(since)} if since else awaited.tags
    for job, keys, stop in _steps(workspace, batch):
        if stop:
            say(f"no round after this one: {stop.why}")
            continue
        due, why = due_tables(workspace, keys, batch, since, awaited)
        say(f"{job}: {why}" if why != NEVER_MADE else job)
        try:
            if due and (waiting := execute(workspace, job, due, batch, tags=tags)):
                say(f"{job} of batch {batch!r} is {waiting}")
                return False
        except OutOfBudget as end:
            say(f"{job} ends here: {end}")
            if not workspace.made_rounds(batch):
                raise
            execute(workspace, COLLECTED.path[-1], [COLLECTED], batch, tags=tags)
            return True
    return True


def _fresh_since(workspace: Workspace, batch: str, *, start: bool) -> float:
    """The moment (epoch s) since which the batch is made anew, 0 if it is not.

    It is kept until the batch is through: a command that goes on after an interruption must neither pay twice for what
    was asked since, nor fall back to the older answers.
    """
    if start:
        begin_fresh(workspace.registry, batch)
    return fresh_since(workspace.registry, batch)


def due_tables(
    workspace: Workspace, keys: list[dg.AssetKey], batch: str, since: float, awaited: Awaited
) -> tuple[list[dg.AssetKey], str]:
    """Which of a job's tables are to be made, the first that needs work and all after it, and why."""
    for place, key in enumerate(keys):
        made = latest_materialization(workspace.instance, key, batch)
        if since and made and made.timestamp < since:
            return keys[place:], "asked anew"
        if key.to_user_string() in awaited.tables:
            return keys[place:], "the answers that it waited for have come"
        if why := _work_needed(workspace, key, batch):
            return keys[place:], why
    return [], "up to date"


def _work_needed(workspace: Workspace, key: dg.AssetKey, batch: str) -> str | None:
    if key == SEEDS:
        return seeds_needed(workspace.instance, workspace.registry, batch)
    return work_needed(workspace.instance, workspace.definitions, key, batch)


def _steps(workspace: Workspace, batch: str) -> Iterator[tuple[str, list[dg.AssetKey], Stop | None]]:
    yield "seeds", [SEEDS], None
    for n in range(1, workspace.settings.evolution.rounds + 1):
        with workspace.ledger() as ledger:
            stop = stop_before(ledger, workspace.settings, batch, n)
        yield round_name(n), [stage_key(n, stage) for stage in STAGES], stop
        if stop:
            break
    yield "collected", [COLLECTED], None


def execute(
    workspace: Workspace,
    job: str,
    keys: list[dg.AssetKey],
    partition: str | None,
    *,
    whose: str | None = None,
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, object] | None = None,
) -> str:
    """Run some tables of a job on a partition; what they wait for now, or "" if the job did its work.

    Args:
        workspace: where.
        job: its name.
        keys: which of its tables.
        partition: of them all; None for tables without partitions.
        whose: the batch or tree that the run belongs to, where it is not called as the partition.
        tags: of the run.
        config: of the tables, as Dagster takes it.

    Raises:
        OutOfBudget: the budget ended it.
        RunFailed: with the first reason.
        KeyboardInterrupt: the run was interrupted.
    """
    batch = whose or partition or job
    result = workspace.definitions.resolve_job_def(job).execute_in_process(
        run_config={**QUIET, **(config or {})},
        instance=workspace.instance,
        partition_key=partition,
        asset_selection=keys,
        raise_on_error=False,
        tags={"evergrow/batch": batch, **of_this_process(), **(tags or {})},
    )
    if _was_interrupted(result):
        raise KeyboardInterrupt
    if not result.success and (spent := _budget_reached(result)):
        raise OutOfBudget(spent)
    if not result.success:
        run = workspace.instance.get_run_by_id(result.run_id)
        if run and AWAITS in run.tags:
            return why_failed(result)
        raise RunFailed(
            f"{job} of {batch!r} failed: {why_failed(result)}\n(run {result.run_id}; `evergrow ui` shows it)"
        )
    return ""


def execute_now(
    workspace: Workspace, job: str, keys: list[dg.AssetKey], partition: str, *, whose: str | None = None
) -> None:
    """`execute` for what cannot go on without the answers.

    Raises:
        RunFailed: also where it waits for a Batch API.
    """
    if waiting := execute(workspace, job, keys, partition, whose=whose):
        raise RunFailed(f"{job} of {whose or partition!r} is {waiting}; repeat the command later")


@contextmanager
def resumable(command: str) -> Iterator[None]:
    """Turn an interruption into the advice how to go on.

    Raises:
        Interrupted: what is done in the context was interrupted.
    """
    try:
        yield
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as error:
        raise Interrupted(f"interrupted; every answer is kept: `{command}` goes on from here") from error


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    ends = [event.event_specific_data for event in result.all_events if event.is_job_failure]
    return any(
        isinstance(end, JobFailureData) and end.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION
        for end in ends
    )


def _budget_reached(result: dg.ExecuteInProcessResult) -> str | None:
    """The budget's words, if it is what ended the run."""
    failures = [e.event_specific_data for e in result.all_events if e.is_step_failure]
    for failure in failures:
        error = failure.error if isinstance(failure, StepFailureData) else None
        while error:
            if error.cls_name == BudgetReached.__name__:
                return _own_words(error)
            error = error.cause
    return None


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
