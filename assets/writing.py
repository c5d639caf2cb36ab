"""Writing a leaf's samples: batches at once, each with its own draw, topped up until the leaf has its rows.

A leaf's rows follow from its own answers alone, whatever the other leaves do meanwhile; duplicates among leaves are
looked for between passes, in the order of the tree. So a run that is taken up again comes to the same rows.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evergrow.assets.asking import Asker, Nothing, Outage
from evergrow.assets.concurrently import each
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.draws import draw
from evergrow.methods.treesynth.nodes import Attribute, Node, attributes_column, sample_id
from evergrow.methods.treesynth.quotas import largest_remainder
from evergrow.methods.treesynth.rendering import version
from evergrow.methods.treesynth.samples import (
    Sample,
    Written,
    read_samples,
    render_write,
    stored_sample,
    text_sample,
    told_apart,
)

SHOWN_AT_MOST = 20  # texts that a top-up is told not to repeat
STALE_ROUNDS = 2  # rounds in a row without a new sample, after which a leaf counts as exhausted
AFTER_PIVOTS = 1_000  # the draws before are those of a node's pivots
PASSES = 3  # times that rows missing in some leaves are shared out among the others


@dataclass(slots=True)
class Line:
    """A sample that was written for a leaf, with what made it; `reason` says why it is not kept."""

    sample: Sample
    attributes: tuple[Attribute, ...]
    origin: str
    call_id: str | None = None
    model: str | None = None
    run_id: str | None = None
    reason: str | None = None
    told: str = field(init=False)  # a hash of what tells the sample from others

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
        cut_off: a request of its came to nothing; another run goes on.
    """

    node: Node
    quota: int
    lines: list[Line] = field(default_factory=list)
    asked: int = 0
    exhausted: bool = False
    cut_off: bool = False

    @property
    def kept(self) -> list[Line]:
        """The samples that count."""
        return [line for line in self.lines if line.reason is None]

    @property
    def missing(self) -> int:
        """Rows that the leaf still needs."""
        return max(0, self.quota - len(self.kept))


@dataclass(slots=True)
class Writer:
    """Fills leaves of one tree.

    Attributes:
        asker: asks for the tree.
        domain: what is written.
        seed: of the tree's draws.
        per_call: samples asked for in one request.
        rounds: most rounds of asking for one leaf in one pass.
    """

    asker: Asker
    domain: Domain
    seed: int
    per_call: int
    rounds: int

    async def fill(self, leaves: Sequence[Leaf], taken: set[str]) -> None:
        """Fill `leaves` to their quotas without repeating anything, `taken` (as `Line.told`) included, which grows.

        What some leaves cannot give is shared out among the others. Leaves may end up with less than their quota.
        """
        for leaf in leaves:
            settle(leaf)
        for _ in range(PASSES):
            able = [leaf for leaf in leaves if leaf.missing and not (leaf.exhausted or leaf.cut_off)]
            await each(able, self._fill_one)
            if not drop_repeated(leaves, taken) and not hand_on(leaves):
                break
        taken.update(line.told for leaf in leaves for line in leaf.kept)

    async def _fill_one(self, leaf: Leaf) -> None:
        stale = 0
        for _ in range(self.rounds):
            if not leaf.missing:
                return
            before = len(leaf.kept)
            await self._round(leaf)
            if leaf.cut_off:
                return
            stale = 0 if len(leaf.kept) > before else stale + 1
            if stale == STALE_ROUNDS:
                break
        leaf.exhausted = leaf.missing > 0

    async def _round(self, leaf: Leaf) -> None:
        """Ask for what is missing, all batches at once."""
        missing = leaf.missing
        sizes = [min(self.per_call, missing - start) for start in range(0, missing, self.per_call)]
        avoid = [line.sample.gist for line in leaf.kept[-SHOWN_AT_MOST:]] if leaf.asked else []
        numbers = range(leaf.asked, leaf.asked + len(sizes))
        leaf.asked = numbers.stop
        batches = await asyncio.gather(
            *(self._batch(leaf.node, n, size, avoid) for n, size in zip(numbers, sizes, strict=True))
        )
        for lines in batches:
            leaf.lines += lines
        settle(leaf)
        leaf.cut_off = any((line.reason or "").startswith("failed") for lines in batches for line in lines)

    async def _batch(self, node: Node, number: int, size: int, avoid: Sequence[str]) -> list[Line]:
        attributes = draw(node, number, self.seed)
        prompt = render_write(self.domain, attributes, size, avoid)
        parse: Callable[[object], Written] = lambda answer: read_samples(answer, self.domain, self.seed)  # noqa: E731
        try:
            told = await self.asker.ask("generator", prompt, number, parse)
        except Outage as outage:
            return [Line(text_sample(""), attributes, "generated", reason=str(outage))]
        if isinstance(told, Nothing):
            why = f"{'refused' if told.declined else 'invalid'}: {told.reason}"
            return [Line(text_sample(""), attributes, "generated", reason=why[:300])]
        made = {"call_id": told.call_id, "model": told.model, "run_id": told.run_id}
        good = [Line(sample, attributes, "generated", **made) for sample in told.value.samples]
        bad = [
            Line(Sample(part.fields, "", ""), attributes, "generated", **made, reason=f"invalid: {part.reason}"[:300])
            for part in told.value.rejected
        ]
        return [*good, *bad]


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
    """Reject samples that an earlier leaf, or `taken`, has already; returns how many."""
    seen, dropped = set(taken), 0
    for leaf in leaves:
        while repeated := [line for line in leaf.kept if line.told in seen]:
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


def line_rows(leaf: Leaf, tree: str, domain: Domain) -> list[dict[str, Any]]:
    """The leaf's lines as rows of a table; kept samples are numbered first, then the others."""
    ordered = sorted(leaf.lines, key=lambda line: line.reason is not None)
    prompt_version = version("write", domain)
    return [
        {
            "id": sample_id(leaf.node.id, number),
            "tree": tree,
            "leaf_id": leaf.node.id,
            "domain": domain.name,
            "attributes": attributes_column(line.attributes),
            "content": line.sample.content or None,
            "fields": line.sample.fields or None,
            "letter": line.sample.letter,
            "told": line.told if line.reason is None else None,
            "origin": line.origin,
            "generator_model": line.model,
            "prompt_version": prompt_version if line.origin != "imported" else None,
            "call_id": line.call_id,
            "run_id": line.run_id,
            "leaf_rows": leaf.quota,
            "reason": line.reason,
        }
        for number, line in enumerate(ordered)
    ]


def pivot_lines(row: Mapping[str, Any], domain: Domain) -> list[Line]:
    """The pivots of a leaf that found no dimension, or was imported: its first samples (method.md B.15)."""
    return [
        Line(
            stored_sample(domain, pivot["fields"], pivot["content"], pivot["letter"]),
            tuple(Attribute(**a) for a in pivot["attributes"]),
            "pivot" if pivot["call_id"] else "imported",
            pivot["call_id"] or None,
            pivot["model"] or None,
        )
        for pivot in row["pivots"] or ()
    ]
