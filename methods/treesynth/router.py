"""Routing: a text goes down a tree, one constrained choice at each node (method.md B.12, phase 1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from evergrow.methods.ask import Answer, Ask, NoAnswer, Outage
from evergrow.methods.text.answers import excerpt
from evergrow.methods.text.fold import fold
from evergrow.methods.text.prompts import Rendered, fence
from evergrow.methods.treesynth.answer_models import RouteAnswer
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.nodes import Node, Split, children, read_node, read_split
from evergrow.methods.treesynth.prompt_set import around, render, schema_of
from evergrow.methods.treesynth.spec import BalanceSpec

NONE_FITS = "none fits"


def render_route(domain: Domain, text: str, split: Split) -> Rendered:
    """The question which value of `split` a text has."""
    schema = schema_of("route")
    schema["properties"]["value"]["enum"] = [*split.values, NONE_FITS]
    return render(
        "route",
        domain,
        schema,
        text=text,
        fence=fence(text),
        dimension=split.dimension,
        values=list(split.values),
        values_fence=around([split.dimension, *split.values]),
        none_fits=NONE_FITS,
    )


def read_route(answer: object, values: Sequence[str]) -> int | None:
    """The place of the chosen value in `values`, None where none fits; case, spacing and punctuation are forgiven.

    Raises:
        ValueError: the answer chooses something else.
    """
    given = RouteAnswer.read(answer).value
    if fold(given) == fold(NONE_FITS) and NONE_FITS not in values:
        return None
    places = [place for place, value in enumerate(values) if value == given]
    places = places or [place for place, value in enumerate(values) if fold(value) == fold(given)]
    if len(places) != 1:
        raise ValueError(f"{excerpt(given, 60)!r} is none of the {len(values)} values")
    return places[0]


def passed_down(node: Node, split: Split) -> Node | None:
    """The child that takes every text without a question: a list-valued one (method.md B.12)."""
    return children(node, split)[0] if split.listed else None


def tree_index(nodes: pl.DataFrame) -> dict[str, tuple[Node, Split | None]]:
    """Nodes by id, the root first; a node that failed is no place for a row."""
    rows = nodes.filter(pl.col("reason").is_null()).iter_rows(named=True)
    return {row["id"]: (read_node(row), read_split(row)) for row in rows}


@dataclass(frozen=True, slots=True)
class Router:
    """Sorts texts into the leaves of one tree; see `redo_from` in `BalanceSpec` for what is asked anew."""

    asker: Ask
    domain: Domain
    index: Mapping[str, tuple[Node, Split | None]]
    wanted: BalanceSpec

    async def route(self, row: tuple[str, str]) -> tuple[str, str | None, str | None, int, list[str], str | None]:
        """`(id, leaf, node where it is stuck, questions, requests that chose, reason)` for a row's `(id, content)`."""
        name, text = row
        node, split = next(iter(self.index.values()))
        steps, calls = 0, list[str]()
        while split is not None:
            below = passed_down(node, split)
            if below is None:
                steps += 1
                try:
                    told = await self._choose(node, split, text)
                except Outage as outage:
                    return name, None, node.id, steps, calls, str(outage)
                if isinstance(told, NoAnswer):
                    return name, None, node.id, steps, calls, f"unrouted: {told.reason}"[:300]
                calls.append(told.call_id)
                if told.value is None:
                    return name, None, node.id, steps, calls, f"unrouted: none fits of {split.dimension!r}"[:300]
                below = children(node, split)[told.value]
            if below.id not in self.index:
                return name, None, node.id, steps, calls, "unrouted: the tree has no answer there; grow it again"
            node, split = self.index[below.id]
        return name, node.id, None, steps, calls, None

    async def _choose(self, node: Node, split: Split, text: str) -> Answer[int | None] | NoAnswer:
        slot = self.wanted.redo if node.depth >= self.wanted.redo_from else 0
        shown = render_route(self.domain, text, split)
        return await self.asker.ask("router", shown, slot, partial(_read_route, split.values))


def _read_route(values: tuple[str, ...], answer: object) -> int | None:
    return read_route(answer, values)
