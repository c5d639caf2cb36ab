"""What a tree's tables were made from, as one text: if it differs from today's, the table has to be made again."""

import dagster as dg

from evergrow.assets.names import SAMPLES, level_key, shard_names, shard_partition
from evergrow.resources.host.dagster_private import DATA_VERSION_TAG
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.trees import balance_spec, tree_spec
from evergrow.resources.settings import Settings

BASIS = "basis"  # metadata of samples, routed, balanced and aware


def levels_basis(instance: dg.DagsterInstance, registry: Registry, tree: str) -> str:
    """The versions of all levels of the tree."""
    depths = range(tree_spec(registry, tree).max_depth + 1)
    return " ".join(data_version(instance, level_key(depth), tree) for depth in depths)


def samples_basis(instance: dg.DagsterInstance, registry: Registry, settings: Settings, tree: str, shard: str) -> str:
    """What a shard depends on: the levels, the target, and the shards before it."""
    names = shard_names(settings.treesynth.shards)
    earlier = [data_version(instance, SAMPLES, shard_partition(tree, n)) for n in names[: names.index(shard)]]
    spec = tree_spec(registry, tree)
    return " ".join([levels_basis(instance, registry, tree), str(spec.rows), str(spec.seed), *earlier])


def all_samples_basis(instance: dg.DagsterInstance, settings: Settings, tree: str) -> str:
    """The versions of all shards."""
    names = shard_names(settings.treesynth.shards)
    return " ".join(data_version(instance, SAMPLES, shard_partition(tree, name)) for name in names)


def routed_basis(instance: dg.DagsterInstance, registry: Registry, tree: str) -> str:
    """What the routing depends on: the levels, the dataset, and from where it is to be done anew."""
    wanted = balance_spec(registry, tree)
    asked = f"{wanted.dataset} {wanted.redo_from} {wanted.redo}" if wanted else "-"
    return f"{levels_basis(instance, registry, tree)} {asked}"


def data_version(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> str:
    """The content hash of a table's latest version; `-` while there is none."""
    record = latest_materialization(instance, key, partition)
    made = record.asset_materialization if record else None
    return str((made.tags or {}).get(DATA_VERSION_TAG, "-")) if made else "-"
