"""Growing one level: each node's pivots, dimension and values, a chain of requests a node, all nodes at once.

Nothing here waits for a whole level: a node asks for its dimension as soon as its own pivots are there.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from evergrow.methods.ask import Answer, Ask, NoAnswer, Outage
from evergrow.methods.treesynth import dimensions, values
from evergrow.methods.treesynth.dimensions import Choice
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.draws import draw
from evergrow.methods.treesynth.grown import Embed, Grown, Pivot, stated
from evergrow.methods.treesynth.leaves import INVALID
from evergrow.methods.treesynth.left_out import LeftOut, of_answer
from evergrow.methods.treesynth.nodes import Attribute, Node, Split
from evergrow.methods.treesynth.reference_files import Held, Imported
from evergrow.methods.treesynth.samples import read_samples, render_write, stored_sample, told_apart
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.methods.treesynth.values import Completed, KnownValues

SHOWN_VALUES = 8


class GrowthRules(Protocol):
    """The settings that shape the levels of a tree; see `treesynth` in the settings for what each means."""

    @property
    def pivots(self) -> int: ...  # noqa: D102 - named as the settings name it
    @property
    def pivot_attempts(self) -> int: ...  # noqa: D102 - named as the settings name it
    @property
    def list_draws(self) -> int: ...  # noqa: D102 - named as the settings name it
    @property
    def samples_per_call(self) -> int: ...  # noqa: D102 - named as the settings name it
    @property
    def dimension_attempts(self) -> int: ...  # noqa: D102 - named as the settings name it
    @property
    def dimension_candidates(self) -> int: ...  # noqa: D102 - named as the settings name it
    @property
    def ask_until(self) -> int: ...  # noqa: D102 - named as the settings name it
    @property
    def max_asks(self) -> int: ...  # noqa: D102 - named as the settings name it
    @property
    def infinite_over(self) -> int: ...  # noqa: D102 - named as the settings name it


@dataclass(slots=True)
class Grower:
    """Grows nodes of one tree."""

    asker: Ask
    embed: Embed
    spec: TreeSpec
    domain: Domain
    rules: GrowthRules
    imported: Mapping[str, Imported] = field(default_factory=dict)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def grow(self, node: Node) -> Grown:
        """What becomes of the node; the values of its dimension are not merged yet."""
        try:
            return await self._grown(node)
        except Outage as outage:
            return Grown(node, failed=str(outage))

    async def _grown(self, node: Node) -> Grown:
        known = self.imported.get(node.id)
        if known and (taken := await self._imported(node, known)):
            return taken
        if node.depth >= self.spec.max_depth:
            return Grown(node, "it has the greatest depth")
        if known_before := self.domain.at(node.depth):
            listed = known_before.listed or len(known_before.values) > self.rules.infinite_over
            divided = stated(node, "domain", Split(known_before.dimension, known_before.values, listed))
            divided.pivots = [self._taken(node, held) for held in (known.texts if known else None) or ()]
            return divided
        return await self._divided(node)

    async def _imported(self, node: Node, known: Imported) -> Grown | None:
        """What a file makes of the node; None where nothing of it is known."""
        pivots = [self._taken(node, held) for held in known.texts or ()]
        if known.split:
            divided = stated(node, "imported", known.split)
            divided.pivots, divided.merged = pivots, known.merged
            return divided
        if known.open and node.depth < self.spec.max_depth:
            return await self._divided(node, pivots) if self.domain.at(node.depth) is None else None
        if known.texts is None:
            return None
        return Grown(node, "it was imported as a leaf", source="imported", pivots=pivots)

    def _taken(self, node: Node, held: Held) -> Pivot:
        """An imported text; its attributes are those of its node where the file names none."""
        sample = stored_sample(self.domain, held.fields, held.content, held.letter)
        own = tuple(Attribute(edge.dimension, edge.values[0]) for edge in node.path if not edge.is_list)
        return Pivot(sample, held.attributes or own, "", "")

    async def _divided(self, node: Node, held: Sequence[Pivot] = ()) -> Grown:
        """`held`: pivots that the node has already."""
        left = list[LeftOut]()
        pivots, unusable = await self._pivots(node, left, held)
        if len(pivots) < 2:
            return Grown(node, "it has fewer than two pivots", pivots=pivots, left_out=left, owed=unusable)
        found = await self._choice(node, pivots, left)
        if isinstance(found, NoAnswer):
            owed = None if found.declined else found.reason
            why = f"it has no valid dimension: {found.reason}"
            return Grown(node, why, pivots=pivots, left_out=left, owed=owed)
        values, completions = await self._completed(node, found.value, left)
        return Grown(
            node,
            source="model",
            choice=found.value,
            dimension=found.value.dimension,
            values=values,
            completions=completions,
            pivots=pivots,
            left_out=left,
            call=found,
        )

    async def _pivots(
        self, node: Node, left: list[LeftOut], held: Sequence[Pivot] = ()
    ) -> tuple[list[Pivot], str | None]:
        """Different samples of the node's space; below lists they come from several draws (method.md D36).

        Beside them why the last answer without a sample was of no use. Answers of earlier runs count as no attempt.
        """
        rules, asked, attempts, unusable = self.rules, 0, 0, None
        found = {told_apart(pivot.sample): pivot for pivot in held}
        size = min(rules.samples_per_call, -(-rules.pivots // rules.list_draws) if node.list_nodes else rules.pivots)
        while attempts < rules.pivot_attempts and (missing := rules.pivots - len(found)) > 0:
            sizes = [min(size, missing - start) for start in range(0, missing, size)]
            calls = [self._write(node, asked + place, count, left) for place, count in enumerate(sizes)]
            asked += len(sizes)
            written = await asyncio.gather(*calls)
            attempts += not all(isinstance(part, NoAnswer) and part.replayed for part in written)
            for part in written:
                if isinstance(part, NoAnswer):
                    unusable = unusable if part.declined else part.reason
                    left.append(of_answer("pivots", part))
                    continue
                new = [pivot for pivot in part if found.setdefault(told_apart(pivot.sample), pivot) is pivot]
                left += [_pivot_left(pivot, "repetition: of another pivot") for pivot in part if pivot not in new]
        pivots = list(found.values())
        left += [_pivot_left(pivot, f"surplus: {rules.pivots} are asked for") for pivot in pivots[rules.pivots :]]
        return pivots[: rules.pivots], unusable

    async def _write(self, node: Node, number: int, size: int, left: list[LeftOut]) -> list[Pivot] | NoAnswer:
        attributes = draw(node, number, self.spec.seed)
        prompt = render_write(self.domain, attributes, size)
        told = await self.asker.ask(
            "generator", prompt, number, lambda answer: read_samples(answer, self.domain, self.spec.seed), goes_on=True
        )
        if isinstance(told, NoAnswer):
            return told
        left += [LeftOut("pivot", one.fields, f"{INVALID}{one.reason}", told.call_id) for one in told.value.rejected]
        return [Pivot(sample, attributes, told.call_id, told.model) for sample in told.value.samples]

    async def _choice(self, node: Node, pivots: Sequence[Pivot], left: list[LeftOut]) -> Answer[Choice] | NoAnswer:
        """The most separating of the valid dimensions that are found, or why there is none."""
        found = await asyncio.gather(
            *(self._candidate(node, pivots, number, left) for number in range(self.rules.dimension_candidates))
        )
        valid = [choice for choice in found if isinstance(choice, Answer)]
        if len(valid) < 2:
            return valid[0] if valid else found[0]
        async with self.one_at_a_time:  # the embedder is no place for several threads
            vectors = await asyncio.to_thread(self.embed, [pivot.sample.gist for pivot in pivots])
        best = max(valid, key=lambda choice: dimensions.separation(choice.value, vectors))
        left += [
            LeftOut("dimension", other.value.dimension, f"surplus: {best.value.dimension} is kept", other.call_id)
            for other in valid
            if other is not best
        ]
        return best

    async def _candidate(
        self, node: Node, pivots: Sequence[Pivot], number: int, left: list[LeftOut]
    ) -> Answer[Choice] | NoAnswer:
        """One dimension, asked for again with the reasons why earlier answers were of no use.

        Answers that an earlier run has got count towards no bound: what it could not find is asked for further.
        """
        texts, faults = [pivot.sample.gist for pivot in pivots], list[str]()
        last = NoAnswer("none was asked for", declined=False)
        attempt, drawn = 0, 0
        while drawn < self.rules.dimension_attempts:
            prompt = dimensions.render_split(self.domain, texts, described(node), faults)
            slot = number * self.rules.dimension_attempts + attempt
            attempt += 1
            told = await self.asker.ask(
                *("partitioner", prompt, slot, lambda a: dimensions.read_choice(a, len(texts), node.dimensions)),
                goes_on=True,
            )
            if isinstance(told, Answer):
                return told
            last = told
            left.append(of_answer("the dimension", told))
            drawn += not told.replayed
            if told.declined:
                break
            if told.reason not in faults:
                faults.append(told.reason)
        return last

    async def _completed(
        self, node: Node, choice: Choice, left: list[LeftOut]
    ) -> tuple[tuple[str, ...], list[Completed]]:
        """The values of the dimension, asked for until they cover it, within bounds (method.md B.5).

        Beside them which answers added which of them.
        """
        completion, added = KnownValues(tuple(group.value for group in choice.groups)), list[Completed]()
        shown = described(node)
        while not completion.over(self.rules.ask_until, self.rules.max_asks):
            prompt = values.render_completion(self.domain, shown, choice.dimension, completion.values)
            told = await self.asker.ask("partitioner", prompt, completion.asks, values.read_reply, goes_on=True)
            if isinstance(told, NoAnswer):
                # Nothing new came of this ask; a second one in a row ends the asking.
                left.append(of_answer("further values", told))
                completion = completion.take(values.ValuesReply("more", ()))
            else:
                known = len(completion.values)
                left += [
                    LeftOut("value", value, why, told.call_id) for value, why in completion.passed_over(told.value)
                ]
                completion = completion.take(told.value)
                if new := completion.values[known:]:
                    added.append(Completed(told.call_id, new))
        return completion.values, added


def _pivot_left(pivot: Pivot, why: str) -> LeftOut:
    return LeftOut("pivot", pivot.sample.gist, why, pivot.call_id)


def described(node: Node) -> tuple[Attribute, ...]:
    """The attributes of a node for a question about the whole of it."""
    return tuple(Attribute(edge.dimension, _some(edge.values)) for edge in node.path)


def _some(all_values: Sequence[str]) -> str:
    """A node's value for a question about the whole node: of a list some are named."""
    if len(all_values) == 1:
        return all_values[0]
    return f"any of: {', '.join(all_values[:SHOWN_VALUES])}{' and others' if len(all_values) > SHOWN_VALUES else ''}"
