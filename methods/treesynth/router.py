"""Routing: a text goes down a tree, one constrained choice at each node (method.md B.12, phase 1)."""

from collections.abc import Sequence

from evergrow.methods.text.answers import excerpt
from evergrow.methods.text.fold import fold
from evergrow.methods.text.prompts import Rendered, fence
from evergrow.methods.treesynth.answers import RouteAnswer
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.nodes import Node, Split, children
from evergrow.methods.treesynth.prompt_set import around, render, schema_of

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
