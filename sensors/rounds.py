"""A batch whose round was accepted goes on to the next one, and to the collection after its last."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from evergrow.assets.names import BATCHES, COLLECTED, gate_name, parents_key, round_name, stage_key
from evergrow.flows.frontier import Stop, next_round_no, stop_before
from evergrow.flows.runs import under_way
from evergrow.resources.lake.readable import Verdict, judgement
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.ledger import Ledger, State
from evergrow.resources.ledger.submission_records import AT_ENDPOINT
from evergrow.resources.registry.batches import taken_as_is
from evergrow.resources.registry.registry import Registry
from evergrow.resources.settings import Settings
from evergrow.sensors.answer import answer, once, worked_on


def next_round_sensor(settings: Settings, jobs: Sequence[Any]) -> dg.SensorDefinition:
    """The sensor that launches, for each batch, the round after its last accepted one, or its collection."""

    @dg.sensor(
        name="next_round",
        jobs=list(jobs),
        minimum_interval_seconds=settings.sensors.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts the next round of every batch whose last one passed its gate; stops at the last round "
        "and at the budget.",
    )
    def next_round(
        context: dg.SensorEvaluationContext, registry: dg.ResourceParam[Registry], ledger: dg.ResourceParam[Ledger]
    ) -> dg.SensorResult | dg.SkipReason:
        busy = under_way(context.instance, registry)
        batches = BATCHES.get_partition_keys(dynamic_partitions_store=context.instance)
        decisions = (
            (
                batch,
                worked_on(registry, busy, batch)
                or _wanted_as_is(context.instance, registry, batch)
                or decide(context.instance, ledger, settings, batch),
            )
            for batch in batches
        )
        return answer(context, decisions, "no batch is registered")

    return next_round


def decide(instance: dg.DagsterInstance, ledger: Ledger, settings: Settings, batch: str) -> dg.RunRequest | Stop:
    """The run that takes the batch on, or why there is none."""
    if waits := ledger.submissions.find((*AT_ENDPOINT, State.FETCHED), batch=batch):
        return Stop(f"{waits[0].asset} waits for a Batch API; the sensor offline_batches goes on with it")
    round_no = next_round_no(instance, batch, settings.evolution.rounds)
    cause = latest_materialization(instance, parents_key(round_no), batch)
    if cause is None:
        return Stop("its seeds are not loaded yet")
    if round_no > 1:
        check = dg.AssetCheckKey(parents_key(round_no), gate_name("accepted"))
        found = judgement(instance, check, batch, cause)
        if found.verdict is not Verdict.PASSED:
            return Stop(f"the gate of round {round_no - 1} is {found.verdict}: {found.why or 'it has not run'}")
    stop = stop_before(ledger, settings, batch, round_no)
    again = f"materialize it again, or `evergrow run --batch {batch}`"
    if stop is None:
        return once(instance, _request(batch, round_name(round_no), cause), again)
    collected = latest_materialization(instance, COLLECTED, batch)
    if round_no > 1 and (collected is None or collected.storage_id < cause.storage_id):
        return once(instance, _request(batch, "collected", cause), again)
    return stop


def _wanted_as_is(instance: dg.DagsterInstance, registry: Registry, batch: str) -> Stop | None:
    """Whether a batch is not to be evolved: its seeds are a dataset's samples, and nobody has begun a round."""
    if not taken_as_is(registry, batch) or latest_materialization(instance, stage_key(1, "instructions"), batch):
        return None
    return Stop(f"its seeds were taken as they are; `evergrow run --batch {batch}` evolves them")


def _request(batch: str, job: str, cause: dg.EventLogRecord) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{batch}:{job}:{cause.storage_id}",
        job_name=job,
        partition_key=batch,
        tags={"evergrow/batch": batch, "evergrow/cause": str(cause.storage_id)},
    )
