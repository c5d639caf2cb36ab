"""Tells an OpenLineage collector of the runs that the daemon launched; a command tells of its own."""

import dagster as dg

from evergrow.flows.lineage import tell
from evergrow.flows.runs import executing
from evergrow.resources.settings import Settings

ENDED = {"succeeded": dg.DagsterRunStatus.SUCCESS, "failed": dg.DagsterRunStatus.FAILURE}


def lineage_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """A sensor for runs that succeeded and one for those that failed; none where no collector is named."""
    if settings.observability.openlineage_url is None:
        return []
    return [_sensor(settings, word, status) for word, status in ENDED.items()]


def _sensor(settings: Settings, word: str, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=f"lineage_of_{word}_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Sends what {word} runs made, from what, with their gates, to the OpenLineage collector of "
        "observability.openlineage_url.",
    )
    def lineage(context: dg.RunStatusSensorContext) -> None:
        if executing(context.dagster_run):  # a command's own run: it has told already
            return
        taken = tell(context.instance, context.dagster_run.run_id, settings.observability)
        context.log.info(f"{taken} events of run {context.dagster_run.run_id} sent")

    return lineage
