"""How many rows each leaf writes: natural targets, and an exact total shared out by largest remainder."""

from collections.abc import Sequence
from typing import Literal

Weighting = Literal["sets", "equal"]
MAX_TARGET = 10**9


def natural_target(list_nodes: int, per_call: int, sets_per_list: int) -> int:
    """Rows of a leaf below `list_nodes` list-valued nodes: `per_call * max(1, sets_per_list ** k)` (method.md B.15)."""
    sets = 1
    for _ in range(list_nodes):
        sets = min(sets * sets_per_list, MAX_TARGET)
    return min(per_call * max(1, sets), MAX_TARGET)


def largest_remainder(weights: Sequence[int], total: int, ties: Sequence[str]) -> list[int]:
    """`total` shared out in proportion to `weights`: exact, each share within one of its proportion.

    Args:
        weights: whole numbers from 0; not all 0 unless `total` is 0.
        total: from 0.
        ties: a key for each; among equal remainders the smaller key wins.

    Raises:
        ValueError: there is nobody to give the total to.
    """
    whole = sum(weights)
    if not whole:
        if total:
            raise ValueError(f"{total} rows cannot be shared out: there is no leaf")
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    left = total - sum(shares)
    order = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), ties[i]))
    for place in order[:left]:
        shares[place] += 1
    return shares
