"""The composition root: settings in, Dagster definitions out; alone in this folder it knows flows and sensors."""

import json
import warnings
from functools import partial

import dagster as dg

# Partitioned checks are preview and pinned by minor version; one warning per asset and check would drown a user's log.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)

from evergrow.assets.dataset.definitions import dataset_tables  # noqa: E402
from evergrow.assets.evolution.definitions import evolution_tables  # noqa: E402
from evergrow.assets.jobs import jobs_of  # noqa: E402
from evergrow.assets.table import Table  # noqa: E402
from evergrow.assets.treesynth.definitions import treesynth_tables  # noqa: E402
from evergrow.assets.trust.definitions import trust_tables  # noqa: E402
from evergrow.flows.due import Frontier  # noqa: E402
from evergrow.resources.dagster_resources import Project, resources  # noqa: E402
from evergrow.resources.host.home import Home  # noqa: E402
from evergrow.resources.host.progress import Progress  # noqa: E402
from evergrow.resources.recipes import Recipes  # noqa: E402
from evergrow.resources.registry.recipes import latest_recipes, recipe  # noqa: E402
from evergrow.resources.registry.registry import Registry  # noqa: E402
from evergrow.resources.settings import Settings, load_settings  # noqa: E402
from evergrow.resources.settings.recipe import with_recipe  # noqa: E402
from evergrow.sensors.advance import advance_sensor  # noqa: E402
from evergrow.sensors.alerts import alert_sensors  # noqa: E402
from evergrow.sensors.batch_api import offline_batches_sensor  # noqa: E402
from evergrow.sensors.inbox import inbox_sensor  # noqa: E402
from evergrow.sensors.lineage import lineage_sensors  # noqa: E402


def tables_of(rounds: int, levels: int, shards: int) -> dict[dg.AssetKey, Table]:
    """All tables by key, in the order in which they are made: so many rounds, levels below the root, shards."""
    every = [*evolution_tables(rounds), *treesynth_tables(levels, shards), *dataset_tables(), *trust_tables()]
    return {table.key: table for table in every}


def frontier_of(settings: Settings) -> Frontier:
    """What is due of all tables, for these settings and what is registered.

    There are tables for as many rounds, levels and shards as the settings name, or any recipe.
    """
    home = Home(settings.home).ensure()
    registry = Registry.of(settings)
    different = {json.dumps(one.values, sort_keys=True, default=str): one.values for one in latest_recipes(registry)}
    known = [settings, *(with_recipe(settings, values) for values in different.values())]
    rounds = max(one.evolution.rounds for one in known)
    levels = max(one.treesynth.max_depth for one in known)
    shards = max(one.treesynth.shards for one in known)
    return Frontier(tables_of(rounds, levels, shards), Recipes(settings, partial(recipe, registry)), home, registry)


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
        ],
        executor=dg.in_process_executor,
        resources=resources(Project(settings, frontier, progress, caller_holds_lock)),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads: the platform, built for the settings of the process."""
    return build_definitions(load_settings())
