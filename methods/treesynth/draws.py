"""Seeded randomness of a tree: every draw has a seed of its own, derived from what it is for (method.md D40).

Concurrency, resumption and the order of answers therefore change nothing.
"""

import hashlib
import random

from evergrow.methods.treesynth.nodes import Attribute, Node


def derived(seed: int, *purpose: object) -> random.Random:
    """A generator for one purpose, the same in every process."""
    text = "\0".join(map(str, (seed, *purpose)))
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))  # noqa: S311 - no secrets


def draw(node: Node, number: int, seed: int) -> tuple[Attribute, ...]:
    """The attributes of request `number` (from 0) to `node`: of each list on its path one value is drawn.

    A list is gone through in a random order until it is used up, then in another: without replacement first. The order
    belongs to the list-valued node and the node that asks, so that siblings below one list see it in different orders.
    """
    return tuple(
        Attribute(edge.dimension, _value(edge.values, number, seed, node.id, place) if edge.is_list else edge.values[0])
        for place, edge in enumerate(node.path)
    )


def _value(values: tuple[str, ...], number: int, seed: int, node_id: str, place: int) -> str:
    cycle, at = divmod(number, len(values))
    order = list(range(len(values)))
    derived(seed, "list", node_id, place, cycle).shuffle(order)
    return values[order[at]]
