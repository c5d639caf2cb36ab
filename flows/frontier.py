"""All tables that settings and recipes ask for, and what is due of them: what looks at tables wants no more."""

import json
from functools import partial

import dagster as dg

from evergrow.assets.dataset.definitions import dataset_tables
from evergrow.assets.evolution.definitions import evolution_tables
from evergrow.assets.table import Table
from evergrow.assets.treesynth.definitions import treesynth_tables
from evergrow.assets.trust.definitions import trust_tables
from evergrow.flows.due import Frontier
from evergrow.resources.host.home import Home
from evergrow.resources.owner_settings import Recipes
from evergrow.resources.registry.recipes import latest_recipes, recipe
from evergrow.resources.registry.registry import Registry
from evergrow.resources.settings import Settings
from evergrow.resources.settings.recipe import with_recipe


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
