"""The event log is kept small, where `sensors.prune_after_days` says so."""

import time

import dagster as dg

from evergrow.methods.text.counts import counted
from evergrow.resources.host.pruning import prune
from evergrow.resources.settings import Settings

LOOK_S = 600  # between two looks
DAY_S = 86_400


def prune_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor that prunes the event log; none where the setting names no age."""
    days = settings.sensors.prune_after_days
    if days is None:
        return []

    @dg.sensor(
        name="prune",
        minimum_interval_seconds=LOOK_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Deletes log lines and inner events of runs that succeeded more than {days:,} days ago. What "
        "tables, gates and causes of failures tell stays. Starts no run.",
    )
    def prune_(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        runs, gone, upto = prune(context.instance, float(context.cursor or 0), time.time() - days * DAY_S)
        context.update_cursor(str(upto))
        return dg.SkipReason(f"{counted(gone, 'events')} of {counted(runs, 'runs')} were deleted")

    return [prune_]
