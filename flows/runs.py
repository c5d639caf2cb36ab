"""Runs on the Dagster instance: which batches are being worked on, and which runs a process that is gone has left.

A run that a power cut or a kill has left says that it is started, for ever: Dagster's own monitoring cannot see it on
this launcher. So whoever looks at runs, sensor or command, closes it first.
"""

import time

import dagster as dg

from evergrow.resources.host.dagster_private import RUN_KEY_TAG
from evergrow.resources.host.processes import Process, this_host, this_process
from evergrow.resources.registry.leases import LeaseHolder, holders
from evergrow.resources.registry.owners import owner_of
from evergrow.resources.registry.registry import Registry

PID, HOST, STARTED = "evergrow/pid", "evergrow/host", "evergrow/process_started"
CAUSE, JUDGED_AGAIN = "evergrow/cause", "judged again"  # no process is started for such a run
SILENT_S = 60.0  # a run begins, takes its lease, works, gives it back and ends: this long it may be silent without it
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
AT_WORK = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)


def of_this_process() -> dict[str, str]:
    """Tags of a run that this very process executes: by them others see whether it is still alive."""
    me = this_process()
    return {PID: str(me.pid), HOST: me.host, STARTED: me.started}


def under_way(instance: dg.DagsterInstance, registry: Registry) -> dict[str, str]:
    """The batches, trees and releases that have a run which is not over, with its id; dead runs are closed."""
    unfinished = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    leases = holders(registry) if unfinished else {}
    found = {}
    for run in unfinished:
        name = owner_of(run) or ""
        if _dead(instance, run, leases.get(name)):
            instance.report_run_failed(run, "the process that executed it ended before it did")
        else:
            found[name] = run.run_id
    return found


def close_dead_runs(instance: dg.DagsterInstance, registry: Registry) -> None:
    """Mark as failed what no process executes any more; before a lease is taken, which would hide whose it was."""
    under_way(instance, registry)


def launched(instance: dg.DagsterInstance, run_key: str) -> dg.DagsterRun | None:
    """The run that a sensor has launched by this key, if it has: a daemon launches no second one.

    Two daemons may: then it is the one that has served, or else the latest.
    """
    runs = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: run_key}))
    begun = [run for run in runs if run.status is not dg.DagsterRunStatus.NOT_STARTED]
    return next((run for run in begun if run.is_success), begun[0] if begun else None)


def _dead(instance: dg.DagsterInstance, run: dg.DagsterRun, holder: LeaseHolder | None) -> bool:
    """Whether nobody executes a run that is not over."""
    process = executing(run)
    if process and process.host == this_host():
        return process.gone
    if process is None and run.status not in AT_WORK and run.tags.get(CAUSE) != JUDGED_AGAIN:
        return False  # it waits for a process: Dagster's monitoring ends it, if none comes
    if holder and (holder.run == run.run_id or (process and holder.process == process)):
        return not holder.living
    return _last_event(instance, run) < time.time() - SILENT_S


def executing(run: dg.DagsterRun) -> Process | None:
    """The process that a command executes it in, as its tags say; one started again from the UI has copies of them."""
    if PID not in run.tags or run.parent_run_id is not None:
        return None
    return Process(run.tags[HOST], int(run.tags[PID]), run.tags.get(STARTED, ""))


def _last_event(instance: dg.DagsterInstance, run: dg.DagsterRun) -> float:
    """When a run was heard of last, epoch seconds."""
    records = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    if records:
        return records[0].timestamp
    made = instance.get_run_record_by_id(run.run_id)
    return made.create_timestamp.timestamp() if made else 0.0
