"""One job in this process, on the project's own Dagster instance; and a gate's verdict without a run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import dagster as dg
import polars as pl

from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import gate_name
from evergrow.assets.table import key_of
from evergrow.flows.causes import CauseKind, cause
from evergrow.flows.due import Standing
from evergrow.flows.lineage import tell
from evergrow.flows.pools import make_pools
from evergrow.flows.runs import CAUSE, JUDGED_AGAIN, close_dead_runs, of_this_process
from evergrow.flows.workspace import Workspace
from evergrow.resources.embedding.embedder import Embedders
from evergrow.resources.host.dagster_private import (
    PARTITION_NAME_TAG,
    AssetCheckEvaluation,
    AssetCheckEvaluationTargetMaterializationData,
    JobFailureData,
    RunFailureReason,
)
from evergrow.resources.lake.readable import Judgement, judgement
from evergrow.resources.models import AWAITS
from evergrow.resources.place import Place

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}  # the terminal belongs to the progress bars
Say = Callable[[str], None]


class RunFailed(Exception):  # noqa: N818 - it says what happened to the run
    """A run ended without success; the message is the reason and the way to look closer."""


class Interrupted(RunFailed):
    """A run was interrupted; the message says how to go on."""


class OutOfBudget(RunFailed):
    """A run came to the end of its budget; the message says which limit, and how to go on."""


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
    # A command that was killed has left its run started, and is not always repeated by one that looks for such first.
    close_dead_runs(workspace.instance, workspace.registry)
    make_pools(workspace.instance)
    result = workspace.definitions.resolve_job_def(job).execute_in_process(
        run_config={**QUIET, **(config or {})},
        instance=workspace.instance,
        partition_key=partition,
        asset_selection=keys,
        raise_on_error=False,
        tags={"evergrow/batch": batch, **of_this_process(), **(tags or {})},
    )
    tell(workspace.instance, result.run_id, workspace.settings.observability)
    if _was_interrupted(result):
        raise KeyboardInterrupt
    if result.success:
        return ""
    found = cause(result.all_events)
    if found.kind is CauseKind.BUDGET:
        raise OutOfBudget(found.words)
    run = workspace.instance.get_run_by_id(result.run_id)
    if run and AWAITS in run.tags:
        return found.words
    raise RunFailed(f"{job} of {batch!r} failed: {found.words}\n(run {result.run_id}; `evergrow ui` shows it)")


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


def judge(workspace: Workspace, standing: Standing) -> Judgement:
    """Have a table's gate judge its current version by the thresholds of today; no row is made.

    No model is asked, but an endpoint that embeds, for vectors that a measure needs and nobody has: its owner pays.

    Returns what the gate says now.
    """
    table, place, version = standing.table, standing.place, standing.version
    if table.gate is None or version is None:
        raise ValueError(f"{table.key.to_user_string()} has no version that a gate could judge")
    rows = workspace.lake.version(version, "all").collect()
    others = compared(workspace, table.gate, place.partition)
    with workspace.ledger() as ledger:
        embedders = Embedders(workspace.lake.files, workspace.progress, ledger)
        found = table.gate.evaluate(place, rows, others, workspace.lake, embedders)
    check = dg.AssetCheckKey(table.key, gate_name(table.gate.stage))
    evaluation = AssetCheckEvaluation(
        asset_key=table.key,
        check_name=check.name,
        passed=found.passed,
        metadata=found.metadata,
        target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
            storage_id=version.storage_id, run_id=version.run_id, timestamp=version.timestamp
        ),
        severity=found.severity,
        description=found.description,
        blocking=True,
        partition=place.partition,
    )
    _report(workspace, table.job, place, evaluation)
    return judgement(workspace.instance, check, place.partition, version)


def _report(workspace: Workspace, job: str, place: Place, evaluation: AssetCheckEvaluation) -> None:
    """Have Dagster keep an evaluation, as of a run of its own: it keeps one without a run no second time."""
    instance, tags = workspace.instance, {PARTITION_NAME_TAG: str(place.partition), "evergrow/batch": place.owner}
    definition = workspace.definitions.resolve_job_def(job)
    tags |= {CAUSE: JUDGED_AGAIN, **of_this_process()}
    run = instance.create_run_for_job(definition, tags=tags)
    said = (("ASSET_CHECK_EVALUATION", evaluation), ("PIPELINE_SUCCESS", None))
    for kind, data in said:
        event = dg.DagsterEvent(event_type_value=kind, job_name=job, event_specific_data=data)
        instance.report_dagster_event(event, run_id=run.run_id)


def compared(workspace: Workspace, gate: Gate, partition: str | None) -> dict[str, pl.DataFrame | None]:
    """The further tables that a gate compares a partition with, all their rows; None for one that there is not."""
    found: dict[str, pl.DataFrame | None] = {}
    for name, given in gate.others.items():
        table = workspace.lake.ungated(workspace.instance, key_of(given), partition)
        found[name] = None if table is None else table.collect()
    return found


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    ends = [event.event_specific_data for event in result.all_events if event.is_job_failure]
    return any(
        isinstance(end, JobFailureData) and end.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION
        for end in ends
    )
