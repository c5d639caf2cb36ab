"""The way of a tree's row: from the whole space down to its leaf, and what was written, converted or balanced there."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from evergrow.assets.names import AWARE, BALANCED, ROUTED, SAMPLES, level_key
from evergrow.flows.table_rows import CALL_IDS, Row, TableRows
from evergrow.methods.provenance.differences import differences
from evergrow.methods.provenance.steps import Kind, TraceStep, ValueSource
from evergrow.methods.text.counts import counted
from evergrow.resources.registry.trees import balance_spec, registered_trees, tree_spec

Place = tuple[dg.AssetKey, str, Row]  # a table, its partition, and a row of it
PARTS = {"balanced": (ROUTED, BALANCED), "aware": (SAMPLES, AWARE)}  # tables of what a tree gave to a batch


def trees_with(rows: TableRows, row_id: str) -> list[str]:
    """The trees that have a row of this id, rejected or not."""
    return [tree for tree in registered_trees(rows.workspace.registry) if _places(rows, tree, row_id)]


def way_down(rows: TableRows, tree: str, row_id: str, part: str = "") -> list[TraceStep]:
    """A step per node from the root to the row's leaf, then one for each table of the tree that has the row.

    part: of the tree that is told of, `samples`, `balanced` or `aware`; all that there is if it is none of them.
    """
    places = [place for place in _places(rows, tree, row_id) if place[0] in PARTS.get(part, (place[0],))]
    if not places:
        return []
    row = places[-1][-1]
    leaf = next((r["leaf_id"] or r.get("stuck_at") for _, _, r in places if r["leaf_id"] or r.get("stuck_at")), None)
    attributes = {a["dimension"]: a["value"] for a in row.get("attributes") or places[0][-1].get("attributes") or ()}
    steps = list(_nodes(rows, tree, leaf, attributes)) if leaf else []
    for key, partition, found in places:
        steps.append(_written(rows, tree, (key, partition, found), steps))
    return steps


def _places(rows: TableRows, tree: str, row_id: str) -> list[Place]:
    """Where a tree has the row, in the order of the work."""
    shards = [(SAMPLES, shard) for shard in rows.workspace.partitions(SAMPLES, tree)]
    wanted = (*shards, (AWARE, tree), (ROUTED, tree), (BALANCED, tree))
    return [(key, partition, row) for key, partition in wanted if (row := rows.row(key, partition, row_id))]


def _nodes(rows: TableRows, tree: str, leaf_id: str, attributes: dict[str, str]) -> Iterator[TraceStep]:
    way = _way_up(rows, tree, leaf_id)[::-1]
    above: TraceStep | None = None
    for depth, row in enumerate(way):
        below = way[depth + 1] if depth + 1 < len(way) else None
        above = _node(rows, tree, row, below, above, attributes)
        yield above


def _way_up(rows: TableRows, tree: str, leaf_id: str) -> list[Row]:
    """The rows of a node and its ancestors, the root last: one row is read of each level."""
    way: list[Row] = []
    wanted: str | None = leaf_id
    for depth in range(tree_spec(rows.workspace.registry, tree).max_depth, -1, -1):
        if wanted and (row := rows.row(level_key(depth), tree, wanted)):
            way.append(row)
            wanted = row["parent_id"]
    return way


def _node(
    rows: TableRows, tree: str, row: Row, below: Row | None, above: TraceStep | None, attributes: dict[str, str]
) -> TraceStep:
    edge = row["path"][-1] if row["path"] else None
    name = f"{edge['dimension']}: {' | '.join(edge['values'])}" if edge else f"the whole space of tree {tree}"
    values = ", ".join(row["split_values"] or ())
    pivots, completions = row["pivots"] or (), row.get("completions") or ()
    calls = [*(p["call_id"] for p in pivots), row["split_call_id"], *(c["call_id"] for c in completions)]
    key = level_key(row["depth"])
    return TraceStep(
        id=row["id"],
        kind="node",
        says=name,
        row={**row, "node": name, "call_id": row["split_call_id"], CALL_IDS: calls},
        content=f"divides by {row['split_dimension']}: {values}" if values else f"a leaf: {row['leaf_reason']}",
        parents=[above.key] if above else (),
        values=list(_sources(row, below, attributes)) if below else (),
        tables=rows.versions([key], tree),
        closed=rows.shut(key, tree),
        reason=row["reason"],
    )


def _sources(row: Row, below: Row, attributes: dict[str, str]) -> Iterator[ValueSource]:
    """Who named the value by which the way goes on; of a list the one that the row has, if it says."""
    edge = below["path"][-1]
    dimension = edge["dimension"]
    own = attributes.get(dimension)
    for value in [own] if own in edge["values"] and own is not None else edge["values"]:
        yield _source(row, dimension, value)


def _source(row: Row, dimension: str, value: str) -> ValueSource:
    merged = [one["value"] for one in row["merged"] or () if one["into"] == value]
    if row["split_source"] in ("domain", "imported"):
        return ValueSource(dimension, value, row["split_source"], merged=merged)
    for group in row["groups"] or ():
        if group["value"] == value:
            return ValueSource(dimension, value, "pivots", row["split_call_id"], group["pivots"], merged)
    for answer in row.get("completions") or ():
        if value in answer["values"]:
            return ValueSource(dimension, value, "completion", answer["call_id"], merged=merged)
    return ValueSource(dimension, value, "unknown", merged=merged)


def _written(rows: TableRows, tree: str, place: Place, before: Sequence[TraceStep]) -> TraceStep:
    key, partition, row = place
    kind, says = _says(rows, tree, key, row)
    content = row.get("content") or row.get("story")
    parent = before[-1] if before else None
    told = content and parent and parent.kind in ("sample", "routed") and parent.content
    return TraceStep(
        id=row["id"],
        kind=kind,
        says=says,
        row={**row, "tree": tree, CALL_IDS: [*(row.get("route_call_ids") or ()), *map(row.get, _CALLS)]},
        content=content,
        parents=[parent.key] if parent else (),
        changes=differences(str(told), str(content)) if told else None,
        tables=rows.versions([key], partition),
        closed=rows.shut(key, partition),
        reason=row.get("reason"),
    )


_CALLS = ("call_id", "judge_call_id")


def _says(rows: TableRows, tree: str, key: dg.AssetKey, row: dict[str, Any]) -> tuple[Kind, str]:
    leaf = f"leaf {row['leaf_id']}"
    if key == SAMPLES:
        return "sample", f"sample of {leaf}, {row['origin']}"
    if key == AWARE:
        return "aware", "converted: the person can know"
    if key == BALANCED:
        return "balanced", f"{row['origin']} in the balanced dataset, {leaf}"
    spec = balance_spec(rows.workspace.registry, tree)
    origin = f"row of {spec.origin}" if spec else "row of the dataset"
    where = leaf if row["leaf_id"] else "no leaf"
    return "routed", f"{origin}, sorted by {counted(row['steps'], 'questions')} into {where}"
