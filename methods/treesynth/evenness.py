"""How evenly rows lie over leaves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Balance:
    """How evenly rows lie over leaves.

    Attributes:
        rows: of all leaves.
        leaves: leaves counted, empty ones too.
        empty: leaves without a row.
        entropy: Shannon entropy over the logarithm of the number of leaves: 1 if all hold the same, 0 if one holds all.
        entropy_ceiling: the most that the entropy can be: less than 1 with fewer rows than leaves.
        gini: 0 if all hold the same, towards 1 the fewer hold most.
        smallest: rows of the smallest leaf.
        largest: rows of the largest leaf.
    """

    rows: int
    leaves: int
    empty: int
    entropy: float
    entropy_ceiling: float
    gini: float
    smallest: int
    largest: int


def balance(counts: Sequence[int]) -> Balance:
    """The balance of leaves that hold `counts` rows; entropy and Gini of no rows at all are 0."""
    rows, leaves = sum(counts), len(counts)
    if not rows:
        return Balance(0, leaves, leaves, 0.0, 0.0, 0.0, 0, 0)
    shares = [count / rows for count in counts if count]
    entropy = -math.fsum(share * math.log(share) for share in shares) / math.log(leaves) if leaves > 1 else 1.0
    ranked = sum(rank * count for rank, count in enumerate(sorted(counts), start=1))
    gini = 2 * ranked / (leaves * rows) - (leaves + 1) / leaves
    ceiling = math.log(rows) / math.log(leaves) if leaves > max(rows, 1) else 1.0
    bounds = min(counts), max(counts)
    return Balance(rows, leaves, counts.count(0), min(max(entropy, 0.0), 1.0), ceiling, max(gini, 0.0), *bounds)


def histogram(counts: Sequence[int], most_bins: int = 10) -> list[tuple[int, int, int]]:
    """`(from, to, leaves)`: how many leaves hold how many rows, in at most `most_bins` bins of equal width."""
    if not counts:
        return []
    low, high = min(counts), max(counts)
    width = max(1, -(-(high - low + 1) // most_bins))
    starts = range(low, high + 1, width)
    return [(s, min(s + width - 1, high), sum(s <= count < s + width for count in counts)) for s in starts]
