"""Leaves on their way to their quotas: what they hold, what of it repeats something, and who gives what others lack."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from evergrow.methods.treesynth.nodes import Attribute, Node
from evergrow.methods.treesynth.quotas import largest_remainder
from evergrow.methods.treesynth.samples import Sample, told_apart


@dataclass(slots=True)
class Line:
    """A sample that was written for a leaf, with what made it.

    Attributes:
        likeness: cosine to the most similar sample of the tree that came before it; None where that was not looked for.
        settled: it was compared with the other leaves' samples, and stays.
        reason: why it is not kept.
        told: a hash of what tells it from others.
    """

    sample: Sample
    attributes: tuple[Attribute, ...]
    origin: str
    call_id: str | None = None
    model: str | None = None
    run_id: str | None = None
    reason: str | None = None
    likeness: float | None = None
    settled: bool = False
    told: str = field(init=False)

    def __post_init__(self) -> None:
        self.told = hashlib.sha256(told_apart(self.sample).encode()).hexdigest()[:24]


@dataclass(slots=True)
class Leaf:
    """A leaf on its way to its quota.

    Attributes:
        node: the leaf.
        quota: rows that it is to have.
        lines: what was written for it.
        asked: number of the next draw.
        exhausted: it gives nothing new any more.
        stale: passes in a row that left it with no more than it had.
        cut_off: a request of its came to nothing; another run goes on.
    """

    node: Node
    quota: int
    lines: list[Line] = field(default_factory=list)
    asked: int = 0
    exhausted: bool = False
    stale: int = 0
    cut_off: bool = False

    @property
    def kept(self) -> list[Line]:
        """The samples that count."""
        return [line for line in self.lines if line.reason is None]

    @property
    def missing(self) -> int:
        """Rows that the leaf still needs."""
        return max(0, self.quota - len(self.kept))


def settle(leaf: Leaf) -> None:
    """Reject what a leaf has twice, and what is beyond its quota; earlier samples stay."""
    seen: set[str] = set()
    for line in leaf.lines:
        if line.reason == "beyond_quota":
            line.reason = None
        if line.reason is not None:
            continue
        if line.told in seen:
            line.reason = "duplicate in its leaf"
        elif len(seen) >= leaf.quota:
            line.reason = "beyond_quota"
        else:
            seen.add(line.told)


def drop_repeated(leaves: Sequence[Leaf], taken: set[str]) -> int:
    """Reject samples that `taken` has already, or an earlier leaf; what is settled stays. Returns how many."""
    seen, dropped = set(taken), 0
    for leaf in leaves:
        while repeated := [line for line in leaf.kept if line.told in seen and not line.settled]:
            for line in repeated:
                line.reason = "duplicate in the tree"
            dropped += len(repeated)
            settle(leaf)  # what was beyond the quota may take their places
        seen.update(line.told for line in leaf.kept)
    return dropped


def hand_on(leaves: Sequence[Leaf]) -> int:
    """Share out what exhausted leaves are missing among those that are not; returns how many rows that is."""
    able = [leaf for leaf in leaves if leaf.quota and not (leaf.exhausted or leaf.cut_off)]
    missing = sum(leaf.missing for leaf in leaves if leaf.exhausted)
    if not missing or not able:
        return 0
    for leaf in leaves:
        if leaf.exhausted:
            leaf.quota -= leaf.missing
    shares = largest_remainder([leaf.quota for leaf in able], missing, [leaf.node.id for leaf in able])
    for leaf, share in zip(able, shares, strict=True):
        leaf.quota += share
        settle(leaf)
    return missing
