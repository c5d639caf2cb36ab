"""How large an evolution can get, before it is started (paper, appendix C; method.md E.1)."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoundSize:
    """The most that a round can ask for: `children` of `parents`."""

    round_no: int
    parents: int
    children: int


def largest_rounds(parents: int, children: int, beam: float, first: int, last: int) -> list[RoundSize]:
    """The sizes of the rounds `first` to `last`, if every child is usable and only the beam stops any.

    Args:
        parents: how many enter the round `first`.
        children: K, children per parent.
        beam: share of a round's children that enters the next.
        first: number of the first round, from 1.
        last: number of the last.
    """
    sizes = []
    for round_no in range(first, last + 1):
        sizes.append(RoundSize(round_no, parents, parents * children))
        parents = math.ceil(round(beam * parents * children, 9))
    return sizes
