"""How far a tree has got: the first of its tables that needs work."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from evergrow.assets.names import SAMPLES, gate_name, level_key, shard_names, shard_partition
from evergrow.assets.tree_basis import BASIS, samples_basis
from evergrow.assets.treesynth.level import INNER, SHAPE, known_tree, shape
from evergrow.flows.frontier import NEVER_MADE, OTHER_CODE, changed, gate_needed, work_needed
from evergrow.resources.host.dagster_private import CODE_VERSION_TAG
from evergrow.resources.lake.readable import Verdict, judgement
from evergrow.resources.lake.versions import UNANSWERED, latest_materialization
from evergrow.resources.registry.registry import Registry
from evergrow.resources.settings import Settings

OTHER_SHAPE = "the tree's depth, seed or domain changed"
OTHER_BASIS = "what it is made from changed"
REMADE = (NEVER_MADE, OTHER_CODE, OTHER_SHAPE, OTHER_BASIS)


@dataclass(frozen=True, slots=True)
class Step:
    """A table of a tree, and why it must be made (again); None if it is current.

    `held`: it is made from what is there now, and its gate does not let it through: making it again may not help.
    """

    job: str
    key: dg.AssetKey
    partition: str
    why: str | None
    held: bool


def steps(
    instance: dg.DagsterInstance, definitions: dg.Definitions, registry: Registry, settings: Settings, tree: str
) -> Iterator[Step]:
    """The tables of a tree in the order in which they are made: levels down to where it ends, then shards.

    What follows a step may depend on it: ask for the next one after the step was done.
    """
    spec, domain = known_tree(registry, settings, tree)
    wanted = shape(spec, domain)
    for depth in range(spec.max_depth + 1):
        key = level_key(depth)
        why = work_needed(instance, definitions, key, tree)
        if why is None and metadata_of(instance, key, tree, SHAPE) != wanted:
            why = OTHER_SHAPE
        held = why not in (None, *REMADE, changed(level_key(depth - 1))) and not _passed(instance, key, tree, "level")
        yield Step(f"tree_level_{depth}", key, tree, why, held)
        if metadata_of(instance, key, tree, INNER) == 0:
            break
    for shard in shard_names(settings.treesynth.shards):
        partition = shard_partition(tree, shard)
        why = stale(instance, definitions, SAMPLES, partition, samples_basis(instance, registry, settings, tree, shard))
        held = why not in (None, *REMADE) and not _passed(instance, SAMPLES, partition, "samples")
        yield Step("tree_samples", SAMPLES, partition, why, held)


def stale(
    instance: dg.DagsterInstance, definitions: dg.Definitions, key: dg.AssetKey, partition: str, basis: str
) -> str | None:
    """Why a table must be made (again), where what it was made from is kept as its basis; None if it is current."""
    node = definitions.resolve_asset_graph().get(key)
    record = latest_materialization(instance, key, partition)
    made = record.asset_materialization if record else None
    if record is None or made is None:
        return NEVER_MADE
    if (made.tags or {}).get(CODE_VERSION_TAG) != node.code_version:
        return OTHER_CODE
    if metadata_of(instance, key, partition, BASIS) != basis:
        return OTHER_BASIS
    if failed := metadata_of(instance, key, partition, UNANSWERED):
        return f"{failed} requests failed"
    return gate_needed(instance, definitions, key, partition, record)


def metadata_of(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str, name: str) -> object:
    """A value of the metadata of a table's latest version; None if there is none."""
    record = latest_materialization(instance, key, partition)
    made = record.asset_materialization if record else None
    return made.metadata[name].value if made and name in made.metadata else None


def _passed(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str, stage: str) -> bool:
    record = latest_materialization(instance, key, partition)
    check = dg.AssetCheckKey(key, gate_name(stage))
    return record is not None and judgement(instance, check, partition, record).verdict is Verdict.PASSED
