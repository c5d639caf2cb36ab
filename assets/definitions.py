"""The composition root: settings in, Dagster definitions out; alone in this folder it knows flows and sensors."""

import dagster as dg

from evergrow.assets.jobs import jobs_of
from evergrow.flows.due import Frontier
from evergrow.flows.frontier import frontier_of
from evergrow.resources.dagster_resources import Project, resources
from evergrow.resources.host.dagster_private import keep_engines, keep_interrupts_from_mirrors
from evergrow.resources.host.progress import Progress
from evergrow.resources.settings import Settings, load_settings
from evergrow.sensors.advance import advance_sensor
from evergrow.sensors.alerts import alert_sensors
from evergrow.sensors.batch_api import offline_batches_sensor
from evergrow.sensors.inbox import inbox_sensor
from evergrow.sensors.lineage import lineage_sensors
from evergrow.sensors.prune import prune_sensors


def build_definitions(
    settings: Settings,
    progress: Progress | None = None,
    frontier: Frontier | None = None,
    *,
    caller_holds_lock: bool = False,
) -> dg.Definitions:
    """Everything Dagster needs to know, for these settings.

    Args:
        settings: what is built for.
        progress: where progress is shown; lines in the run's log by default.
        frontier: what is due, where the caller asks it as well.
        caller_holds_lock: runs are executed by a process that holds the batch already; they do not take its lock.
    """
    keep_engines()
    keep_interrupts_from_mirrors()
    frontier = frontier or frontier_of(settings)
    jobs = jobs_of(frontier.tables.values())
    return dg.Definitions(
        assets=dg.with_source_code_references([table.asset for table in frontier.tables.values()]),
        asset_checks=[table.check for table in frontier.tables.values() if table.check],
        jobs=jobs,
        sensors=[
            inbox_sensor(settings, frontier, jobs),
            advance_sensor(settings, frontier, jobs),
            offline_batches_sensor(settings, jobs),
            *alert_sensors(settings, frontier),
            *lineage_sensors(settings),
            *prune_sensors(settings),
        ],
        executor=dg.in_process_executor,
        resources=resources(Project(settings, frontier, progress, caller_holds_lock)),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads: the platform, built for the settings of the process."""
    return build_definitions(load_settings())
