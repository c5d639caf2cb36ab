"""The composition root: settings in, Dagster definitions out. The only module of this folder that knows the sensors."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import closing, nullcontext

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG

# Partitioned checks are preview and pinned by minor version; one warning per asset and check would drown a user's log.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)

from evergrow.assets.dataset.definitions import dataset_definitions  # noqa: E402
from evergrow.assets.evolution.collected import collected_definitions  # noqa: E402
from evergrow.assets.evolution.definitions import round_definitions  # noqa: E402
from evergrow.assets.evolution.seeds import seeds, seeds_job  # noqa: E402
from evergrow.assets.names import owner  # noqa: E402
from evergrow.assets.treesynth.definitions import tree_definitions  # noqa: E402
from evergrow.resources.embedding.embedder import Embedder  # noqa: E402
from evergrow.resources.host.home import Home  # noqa: E402
from evergrow.resources.host.progress import LogProgress, Progress  # noqa: E402
from evergrow.resources.lake.lake import Lake, LakeIOManager  # noqa: E402
from evergrow.resources.ledger import Ledger  # noqa: E402
from evergrow.resources.models import EmbeddedServers, Models  # noqa: E402
from evergrow.resources.sandbox.levels import SandboxUnavailable  # noqa: E402
from evergrow.resources.sandbox.sandbox import Sandbox  # noqa: E402
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
    resources = _resources(settings, progress, caller_holds_lock=caller_holds_lock)
    next_level = next_level_sensor(settings, dg.Definitions.merge(trees, dg.Definitions(resources=resources)))
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
            resources=resources,
        ),
    )


def _resources(settings: Settings, progress: Progress | None, *, caller_holds_lock: bool) -> dict[str, object]:
    home = Home(settings.home)

    def shown(context: dg.InitResourceContext) -> Progress:
        return progress or LogProgress(context.log or logging.getLogger("evergrow"))

    @dg.resource(description="the folders of EVERGROW_HOME")
    def home_resource(_: dg.InitResourceContext) -> Home:
        return home.ensure()

    @dg.resource(description="every request to a model, and what it cost")
    def ledger_resource(_: dg.InitResourceContext) -> Iterator[Ledger]:
        with closing(Ledger.of(settings)) as ledger:
            yield ledger

    @dg.resource(required_resource_keys={"ledger"}, description="the models that are asked")
    def models_resource(context: dg.InitResourceContext) -> Iterator[Models]:
        with closing(EmbeddedServers(settings, home)) as servers:
            yield Models(settings, context.resources.ledger, servers, shown(context))

    @dg.resource(description="texts to vectors, computed once")
    def embedder_resource(context: dg.InitResourceContext) -> Embedder:
        return Embedder(settings.embedding, home.embeddings, shown(context))

    @dg.resource(description="keeps a second run away from a partition while this one works on it")
    def one_run_per_partition(context: dg.InitResourceContext) -> Iterator[None]:
        run = context.run
        partition = run.tags.get(PARTITION_NAME_TAG) if run and not caller_holds_lock else None
        whose = owner(partition) if partition else None
        with home.batch_lock(whose, run.run_id) if run and whose else nullcontext():
            yield None

    @dg.resource(description="where generated programs run, or why they run nowhere")
    def sandbox_resource(_: dg.InitResourceContext) -> Sandbox | SandboxUnavailable:
        try:
            return Sandbox.open(settings.sandbox)
        except SandboxUnavailable as why:
            return why

    # Every run reads or writes a table, so every run of a partition holds its lock.
    @dg.io_manager(required_resource_keys={"one_run_per_partition"}, description="tables, behind their gates")
    def io_manager(_: dg.InitResourceContext) -> LakeIOManager:
        return LakeIOManager(open_lake(settings))

    return {
        "io_manager": io_manager,
        "home": home_resource,
        "lake": dg.ResourceDefinition.hardcoded_resource(open_lake(settings), "tables that an asset looks into itself"),
        "ledger": ledger_resource,
        "models": models_resource,
        "embedder": embedder_resource,
        "sandbox": sandbox_resource,
        "one_run_per_partition": one_run_per_partition,
    }


def open_lake(settings: Settings) -> Lake:
    """The lake that the settings name."""
    return Lake(settings.lake_url or Home(settings.home).lake)


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads: the platform, built for the settings of the process."""
    return build_definitions(load_settings())
