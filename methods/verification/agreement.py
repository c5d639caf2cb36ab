"""Agreement between several answers to one question, and what it decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far draws agree.

    Attributes:
        winner: the final answer that most draws give, as the first of them puts it; None on a tie or without answers.
        first: the place of that first draw, from 0; None like `winner`.
        share: the draws that give it, as a share of all draws, 0 to 1; those without an answer agree with none. On a
            tie, the share of each of those that tie.
        votes: each different answer with the number of its draws, most first, then by the place of the first.
    """

    winner: str | None
    first: int | None
    share: float
    votes: tuple[tuple[str, int], ...]

    @property
    def told(self) -> str:
        """The votes in words, for a table."""
        return ", ".join(f"{count} x {final[:60]!r}" for final, count in self.votes) or "no usable answer"


@dataclass(frozen=True, slots=True)
class Decision:
    """What agreement decides: a verdict (pass or fail), why, and which draw becomes the answer.

    `chosen` is the place of the first draw, from 0, that gives the winning answer; None if it fails.
    """

    verdict: str
    detail: str
    chosen: int | None
    agreement: float


def agree(finals: Sequence[str | None], same: Callable[[str, str], bool]) -> Agreement:
    """How far the final answers of several draws agree; the same for the same answers, whatever else happens.

    Every answer joins the first class whose first answer it equals, so that k classes of n draws take at most n * k
    comparisons.

    Args:
        finals: an answer per draw, in their order; None for a draw that gave no usable one.
        same: whether two answers are equal.
    """
    classes: list[list[int]] = []
    for place, final in enumerate(finals):
        if final is None:
            continue
        found = next((c for c in classes if same(_final(finals, c), final)), None)
        if found is None:
            classes.append([place])
        else:
            found.append(place)
    classes.sort(key=lambda places: (-len(places), places[0]))
    votes = tuple((_final(finals, places), len(places)) for places in classes)
    share = votes[0][1] / len(finals) if votes else 0.0
    if not votes or (len(votes) > 1 and votes[0][1] == votes[1][1]):
        return Agreement(None, None, share, votes)
    return Agreement(votes[0][0], classes[0][0], share, votes)


def decide(found: Agreement, min_agreement: float) -> Decision:
    """Pass if there is a winner whose share is more than `min_agreement`, 0 to 1."""
    if found.winner is None:
        return Decision("fail", f"no answer has most votes: {found.told}", None, found.share)
    if found.share <= min_agreement:
        return Decision("fail", f"too few draws agree, {found.share:.0%}: {found.told}", None, found.share)
    return Decision("pass", f"{found.share:.0%} of the draws agree: {found.told}", found.first, found.share)


def _final(finals: Sequence[str | None], places: list[int]) -> str:
    final = finals[places[0]]
    assert final is not None
    return final
