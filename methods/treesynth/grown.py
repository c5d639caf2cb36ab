"""What became of a node: the pivots and the dimension that were found, what was left out, and its row of the table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from evergrow.methods.ask import Answer
from evergrow.methods.treesynth import values
from evergrow.methods.treesynth.dimensions import Choice
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.left_out import LeftOut, as_column
from evergrow.methods.treesynth.nodes import Attribute, Node, Split, attributes_column, node_row
from evergrow.methods.treesynth.prompt_set import version
from evergrow.methods.treesynth.samples import Sample
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.methods.treesynth.values import Completed, Merged

Embed = Callable[[Sequence[str]], np.ndarray]  # texts to float32 (n, d), normalised rows


class MergeRules(Protocol):
    """The settings by which values are merged, and listed."""

    @property
    def infinite_over(self) -> int: ...  # noqa: D102 - named as the settings name it
    @property
    def merge_similarity(self) -> float: ...  # noqa: D102 - named as the settings name it


@dataclass(frozen=True, slots=True)
class Pivot:
    """A sample that a dimension is found from, with the attributes that it was written for."""

    sample: Sample
    attributes: tuple[Attribute, ...]
    call_id: str
    model: str


@dataclass(slots=True)
class Grown:
    """What became of a node; a leaf says why it is one, a node without an answer why there is none (`failed`).

    `left_out`: what was answered and is not used. `owed`: why it is a leaf only for want of answers of use, so that a
    later run asks for it again.
    """

    node: Node
    leaf_reason: str | None = None
    source: str | None = None
    choice: Choice | None = None
    dimension: str | None = None
    values: tuple[str, ...] = ()
    listed: bool | None = None
    completions: Sequence[Completed] = ()
    pivots: Sequence[Pivot] = ()
    left_out: Sequence[LeftOut] = ()
    merged: Sequence[Merged] = ()
    closest: float | None = None
    call: Answer[Choice] | None = None
    failed: str | None = None
    owed: str | None = None


def stated(node: Node, source: str, split: Split) -> Grown:
    """A node whose dimension nobody was asked for."""
    return Grown(node, source=source, dimension=split.dimension, values=split.values, listed=split.listed)


def settle(level: Sequence[Grown], embed: Embed, rules: MergeRules, device: str = "cpu") -> None:
    """Merge the values that models found for `level`, near-synonyms by embedding, and decide which become lists."""
    found = [grown for grown in level if grown.source == "model"]
    vectors = embed([value for grown in found for value in grown.values])
    start = 0
    for grown in found:
        own = vectors[start : start + len(grown.values)]
        start += len(grown.values)
        grown.values, grown.merged, grown.closest = values.merge(grown.values, own, rules.merge_similarity, device)
        grown.listed = len(grown.values) > rules.infinite_over


def row(spec: TreeSpec, domain: Domain, grown: Grown) -> dict[str, Any]:
    """The node's row of its level's table."""
    inner = grown.dimension is not None
    groups = grown.choice.groups if grown.choice else ()
    return {
        **node_row(grown.node),
        "tree": spec.tree,
        "domain": domain.name,
        "max_depth": spec.max_depth,
        "state": None if grown.failed else "inner" if inner else "leaf",
        "leaf_reason": grown.leaf_reason,
        "split_dimension": grown.dimension,
        "split_values": list(grown.values) if inner else None,
        "split_listed": grown.listed,
        "split_source": grown.source,
        "merged": [{"value": m.value, "into": m.into, "similarity": m.similarity} for m in grown.merged],
        "closest_values": grown.closest,
        "groups": [{"value": g.value, "pivots": list(g.pivots)} for g in groups],
        "completions": [{"call_id": c.call_id, "values": list(c.values)} for c in grown.completions],
        "pivots": [_pivot_row(pivot) for pivot in grown.pivots],
        "left_out": as_column(grown.left_out),
        "split_call_id": grown.call.call_id if grown.call else None,
        "partitioner_model": grown.call.model if grown.call else None,
        "prompt_version": version("split", domain) if grown.call else None,
        "run_id": grown.call.run_id if grown.call else None,
        "reason": grown.failed,
    }


def _pivot_row(pivot: Pivot) -> dict[str, Any]:
    return {
        "fields": pivot.sample.fields,
        "content": pivot.sample.content,
        "letter": pivot.sample.letter,
        "attributes": attributes_column(pivot.attributes),
        "call_id": pivot.call_id,
        "model": pivot.model,
    }
