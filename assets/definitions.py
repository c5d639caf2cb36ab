"""The composition root: settings in, Dagster definitions out. The only module of this folder that knows the sensors."""

import warnings

import dagster as dg

# Partitioned checks are preview and pinned by minor version; one warning per asset and check would drown a user's log.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)

from evergrow.assets.dataset.definitions import dataset_definitions  # noqa: E402
from evergrow.assets.evolution.collected import collected_definitions  # noqa: E402
from evergrow.assets.evolution.definitions import round_definitions  # noqa: E402
from evergrow.assets.evolution.seeds import seeds, seeds_job  # noqa: E402
from evergrow.assets.treesynth.definitions import tree_definitions  # noqa: E402
from evergrow.resources.dagster_resources import Project, resources  # noqa: E402
from evergrow.resources.host.progress import Progress  # noqa: E402
from evergrow.resources.settings import Settings, load_settings  # noqa: E402
from evergrow.sensors.batch_api import offline_batches_sensor  # noqa: E402
from evergrow.sensors.inbox import inbox_sensor  # noqa: E402
from evergrow.sensors.rounds import next_round_sensor  # noqa: E402
from evergrow.sensors.trees import next_level_sensor  # noqa: E402


def build_definitions(
    settings: Settings, progress: Progress | None = None, *, caller_holds_lock: bool = False
) -> dg.Definitions:
    """Everything Dagster needs to know, for these settings.

    Args:
        settings: what is built for.
        progress: where progress is shown; lines in the run's log by default.
        caller_holds_lock: runs are executed by a process that holds the batch already; they do not take its lock.
    """
    rounds = [round_definitions(n, settings) for n in range(1, settings.evolution.rounds + 1)]
    collection = collected_definitions(settings)
    trees, dataset = tree_definitions(settings), dataset_definitions(settings)
    jobs = [job for part in (*rounds, collection, dataset) for job in part.jobs or ()]
    given = resources(Project(settings, progress, caller_holds_lock))
    next_level = next_level_sensor(settings, dg.Definitions.merge(trees, dg.Definitions(resources=given)))
    return dg.Definitions.merge(
        *rounds,
        collection,
        trees,
        dataset,
        dg.Definitions(
            assets=[seeds],
            jobs=[seeds_job],
            sensors=[
                inbox_sensor(settings),
                next_round_sensor(settings, jobs),
                next_level,
                offline_batches_sensor(settings, jobs),
            ],
            executor=dg.in_process_executor,
            resources=given,
        ),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads: the platform, built for the settings of the process."""
    return build_definitions(load_settings())
