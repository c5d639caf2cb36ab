"""Leaves on their way to their quotas: what they hold, what of it repeats something, and who gives what others lack."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from evergrow.methods.treesynth.nodes import Attribute, Node, read_node
from evergrow.methods.treesynth.quotas import natural_target, tree_shares
from evergrow.methods.treesynth.samples import Sample, told_apart

INVALID = "invalid: "  # how the reason of what is of no use begins


@dataclass(slots=True)
class LeafSample:
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
    lines: list[LeafSample] = field(default_factory=list)
    asked: int = 0
    exhausted: bool = False
    stale: int = 0
    cut_off: bool = False

    @property
    def kept(self) -> list[LeafSample]:
        """The samples that count."""
        return [line for line in self.lines if line.reason is None]

    @property
    def missing(self) -> int:
        """Rows that the leaf still needs."""
        return max(0, self.quota - len(self.kept))

    @property
    def unanswered(self) -> str | None:
        """Why it lacks rows, where its last answer was of no use as a whole: another run asks further.

        None where that gave rows that it has already, or the model declined: then it has no more to give.
        """
        if not (self.lines and self.missing):
            return None
        last = self.lines[-1]
        of_no_use = last.origin == "generated" and last.call_id is None and (last.reason or "").startswith(INVALID)
        return str(last.reason).removeprefix(INVALID) if of_no_use else None


def leaf_quotas(
    leaves: pl.DataFrame,
    rows: int | None,
    *,
    per_call: int,
    sets_per_list: int,
    alike: bool,
    held: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """The rows that each leaf is to have, by its id: `rows` shared out exactly, or each leaf's own number.

    What a leaf holds already counts: without `rows` a leaf that holds any is finished, and with as many `rows` as are
    held, or more, none of those is beyond its leaf's quota.

    Args:
        leaves: the rows of a tree's leaves: `id, parent_id, place, path, list_nodes`.
        rows: of the whole tree; None: as many as its leaves add up to.
        per_call: a leaf's own number, with no list on its path.
        sets_per_list: what each list on its path multiplies it by.
        alike: give all leaves the same, whatever lists are on their paths.
        held: rows that a leaf was imported with, by its id.
    """
    have = [(held or {}).get(leaf, 0) for leaf in leaves["id"]]
    ids = leaves["id"].to_list()
    own = [natural_target(k, per_call, sets_per_list) for k in leaves["list_nodes"]]
    if rows is None:
        return {leaf: count or number for leaf, count, number in zip(ids, have, own, strict=True)}
    steps, weights = leaf_steps(leaves), [1] * len(ids) if alike else own
    shares = tree_shares(steps, have, rows) if rows < sum(have) else _at_least(steps, weights, have, rows)
    return dict(zip(ids, shares, strict=True))


def _at_least(steps: Sequence[tuple[str, ...]], weights: Sequence[int], have: Sequence[int], rows: int) -> list[int]:
    """`rows` shared out by `weights`, but to nobody less than it has: the others get the less."""
    shares, free, left = list(have), list(range(len(steps))), rows
    while free:
        given = tree_shares([steps[place] for place in free], [weights[place] for place in free], left)
        full = {place for place, share in zip(free, given, strict=True) if share < have[place]}
        if not full:
            for place, share in zip(free, given, strict=True):
                shares[place] = share
            break
        left -= sum(have[place] for place in full)
        free = [place for place in free if place not in full]
    return shares


def leaf_steps(leaves: pl.DataFrame) -> list[tuple[str, ...]]:
    """What each leaf is called on the way down to it; see `Node.steps`."""
    columns = ("id", "parent_id", "place", "path")
    return [read_node(row).steps for row in leaves.select(columns).iter_rows(named=True)]


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
    shares = tree_shares([leaf.node.steps for leaf in able], [leaf.quota for leaf in able], missing)
    for leaf, share in zip(able, shares, strict=True):
        leaf.quota += share
        settle(leaf)
    return missing
