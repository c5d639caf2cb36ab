"""The way of a tree's sample: from the whole space down to its leaf, and the sample itself."""

from typing import Any

import polars as pl

from evergrow.assets.names import BALANCED, ROUTED, SAMPLES, shard_names, shard_partition
from evergrow.flows.grow import tree_levels
from evergrow.flows.workspace import Workspace
from evergrow.resources.lake.lake import NeverMaterialized
from evergrow.resources.registry.trees import registered_trees


def tree_steps(workspace: Workspace, sample_id: str) -> list[dict[str, Any]]:
    """A step per node from the root to the sample's leaf, then the sample's own row; empty if no tree has the sample.

    A node's step has `id`, `node` (what it is) and `content` (how it divides, or why it is a leaf).
    """
    for tree in registered_trees(workspace.registry):
        if row := _sample(workspace, tree, sample_id):
            return [*_nodes(workspace, tree, row["leaf_id"] or row.get("stuck_at") or ""), row]
    return []


def _sample(workspace: Workspace, tree: str, sample_id: str) -> dict[str, Any] | None:
    """The row of a tree's own sample, or of what was balanced by it, or could not be sorted into it."""
    shards = [(SAMPLES, shard_partition(tree, n)) for n in shard_names(workspace.settings.treesynth.shards)]
    for key, partition in (*shards, (BALANCED, tree), (ROUTED, tree)):
        try:
            table = workspace.lake.scan(workspace.instance, key, partition, "all", guarded=False)
        except NeverMaterialized:
            continue
        if rows := table.filter(pl.col("id") == sample_id).collect().to_dicts():
            return rows[0]
    return None


def _nodes(workspace: Workspace, tree: str, leaf_id: str) -> list[dict[str, Any]]:
    nodes = {row["id"]: row for row in tree_levels(workspace, tree).iter_rows(named=True)}
    way: list[dict[str, Any]] = []
    node = nodes.get(leaf_id)
    while node is not None:
        way.append(_step(node))
        node = nodes.get(node["parent_id"])
    return way[::-1]


def _step(node: dict[str, Any]) -> dict[str, Any]:
    edge = node["path"][-1] if node["path"] else None
    name = f"{edge['dimension']}: {' | '.join(edge['values'])}" if edge else f"the whole space of tree {node['tree']}"
    values = ", ".join(node["split_values"] or ())
    return {
        "id": node["id"],
        "node": name,
        "content": f"divides by {node['split_dimension']}: {values}" if values else f"a leaf: {node['leaf_reason']}",
        "call_id": node["split_call_id"],
    }
