"""How large an evolution can get, before it is started (paper, appendix C; method.md E.1)."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoundSize:
    """What a round asks for: `children` of `parents`, of which `judged` are scored."""

    round_no: int
    parents: int
    children: int
    judged: int


def round_sizes(
    parents: int, children: int, beam: float, first: int, last: int, *, written: float = 1.0, scored: float = 1.0
) -> list[RoundSize]:
    """The sizes of the rounds `first` to `last`, if only the beam stops any child that is written and scored.

    Args:
        parents: how many enter the round `first`.
        children: K, children per parent.
        beam: share of a round's children that enters the next.
        first: number of the first round, from 1.
        last: number of the last.
        written: share of children that the generator gives; with 1, and 1 for the next, sizes are the largest possible.
        scored: share of children that the judge can score.
    """
    sizes = []
    for round_no in range(first, last + 1):
        judged = math.ceil(round(written * parents * children, 9))
        sizes.append(RoundSize(round_no, parents, parents * children, judged))
        parents = math.ceil(round(beam * scored * judged, 9))
    return sizes
