"""Writing a leaf's samples: batches at once, each with its own draw, topped up until the leaf has its rows.

Within a pass a leaf's rows follow from its own answers alone, whatever the other leaves do meanwhile; what repeats
another sample of the tree, in its words or nearly in its meaning, is looked for between passes, in the order of the
tree. So a run that is taken up again comes to the same rows.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from evergrow.methods.ask import Ask, NoAnswer, Outage
from evergrow.methods.concurrency import each
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.draws import draw
from evergrow.methods.treesynth.leaves import INVALID, Leaf, LeafSample, drop_repeated, hand_on, settle
from evergrow.methods.treesynth.likeness import Apart
from evergrow.methods.treesynth.nodes import Attribute, Node, attributes_column, sample_id
from evergrow.methods.treesynth.prompt_set import version
from evergrow.methods.treesynth.samples import (
    Sample,
    WrittenSamples,
    read_samples,
    render_write,
    stored_sample,
    text_sample,
)

SHOWN_AT_MOST = 20  # texts that a top-up is told not to repeat
STALE_ROUNDS = 2  # rounds in a row without a new sample, after which a leaf counts as exhausted
AFTER_PIVOTS = 1_000  # the draws before are those of a node's pivots
PASSES = 6  # times that leaves are filled up after something was dropped, or handed on to them
GIVEN = ("kept", "imported")  # origins of the user's own texts: they are not dropped for being alike
EMBEDDED_TOGETHER = 512  # so that an interruption need not wait long
Embed = Callable[[Sequence[str]], np.ndarray]  # texts to float32 (n, d), rows of length 1


@dataclass(slots=True)
class SeenSamples:
    """What other samples must not repeat: hashes of words (`LeafSample.told`), and meanings unless `apart` is None."""

    told: set[str] = field(default_factory=set)
    apart: Apart | None = None


def nothing_taken(similarity: float, device: str = "cpu") -> SeenSamples:
    """Nothing yet. Samples whose cosine reaches `similarity` will repeat each other, at 1 only those of equal words.

    Args:
        similarity: above 0, up to 1.
        device: torch device of the products.
    """
    return SeenSamples(apart=Apart(similarity, device) if similarity < 1 else None)


async def take(taken: SeenSamples, rows: pl.DataFrame, domain: Domain, embed: Embed) -> None:
    """Add samples that are there already to what is `taken`.

    rows: `leaf_id, content, fields, letter, told`, as the table of samples has them.
    """
    taken.told.update(rows["told"])
    if taken.apart is None:
        return
    for part in rows.iter_slices(EMBEDDED_TOGETHER):
        texts = part.select(fields=pl.col("fields").fill_null(""), content="content", letter="letter").iter_rows()
        gists = [stored_sample(domain, *text).gist for text in texts]
        taken.apart.add(await asyncio.to_thread(embed, gists), part["leaf_id"].to_list())


@dataclass(slots=True)
class Writer:
    """Fills leaves of one tree.

    Attributes:
        asker: asks for the tree.
        embed: measures likeness.
        domain: what is written.
        seed: of the tree's draws.
        per_call: samples asked for in one request.
        rounds: most rounds of asking for one leaf in one pass.
    """

    asker: Ask
    embed: Embed
    domain: Domain
    seed: int
    per_call: int
    rounds: int

    async def fill(self, leaves: Sequence[Leaf], taken: SeenSamples) -> None:
        """Fill `leaves` to their quotas without repeating anything, `taken` included, which grows.

        What some leaves cannot give is shared out among the others. Leaves may end up with less than their quota.
        """
        for leaf in leaves:
            settle(leaf)
        await self._drop(leaves, taken)  # what is there already goes before what will be written
        for _ in range(PASSES):
            able = [leaf for leaf in leaves if leaf.missing and not (leaf.exhausted or leaf.cut_off)]
            held = [len(leaf.kept) for leaf in able]
            await each(able, self._fill_one)
            dropped = await self._drop(leaves, taken)
            for leaf, before in zip(able, held, strict=True):
                leaf.stale = 0 if len(leaf.kept) > before else leaf.stale + 1
                leaf.exhausted = leaf.exhausted or (leaf.missing > 0 and leaf.stale >= STALE_ROUNDS)
            if not dropped and not hand_on(leaves):
                break

    async def _drop(self, leaves: Sequence[Leaf], taken: SeenSamples) -> int:
        """Reject what repeats another sample; samples beyond a quota take the places, and are looked at in turn."""
        dropped = 0
        while True:
            dropped += drop_repeated(leaves, taken.told)
            new = [(leaf, line) for leaf in leaves for line in leaf.kept if not line.settled]
            alike = await self._alike(new, taken.apart) if taken.apart else 0
            for _, line in new:
                line.settled = line.reason is None
            taken.told.update(line.told for _, line in new if line.settled)
            if not alike:
                return dropped
            dropped += alike
            for leaf in leaves:
                settle(leaf)

    async def _alike(self, lines: Sequence[tuple[Leaf, LeafSample]], apart: Apart) -> int:
        """Reject near-duplicates among `lines` and of those that stay; returns how many."""
        dropped = 0
        for start in range(0, len(lines), EMBEDDED_TOGETHER):
            part = lines[start : start + EMBEDDED_TOGETHER]
            vectors = await asyncio.to_thread(self.embed, [line.sample.gist for _, line in part])
            given = [line.origin in GIVEN for _, line in part]
            found = apart.take(vectors, [leaf.node.id for leaf, _ in part], given)
            for (_, line), nearest, stays in zip(part, found, given, strict=True):
                line.likeness = nearest.similarity if nearest else None
                if nearest and apart.too_near(nearest) and not stays:
                    line.reason = f"duplicate nearly of a sample of leaf {nearest.owner} (cosine {line.likeness:.3f})"
                    dropped += 1
        return dropped

    async def _fill_one(self, leaf: Leaf) -> None:
        stale, rounds = 0, 0
        while rounds < self.rounds and stale < STALE_ROUNDS:
            if not leaf.missing:
                return
            before = len(leaf.kept)
            replayed = await self._round(leaf)
            if leaf.cut_off:
                return
            if replayed:
                continue
            rounds += 1
            stale = 0 if len(leaf.kept) > before else stale + 1
        leaf.exhausted = leaf.missing > 0

    async def _round(self, leaf: Leaf) -> bool:
        """Ask for what is missing, all batches at once.

        True if every answer is of no use, and an earlier run's: then nothing was asked, and the round does not count.
        """
        missing = leaf.missing
        sizes = [min(self.per_call, missing - start) for start in range(0, missing, self.per_call)]
        avoid = [line.sample.gist for line in leaf.kept[-SHOWN_AT_MOST:]] if leaf.asked else []
        numbers = range(leaf.asked, leaf.asked + len(sizes))
        leaf.asked = numbers.stop
        batches = await asyncio.gather(
            *(self._batch(leaf.node, n, size, avoid) for n, size in zip(numbers, sizes, strict=True))
        )
        for lines, _ in batches:
            leaf.lines += lines
        settle(leaf)
        leaf.cut_off = any((line.reason or "").startswith("failed") for lines, _ in batches for line in lines)
        return all(replayed for _, replayed in batches)

    async def _batch(self, node: Node, number: int, size: int, avoid: Sequence[str]) -> tuple[list[LeafSample], bool]:
        """The lines of one answer, and whether it is of no use and an earlier run's."""
        attributes = draw(node, number, self.seed)
        prompt = render_write(self.domain, attributes, size, avoid)
        parse: Callable[[object], WrittenSamples] = lambda answer: read_samples(answer, self.domain, self.seed)  # noqa: E731
        try:
            told = await self.asker.ask("generator", prompt, number, parse, goes_on=True)
        except Outage as outage:
            return [LeafSample(text_sample(""), attributes, "generated", reason=str(outage))], False
        if isinstance(told, NoAnswer):
            why = f"{'refused: ' if told.declined else INVALID}{told.reason}"
            return [LeafSample(text_sample(""), attributes, "generated", reason=why[:300])], told.replayed
        made: dict[str, Any] = {"call_id": told.call_id, "model": told.model, "run_id": told.run_id}
        good = [LeafSample(sample, attributes, "generated", **made) for sample in told.value.samples]
        bad = [
            LeafSample(
                Sample(part.fields, "", ""), attributes, "generated", **made, reason=f"{INVALID}{part.reason}"[:300]
            )
            for part in told.value.rejected
        ]
        return [*good, *bad], False


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
            "likeness": line.likeness,
            "leaf_rows": leaf.quota,
            "reason": line.reason,
        }
        for number, line in enumerate(ordered)
    ]


def pivot_lines(row: Mapping[str, Any], domain: Domain) -> list[LeafSample]:
    """The pivots of a leaf that found no dimension, or was imported: its first samples (method.md B.15)."""
    return [
        LeafSample(
            stored_sample(domain, pivot["fields"], pivot["content"], pivot["letter"]),
            tuple(Attribute(**a) for a in pivot["attributes"]),
            "pivot" if pivot["call_id"] else "imported",
            pivot["call_id"] or None,
            pivot["model"] or None,
        )
        for pivot in row["pivots"] or ()
    ]
