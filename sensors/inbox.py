"""Files in the inbox become batches."""

from collections.abc import Iterator, Sequence
from typing import cast

import dagster as dg

from evergrow.assets.names import BATCHES, SEEDS
from evergrow.flows.due import Frontier
from evergrow.flows.runs import launched, under_way
from evergrow.resources.host.dagster_private import UnresolvedAssetJobDefinition
from evergrow.resources.host.event_log import EventLog
from evergrow.resources.host.home import Home
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.registry.batches import StagedBatch, staged_batches
from evergrow.resources.registry.recipes import latest_recipes, record
from evergrow.resources.seeds import inbox
from evergrow.resources.settings import Settings
from evergrow.resources.settings.recipe import recipe_of


def inbox_sensor(
    settings: Settings, frontier: Frontier, jobs: Sequence[UnresolvedAssetJobDefinition]
) -> dg.SensorDefinition:
    """The sensor that registers new files, and loads every registered batch whose seeds are not those loaded."""

    @dg.sensor(
        name="inbox",
        job=next(job for job in jobs if job.name == SEEDS.path[-1]),
        minimum_interval_seconds=settings.sensors.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A seed file in the inbox becomes a batch; starts the job `seeds`, which loads it and asks no "
        "model. It goes further by itself only where `sensors.inbox` says so.",
    )
    def inbox_files(
        context: dg.SensorEvaluationContext, home: dg.ResourceParam[Home]
    ) -> dg.SensorResult | dg.SkipReason:
        frontier.forget()
        taken = inbox.take(home, frontier.registry, settings.sensors.inbox_settle_s, settings.seeds.max_chars)
        requests, said = [], [str(file) for file in taken]
        for file in taken:
            if isinstance(file, inbox.RegisteredFile):
                automate = "none" if settings.sensors.inbox == "seeds" else settings.sensors.inbox
                record(frontier.registry, "batch", file.batch.batch, recipe_of(settings, automate), "the inbox")
        since, busy = context.cursor or "", under_way(context.instance, frontier.registry)
        batches = staged_batches(frontier.registry)
        for batch in _unloaded(EventLog.now(context.instance), frontier.under(settings), batches, since):
            if batch.batch in busy:
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
        waiting = {str(request.partition_key) for request in requests} | set(busy)
        context.update_cursor(max((b.staged_at.isoformat() for b in batches if b.batch not in waiting), default=since))
        if not requests:
            return dg.SkipReason("; ".join(said) or f"no new file in {home.inbox}")
        for line in said:
            context.log.info(line)
        return dg.SensorResult(
            dynamic_partitions_requests=[BATCHES.build_add_request([str(r.partition_key) for r in requests])],
            run_requests=requests,
        )

    return inbox_files


def _unloaded(log: EventLog, frontier: Frontier, batches: Sequence[StagedBatch], since: str) -> Iterator[StagedBatch]:
    """Batches whose seeds are to be loaded; what was loaded and registered before the last look is passed over.

    The event log and the recipes are read once, however many batches there are.
    """
    loaded = log.read_table(SEEDS.path)
    frontier.know({(recipe.kind, recipe.name): recipe for recipe in latest_recipes(frontier.registry)})
    for batch in batches:
        seen = batch.staged_at.isoformat() < since and batch.batch in loaded
        if not seen and frontier.due(cast("dg.DagsterInstance", log), SEEDS, batch.batch):
            yield batch


def _request(instance: dg.DagsterInstance, batch: StagedBatch, after: str = "") -> dg.RunRequest:
    """A run that loads the batch; its key names the seeds, what they replace, and `after` which run they were wiped."""
    replaced = latest_materialization(instance, SEEDS, batch.batch)
    return dg.RunRequest(
        run_key=f"{batch.batch}:{batch.digest}:{replaced.storage_id if replaced else 0}{after and f':{after}'}",
        partition_key=batch.batch,
        tags={"evergrow/batch": batch.batch, "evergrow/cause": "inbox"},
    )
