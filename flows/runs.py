"""Runs on the Dagster instance: which batches are being worked on, and which runs a process that is gone has left."""

import os
import socket

import dagster as dg

from evergrow.resources.host.dagster_private import PARTITION_NAME_TAG, RUN_KEY_TAG
from evergrow.resources.host.processes import alive
from evergrow.resources.registry.names import owner

PID, HOST = "evergrow/pid", "evergrow/host"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def of_this_process() -> dict[str, str]:
    """Tags of a run that this very process executes: by them others see whether it is still alive."""
    return {PID: str(os.getpid()), HOST: socket.gethostname()}


def under_way(instance: dg.DagsterInstance) -> dict[str, str]:
    """The batches and trees that have a run which is not over, with its id; runs whose process is gone are closed."""
    found = {}
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if _executed_here(run) and not alive(int(run.tags[PID])):
            _close(instance, run)
        elif PARTITION_NAME_TAG in run.tags:
            found[owner(run.tags[PARTITION_NAME_TAG])] = run.run_id
    return found


def launched(instance: dg.DagsterInstance, run_key: str) -> dg.DagsterRun | None:
    """The run that a sensor has launched by this key, if it has: the daemon launches no second one."""
    runs = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: run_key}), limit=1)
    return runs[0] if runs and runs[0].status is not dg.DagsterRunStatus.NOT_STARTED else None


def close_abandoned(instance: dg.DagsterInstance, batch: str) -> None:
    """Mark as failed those runs of a batch, or tree, whose process, on this machine, is gone: it was killed.

    The caller holds its lock. So none of them is alive, even if another process has got its number.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if owner(run.tags.get(PARTITION_NAME_TAG, "")) == batch and _executed_here(run):
            _close(instance, run)


def _executed_here(run: dg.DagsterRun) -> bool:
    """Whether a process of this machine executes it itself. A run started again from the UI has copies of the tags."""
    return PID in run.tags and run.tags.get(HOST) == socket.gethostname() and run.parent_run_id is None


def _close(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    instance.report_run_failed(run, f"its process {run.tags[PID]} ended before it did")
