"""Criterion determination: the one dimension that separates a node's pivots (method.md B.4, with its FIX)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evergrow.methods.text.answers import excerpt
from evergrow.methods.text.fold import clean, fold
from evergrow.methods.text.prompts import Rendered
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.prompt_set import around, render, schema_of

MAX_NAME_CHARS = 120
PIVOT_CHARS = 2_000
_REMAINDER = re.compile(
    r"^(others?|mixed|misc(ellaneous)?|various|none|unknown|n/?a|general|(any|every)thing else|rest|remaining)\b|"
    r"\b(other|others|and more|etc)\.?$"
)


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


def render_split(domain: Domain, pivots: Sequence[str], used: Sequence[str], faults: Sequence[str]) -> Rendered:
    """The question for a dimension.

    Args:
        domain: whose samples these are.
        pivots: at least two.
        used: dimensions of the ancestors, which may not come again.
        faults: why earlier answers were of no use.
    """
    shown = [excerpt(pivot, PIVOT_CHARS) for pivot in pivots]
    schema = schema_of("split")
    schema["properties"]["values"]["maxItems"] = len(pivots)
    schema["properties"]["values"]["items"]["properties"]["samples"]["items"]["maximum"] = len(pivots)
    return render(
        "split",
        domain,
        schema,
        pivots=shown,
        fence=around(shown),
        used=list(used),
        used_fence=around(used),
        faults=list(faults),
        faults_fence=around(faults),
    )


def read_choice(answer: object, pivots: int, used: Sequence[str]) -> Choice:
    """The dimension in an answer.

    Valid is a named dimension that is none of `used` (whatever its case, spacing or plural), with at least two values
    that differ, are no remainders, and share out the numbers 1 to `pivots`: each exactly once, none without.

    Raises:
        ValueError: with the first rule that is broken.
    """
    found: dict[str, Any] = answer if isinstance(answer, dict) else {}
    if not isinstance(found.get("values"), list):
        raise ValueError("the answer has no 'dimension' with a list of 'values'")  # noqa: TRY004 - an invalid answer
    dimension = _name(found.get("dimension"), "dimension")
    if fold(dimension) in {fold(name) for name in used}:
        raise ValueError(f"the dimension {dimension!r} is already used above")
    groups = tuple(_group(part, pivots) for part in found["values"])
    if len(groups) < 2:
        raise ValueError(f"the dimension {dimension!r} needs at least two values")
    _check_values([group.value for group in groups])
    _check_partition(groups, pivots)
    return Choice(dimension, groups)


def is_remainder(value: str) -> bool:
    """Whether a value only means "what is left", such as "Other"."""
    return bool(_REMAINDER.search(value.casefold().strip()))


def separation(choice: Choice, vectors: np.ndarray) -> float:
    """How clearly a choice divides its pivots: mean cosine within groups minus mean cosine between them, -2 to 2.

    vectors: float32 (pivots, d), normalised rows. Pairs are counted once; where there is none of a kind, it counts 0.
    """
    label = np.empty(len(vectors), dtype=np.int64)
    for number, group in enumerate(choice.groups):
        label[list(group.pivots)] = number
    similarity = vectors @ vectors.T
    pairs = np.triu(np.ones_like(similarity, dtype=bool), k=1)
    same = label[:, None] == label[None, :]
    within, between = similarity[pairs & same], similarity[pairs & ~same]
    return float((within.mean() if within.size else 0.0) - (between.mean() if between.size else 0.0))


def _name(text: object, what: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"a {what} has no name")
    name = clean(text)
    if len(name) > MAX_NAME_CHARS:
        raise ValueError(f"the {what} {excerpt(name, 40)!r} is longer than {MAX_NAME_CHARS} characters")
    return name


def _group(part: object, pivots: int) -> Group:
    found: dict[str, Any] = part if isinstance(part, dict) else {}
    numbers = found.get("samples")
    if not isinstance(numbers, list):
        raise ValueError("a value has no list of 'samples'")  # noqa: TRY004 - an invalid answer
    value = _name(found.get("value"), "value")
    whole = [n for n in numbers if isinstance(n, int) and not isinstance(n, bool) and 1 <= n <= pivots]
    if len(whole) < len(numbers):
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
