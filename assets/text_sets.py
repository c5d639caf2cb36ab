"""Tables as sets of texts, for what is measured of them as a whole; measuring is looking, and reads past the gates."""

import dagster as dg
import polars as pl

from evergrow.assets.gates.measured import MeasuredSet
from evergrow.assets.names import SAMPLES, SEEDS, level_key, shard_names, shard_partition
from evergrow.methods.treesynth.nodes import connected
from evergrow.resources.lake.lake import Lake
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.place import Place
from evergrow.resources.registry.trees import tree_spec

CONTENT = "content"


def texts_of(lake: Lake, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> pl.Series | None:
    """The texts of a table's rows that were kept, as they are today; None if it was never made."""
    if latest_materialization(instance, key, partition) is None:
        return None
    return lake.scan(instance, key, partition, guarded=False).select(CONTENT).collect()[CONTENT]


def seed_texts(lake: Lake, instance: dg.DagsterInstance, batches: list[str]) -> pl.Series | None:
    """The texts of the seeds of some batches; None if one of them has none."""
    found = [texts for batch in batches if (texts := texts_of(lake, instance, SEEDS, batch)) is not None]
    return pl.concat(found) if len(found) == len(batches) and found else None


def tree_set(place: Place, lake: Lake, tree: str) -> MeasuredSet | None:
    """The samples of all shards of a tree that there are, and rows of every leaf, empty ones too; None if there are
    none.

    place: any of the tree's; its recipe says how many shards there are.
    """
    instance = place.instance
    shards = [shard_partition(tree, shard) for shard in shard_names(place.settings.treesynth.shards)]
    made = [shard for shard in shards if latest_materialization(instance, SAMPLES, shard)]
    if not made:
        return None
    rows = pl.concat(
        [lake.scan(instance, SAMPLES, shard, guarded=False).select("leaf_id", CONTENT).collect() for shard in made]
    )
    leaves = _leaves(place, lake, tree)
    held = leaves.join(rows.group_by("leaf_id").len(), on="leaf_id", how="left")["len"].fill_null(0)
    return MeasuredSet(rows[CONTENT], tuple(held.to_list()))


def _leaves(place: Place, lake: Lake, tree: str) -> pl.DataFrame:
    """`leaf_id` of every leaf down to the tree's own depth; none where its levels do not fit together today."""
    levels = []
    for depth in range(tree_spec(place.registry, tree).max_depth + 1):
        if latest_materialization(place.instance, level_key(depth), tree) is None:
            break
        level = lake.scan(place.instance, level_key(depth), tree, "all", guarded=False).collect()
        if depth and level.is_empty():
            break
        levels.append(level)
    try:
        nodes = connected(levels) if levels else pl.DataFrame(schema={"id": pl.String, "state": pl.String})
    except ValueError:  # a level is being made anew: how its leaves lie is not known
        nodes = levels[0].clear()
    return nodes.filter(pl.col("state") == "leaf").select(leaf_id="id")
