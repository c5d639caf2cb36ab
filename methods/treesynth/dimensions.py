"""Criterion determination: the one dimension that separates a node's pivots (method.md B.4, with its FIX)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from evergrow.methods.text.answers import excerpt
from evergrow.methods.text.fold import clean, fold
from evergrow.methods.text.prompts import Rendered
from evergrow.methods.treesynth.answer_models import SplitAnswer, ValueGroup
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.nodes import Attribute
from evergrow.methods.treesynth.prompt_set import around, render, schema_of
from evergrow.methods.vectors import similarities

MAX_NAME_CHARS = 120
PIVOT_CHARS = 2_000
# A value that consists of nothing but such words names what is left over; before a noun of their own ("Mixed numbers",
# "General surgery") they say what it is about.
LEFT_OVER = (
    "other others mixed mixture misc miscellaneous various several none nothing unknown unclear unspecified "
    "uncategorized uncategorised na general generic else rest remainder remaining"
)
VAGUE = (
    "the a an of these them above all any every anything everything something not applicable thing things type types "
    "kind kinds sort sorts topic topics value values category categories case cases area areas aspect aspects form "
    "forms group groups item items reason reasons use uses"
)
_LEFT_OVER, _VAGUE = frozenset(LEFT_OVER.split()), frozenset(VAGUE.split())
_OPENS = re.compile(r"((all|any|every|the) )*others?( |$)")
_ENDS = re.compile(r"( and| or|,) (others?|more|similar|so on|the (rest|like))( \w+)?$|[ ,]etc$")


@dataclass(frozen=True, slots=True)
class Group:
    """A value, and the pivots that have it, counted from 0."""

    value: str
    pivots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A dimension that divides pivots into exclusive groups."""

    dimension: str
    groups: tuple[Group, ...]


def render_split(domain: Domain, pivots: Sequence[str], part: Sequence[Attribute], faults: Sequence[str]) -> Rendered:
    """The question for a dimension.

    Args:
        domain: whose samples these are.
        pivots: at least two.
        part: the attributes of the node that is divided, whose dimensions may not come again; none for the root.
        faults: why earlier answers were of no use.
    """
    shown = [excerpt(pivot, PIVOT_CHARS) for pivot in pivots]
    return render(
        "split",
        domain,
        _split_schema(len(pivots)),
        pivots=shown,
        fence=around(shown),
        part=list(part),
        part_fence=around(text for a in part for text in (a.dimension, a.value)),
        faults=list(faults),
        faults_fence=around(faults),
    )


@cache
def _split_schema(pivots: int) -> dict[str, Any]:
    schema = schema_of("split")
    schema["properties"]["values"]["maxItems"] = pivots
    schema["properties"]["values"]["items"]["properties"]["samples"]["items"]["maximum"] = pivots
    return schema


def read_choice(answer: object, pivots: int, used: Sequence[str]) -> Choice:
    """The dimension in an answer.

    Valid is a named dimension that is none of `used` (whatever its case, spacing or plural), with at least two values
    that differ, are no remainders, and share out the numbers 1 to `pivots`: each exactly once, none without.

    Raises:
        ValueError: with the first rule that is broken.
    """
    found = SplitAnswer.read(answer)
    dimension = _name(found.dimension, "dimension")
    if fold(dimension) in {fold(name) for name in used}:
        raise ValueError(f"the dimension {dimension!r} is already used above")
    groups = tuple(_group(part, pivots) for part in found.values)
    if len(groups) < 2:
        raise ValueError(f"the dimension {dimension!r} needs at least two values")
    _check_values([group.value for group in groups])
    _check_partition(groups, pivots)
    return Choice(dimension, groups)


def is_remainder(value: str) -> bool:
    """Whether a value only means "what is left", such as "Other"."""
    said = value.casefold().replace("&", " and ").replace("n/a", "na")
    said = " ".join(re.sub(r"[^\w\s,']", " ", said).split())
    words = set(said.replace(",", " ").split())
    alone = words <= _LEFT_OVER | _VAGUE and not words.isdisjoint(_LEFT_OVER)
    return alone or bool(_OPENS.match(said) or _ENDS.search(said))


def separation(choice: Choice, vectors: np.ndarray) -> float:
    """How clearly a choice divides its pivots: mean cosine within groups minus mean cosine between them, -2 to 2.

    vectors: float32 (pivots, d), normalised rows. Pairs are counted once; where there is none of a kind, it counts 0.
    """
    label = np.empty(len(vectors), dtype=np.int64)
    for number, group in enumerate(choice.groups):
        label[list(group.pivots)] = number
    similarity = similarities(vectors, vectors)
    pairs = np.triu(np.ones_like(similarity, dtype=bool), k=1)
    same = label[:, None] == label[None, :]
    within, between = similarity[pairs & same], similarity[pairs & ~same]
    return float((within.mean() if within.size else 0.0) - (between.mean() if between.size else 0.0))


def _name(text: str, what: str) -> str:
    if not text.strip():
        raise ValueError(f"a {what} has no name")
    name = clean(text)
    if len(name) > MAX_NAME_CHARS:
        raise ValueError(f"the {what} {excerpt(name, 40)!r} is longer than {MAX_NAME_CHARS} characters")
    return name


def _group(part: ValueGroup, pivots: int) -> Group:
    value = _name(part.value, "value")
    whole = [n for n in part.samples if isinstance(n, int) and not isinstance(n, bool) and 1 <= n <= pivots]
    if len(whole) < len(part.samples):
        raise ValueError(f"the samples of {value!r} are not numbers from 1 to {pivots}")
    if not whole:
        raise ValueError(f"the value {value!r} has no sample")
    return Group(value, tuple(n - 1 for n in whole))


def _check_values(values: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for value in values:
        if twin := seen.get(fold(value)):
            raise ValueError(f"the values {twin!r} and {value!r} are the same")
        if is_remainder(value):
            raise ValueError(f"the value {value!r} is a remainder, not a value")
        seen[fold(value)] = value


def _check_partition(groups: Sequence[Group], pivots: int) -> None:
    owner: dict[int, str] = {}
    for group in groups:
        for number in group.pivots:
            if number in owner:
                raise ValueError(f"sample {number + 1} stands under {owner[number]!r} and {group.value!r}")
            owner[number] = group.value
    if missing := [str(n + 1) for n in range(pivots) if n not in owner]:
        raise ValueError(f"no value has sample {', '.join(missing)}")
