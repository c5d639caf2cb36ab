"""Files in the inbox become batches."""

import dagster as dg

from evergrow.assets.keys import BATCHES, SEEDS
from evergrow.assets.seeds import seeds_job
from evergrow.resources import inbox
from evergrow.resources.batches import staged_batches
from evergrow.resources.home import Home
from evergrow.resources.settings import Settings


def inbox_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that registers new files, and loads every registered batch that is not loaded yet."""

    @dg.sensor(
        name="inbox",
        job=seeds_job,
        minimum_interval_seconds=settings.sensors.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A seed file in the inbox becomes a batch. Nothing is sent to a model.",
    )
    def inbox_files(
        context: dg.SensorEvaluationContext, home: dg.ResourceParam[Home]
    ) -> dg.SensorResult | dg.SkipReason:
        taken = inbox.take(home, settings.sensors.inbox_settle_s, settings.seeds.max_chars)
        for file in taken:
            context.log.info(str(file))
        loaded = context.instance.get_materialized_partitions(SEEDS)
        waiting = [batch for batch in staged_batches(home) if batch.batch not in loaded]
        if not waiting:
            said = "; ".join(str(file) for file in taken)
            return dg.SkipReason(said or f"no new file in {home.inbox}")
        return dg.SensorResult(
            dynamic_partitions_requests=[BATCHES.build_add_request([batch.batch for batch in waiting])],
            run_requests=[
                dg.RunRequest(
                    run_key=f"{batch.batch}:{batch.digest}",
                    partition_key=batch.batch,
                    tags={"evergrow/batch": batch.batch, "evergrow/cause": "inbox"},
                )
                for batch in waiting
            ],
        )

    return inbox_files
