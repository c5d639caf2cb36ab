"""Files in the inbox become batches."""

import dagster as dg

from evergrow.assets.evolution.seeds import seeds_job
from evergrow.assets.names import BATCHES, SEEDS
from evergrow.flows.frontier import seeds_needed
from evergrow.flows.runs import launched, under_way
from evergrow.resources.host.home import Home
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.registry.batches import StagedBatch, staged_batches
from evergrow.resources.registry.registry import Registry
from evergrow.resources.seeds import inbox
from evergrow.resources.settings import Settings


def inbox_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that registers new files, and loads every registered batch whose seeds are not those loaded."""

    @dg.sensor(
        name="inbox",
        job=seeds_job,
        minimum_interval_seconds=settings.sensors.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A seed file in the inbox becomes a batch. Nothing is sent to a model.",
    )
    def inbox_files(
        context: dg.SensorEvaluationContext, home: dg.ResourceParam[Home], registry: dg.ResourceParam[Registry]
    ) -> dg.SensorResult | dg.SkipReason:
        taken = inbox.take(home, registry, settings.sensors.inbox_settle_s, settings.seeds.max_chars)
        requests, said = [], [str(file) for file in taken]
        busy = under_way(context.instance, registry)
        for batch in staged_batches(registry):
            if batch.batch in busy or not seeds_needed(context.instance, registry, batch.batch):
                continue
            request = _request(context.instance, batch)
            run = launched(context.instance, str(request.run_key))
            while run and run.is_success:  # what it loaded was wiped since, and no run stands for it any more
                request = _request(context.instance, batch, after=run.run_id)
                run = launched(context.instance, str(request.run_key))
            if run:
                said.append(f"{batch.batch}: loading it ended in {run.status.value} (run {run.run_id})")
            else:
                requests.append(request)
        if not requests:
            return dg.SkipReason("; ".join(said) or f"no new file in {home.inbox}")
        for line in said:
            context.log.info(line)
        return dg.SensorResult(
            dynamic_partitions_requests=[BATCHES.build_add_request([str(r.partition_key) for r in requests])],
            run_requests=requests,
        )

    return inbox_files


def _request(instance: dg.DagsterInstance, batch: StagedBatch, after: str = "") -> dg.RunRequest:
    """A run that loads the batch; its key names the seeds, what they replace, and `after` which run they were wiped."""
    replaced = latest_materialization(instance, SEEDS, batch.batch)
    return dg.RunRequest(
        run_key=f"{batch.batch}:{batch.digest}:{replaced.storage_id if replaced else 0}{after and f':{after}'}",
        partition_key=batch.batch,
        tags={"evergrow/batch": batch.batch, "evergrow/cause": "inbox"},
    )
