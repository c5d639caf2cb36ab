"""Nodes of a tree: what they are, their ids, and how they stand in a level's table."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from evergrow.methods.treesynth.left_out import LEFT_OUT

State = Literal["inner", "leaf"]
ID_CHARS = 12
ATTRIBUTES = pl.List(pl.Struct({"dimension": pl.String, "value": pl.String}))
PATH = pl.List(pl.Struct({"dimension": pl.String, "values": pl.List(pl.String)}))
PIVOTS = pl.List(
    pl.Struct(
        {
            **dict.fromkeys(("fields", "content", "letter"), pl.String),
            "attributes": ATTRIBUTES,
            **dict.fromkeys(("call_id", "model"), pl.String),
        }
    )
)
GROUPS = pl.List(pl.Struct({"value": pl.String, "pivots": pl.List(pl.Int32)}))
COMPLETIONS = pl.List(pl.Struct({"call_id": pl.String, "values": pl.List(pl.String)}))
MERGED = pl.List(pl.Struct({"value": pl.String, "into": pl.String, "similarity": pl.Float64}))
LEVEL_SCHEMA: Mapping[str, Any] = {
    **dict.fromkeys(("id", "tree", "domain", "parent_id"), pl.String),
    **dict.fromkeys(("depth", "place", "max_depth", "list_nodes"), pl.Int32),
    "path": PATH,
    **dict.fromkeys(("state", "leaf_reason", "split_dimension"), pl.String),
    "split_values": pl.List(pl.String),
    "split_listed": pl.Boolean,
    "split_source": pl.String,
    "merged": MERGED,
    "closest_values": pl.Float64,
    "groups": GROUPS,
    "completions": COMPLETIONS,
    "pivots": PIVOTS,
    "left_out": LEFT_OUT,
    **dict.fromkeys(("split_call_id", "partitioner_model", "prompt_version", "run_id", "reason"), pl.String),
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One dimension and the one value that a sample has in it."""

    dimension: str
    value: str


@dataclass(frozen=True, slots=True)
class Edge:
    """The way into a node: its parent's dimension, and its value there; several values make the node list-valued."""

    dimension: str
    values: tuple[str, ...]

    @property
    def is_list(self) -> bool:
        """Whether one of the values is drawn whenever one is needed (the paper's "infinite" subspace)."""
        return len(self.values) > 1


@dataclass(frozen=True, slots=True)
class Node:
    """A subspace: the edges from the root down to it; `place` counts from 0 among its siblings."""

    id: str
    parent_id: str | None
    place: int
    path: tuple[Edge, ...]

    @property
    def depth(self) -> int:
        """Edges between the root and this node."""
        return len(self.path)

    @property
    def steps(self) -> tuple[str, ...]:
        """What it is called on the way down to it, the same in every tree that divides alike, whatever its name."""
        return tuple("\1".join((edge.dimension, *edge.values)) for edge in self.path)

    @property
    def list_nodes(self) -> int:
        """List-valued nodes on the path, this one included (method.md B.3, the exponent k)."""
        return sum(edge.is_list for edge in self.path)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions of its ancestors' splits, from the root down."""
        return tuple(edge.dimension for edge in self.path)


@dataclass(frozen=True, slots=True)
class Split:
    """How a node divides: exclusive values of one dimension; `listed` if they make one list-valued child."""

    dimension: str
    values: tuple[str, ...]
    listed: bool = False


def root(tree: str, domain: str) -> Node:
    """The root of `tree`."""
    return Node(_id("root", tree, domain), None, 0, ())


def children(node: Node, split: Split) -> list[Node]:
    """The nodes that `split` makes of `node`: one per value, or a single one that holds the list."""
    groups = [split.values] if split.listed else [(value,) for value in split.values]
    return [
        Node(_id(node.id, split.dimension, *values), node.id, place, (*node.path, edge))
        for place, values in enumerate(groups)
        for edge in (Edge(split.dimension, tuple(values)),)
    ]


def sample_id(leaf_id: str, number: int) -> str:
    """The id of the leaf's sample `number`, from 0. It has no underscore: those carry the lineage of an evolution."""
    return f"{leaf_id}-{number}"


def node_row(node: Node) -> dict[str, Any]:
    """The columns of a level's table that say which node it is."""
    path = [{"dimension": e.dimension, "values": list(e.values)} for e in node.path]
    return {
        "id": node.id,
        "parent_id": node.parent_id,
        "place": node.place,
        "depth": node.depth,
        "list_nodes": node.list_nodes,
        "path": path,
    }


def read_node(row: Mapping[str, Any]) -> Node:
    """The node of a level's row."""
    path = tuple(Edge(edge["dimension"], tuple(edge["values"])) for edge in row["path"])
    return Node(row["id"], row["parent_id"], row["place"], path)


def read_split(row: Mapping[str, Any]) -> Split | None:
    """How the node of a level's row divides; None for a leaf."""
    if row["state"] != "inner":
        return None
    return Split(row["split_dimension"], tuple(row["split_values"]), bool(row["split_listed"]))


def next_nodes(level: pl.DataFrame) -> Iterator[Node]:
    """The nodes of the level below, in the order of their parents."""
    columns = ("id", "parent_id", "place", "path", "state", "split_dimension", "split_values", "split_listed")
    for row in level.select(columns).iter_rows(named=True):
        if split := read_split(row):
            yield from children(read_node(row), split)


def connected(levels: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All nodes of the tree from its levels, top down; rows of a level that belong to no present parent are left out.

    Raises:
        ValueError: a node is missing that a split above it names: its level is older than the one above.
    """
    whole, wanted = [levels[0]], {node.id for node in next_nodes(levels[0])}
    for depth, level in enumerate(levels[1:], start=1):
        present = level.filter(pl.col("id").is_in(list(wanted)))
        if missing := len(wanted) - present.height:
            raise ValueError(f"level_{depth} lacks {missing} node(s) of the level above it: make it again")
        whole.append(present)
        wanted = {node.id for node in next_nodes(present)}
    if wanted:
        raise ValueError(f"level_{len(levels)} is missing, with {len(wanted)} node(s): make it first")
    return pl.concat(whole, how="diagonal")  # an older level lacks what newer ones note


def attributes_column(drawn: Iterable[Attribute]) -> list[dict[str, str]]:
    """Attributes as they stand in a table."""
    return [{"dimension": a.dimension, "value": a.value} for a in drawn]


def _id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:ID_CHARS]
