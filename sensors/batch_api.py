"""Answers of Batch APIs: fetched when they have come, and the runs that wait for them are started again."""

import asyncio
import hashlib
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import dagster as dg

from evergrow.flows.automation import Idle
from evergrow.flows.remedies import remedy_of
from evergrow.flows.runs import launched, under_way
from evergrow.resources.ledger import Ledger, Owner, State, Submission
from evergrow.resources.ledger.submission_records import AT_ENDPOINT
from evergrow.resources.llm.batch_api import told
from evergrow.resources.models import FRESH_SINCE
from evergrow.resources.registry.owner_names import owner as owner_of_partition
from evergrow.resources.registry.owners import owner_at_work
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.releases import wishes
from evergrow.resources.settings import Settings

STOP_AFTER_S = 20.0  # the daemon gives a sensor a minute; what is left is looked at by the next tick


def offline_batches_sensor(settings: Settings, jobs: Sequence[Any]) -> dg.SensorDefinition:
    """The sensor that polls and fetches what was handed to Batch APIs, and starts the waiting runs again."""

    @dg.sensor(
        name="offline_batches",
        jobs=list(jobs),
        minimum_interval_seconds=settings.sensors.batches_interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks Batch APIs how far they are, saves their answers, and starts the runs again that wait for "
        "them. Those runs take up answers that are paid for. Idle while no role has the mode `batch`.",
    )
    def offline_batches(
        context: dg.SensorEvaluationContext, registry: dg.ResourceParam[Registry], ledger: dg.ResourceParam[Ledger]
    ) -> dg.SensorResult | dg.SkipReason:
        from evergrow.resources.llm.batch_api.polling import poll  # noqa: PLC0415 - imports the SDK

        looks = asyncio.run(poll(settings, ledger, stop_after_s=STOP_AFTER_S))
        said = [told(look.submission) + (f"; {look.fault}" if look.fault else "") for look in looks]
        requests, busy = [], under_way(context.instance, registry)
        for owner, submissions in _by_owner(ledger):
            whose = owner_at_work("", {owner.asset}, owner.partition)
            found = Idle(f"run {busy[whose]} is working on it") if whose in busy else None
            decision = found or _decide(context.instance, registry, submissions)
            if isinstance(decision, dg.RunRequest):
                requests.append(decision)
                said.append(f"{owner.asset} of {owner.batch} goes on: {decision.tags['evergrow/answered']}")
            else:
                said.append(f"{owner.asset} of {owner.batch}: {decision.why}")
        if not requests:
            return dg.SkipReason("; ".join(said) or "nothing is handed in to a Batch API")
        for line in said:
            context.log.info(line)
        return dg.SensorResult(run_requests=requests)

    return offline_batches


def _by_owner(ledger: Ledger) -> list[tuple[Owner, list[Submission]]]:
    """What is at an endpoint, or fetched and not taken up yet, by the table that waits for it."""
    found = ledger.submissions.find((*AT_ENDPOINT, State.FETCHED))
    ordered = sorted(found, key=lambda one: (_owner(one), one.created_at, one.submission_id))
    return [(owner, list(group)) for owner, group in groupby(ordered, key=_owner)]


def _owner(submission: Submission) -> Owner:
    return Owner(submission.asset, submission.partition, submission.batch)


def _decide(
    instance: dg.DagsterInstance, registry: Registry, submissions: Sequence[Submission]
) -> dg.RunRequest | Idle:
    """The run that takes up what was fetched, or why there is none."""
    last = submissions[-1]
    command = remedy_of(wishes(registry), dg.AssetKey(last.asset.split("/")), owner_of_partition(last.partition))
    again = f"mend the cause, then materialize {last.asset} again, or `{command}`"
    if open_ := [submission for submission in submissions if submission.state is not State.FETCHED]:
        return Idle(f"it waits for {len(open_)} of {len(submissions)} submissions")
    if broken := [submission for submission in submissions if submission.broken]:
        return Idle(f"{told(broken[0])}; {again}")
    run = instance.get_run_by_id(last.run_id)
    if run is None:
        return Idle(f"run {last.run_id}, which waited, is deleted; `{command}` goes on")
    # Its answers are its cause: they launch one run, however often they are looked at.
    ids = ",".join(sorted(one.submission_id for one in submissions))
    key = f"{last.batch}:{run.job_name}:{last.asset}:{hashlib.sha256(ids.encode()).hexdigest()[:16]}"
    if before := launched(instance, key):
        return Idle(f"it went on once and ended in {before.status.value} (run {before.run_id}); {again}")
    answered, handed_in = sum(one.completed for one in submissions), sum(one.requests for one in submissions)
    return dg.RunRequest(
        run_key=key,
        job_name=run.job_name,
        partition_key=last.partition,
        asset_selection=sorted(run.asset_selection, key=str) if run.asset_selection else None,
        tags={
            "evergrow/batch": last.batch,
            "evergrow/answered": f"{answered:,} of {handed_in:,} requests answered",
            **{name: run.tags[name] for name in (FRESH_SINCE,) if name in run.tags},
        },
    )
