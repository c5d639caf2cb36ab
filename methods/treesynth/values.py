"""Subspace coverage: the values of a dimension, asked for until they cover it, within bounds (method.md B.5, D12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evergrow.methods.text.fold import clean, fold
from evergrow.methods.text.prompts import Rendered
from evergrow.methods.treesynth.answer_models import CompletionAnswer
from evergrow.methods.treesynth.dimensions import MAX_NAME_CHARS, is_remainder
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.nodes import Attribute
from evergrow.methods.treesynth.prompt_set import around, render
from evergrow.methods.vectors import similarities

Status = Literal["full", "more", "done"]
STALE_ROUNDS = 2  # asks in a row without a new value, after which no further one is made
PER_ASK = 10


@dataclass(frozen=True, slots=True)
class ValuesReply:
    """What a model says of a dimension's values: `full` (nothing is missing), `done` (with these), `more` (to come).

    `refused`: what it names beside them that is no value, each with the reason.
    """

    status: Status
    values: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class KnownValues:
    """The values known so far, after `asks` asks of which the last `stale` brought nothing new."""

    values: tuple[str, ...]
    asks: int = 0
    stale: int = 0
    complete: bool = False

    def take(self, reply: ValuesReply) -> "KnownValues":
        """The values with what `reply` adds; a value that says the same as another is not added."""
        known = {fold(value) for value in self.values}
        new: list[str] = []
        for value in reply.values if reply.status != "full" else ():
            if fold(value) not in known:
                known.add(fold(value))
                new.append(value)
        return KnownValues(
            (*self.values, *new), self.asks + 1, 0 if new else self.stale + 1, complete=reply.status != "more"
        )

    def passed_over(self, reply: ValuesReply) -> list[tuple[str, str]]:
        """What `take` does not add of what `reply` names, each with the reason."""
        if reply.status == "full":
            needless = "unneeded: the answer says that none is missing"
            return [*reply.refused, *((value, needless) for value in reply.values)]
        known, repeated = {fold(value): value for value in self.values}, list[tuple[str, str]]()
        for value in reply.values:
            if (first := known.get(fold(value))) is not None:
                repeated.append((value, f"repetition: of {first}"))
            known.setdefault(fold(value), value)
        return [*reply.refused, *repeated]

    def over(self, ask_until: int, max_asks: int) -> bool:
        """Whether to stop: covered, more than `ask_until` values, no progress, or `max_asks` asks made."""
        return self.complete or len(self.values) > ask_until or self.stale >= STALE_ROUNDS or self.asks >= max_asks


@dataclass(frozen=True, slots=True)
class Completed:
    """The values that one answer added to those of the pivots."""

    call_id: str
    values: tuple[str, ...]


def render_completion(
    domain: Domain, attributes: Sequence[Attribute], dimension: str, values: Sequence[str]
) -> Rendered:
    """The question for further values of `dimension`, in the part of the space that has `attributes`."""
    texts = [text for a in attributes for text in (a.dimension, a.value)]
    return render(
        "complete",
        domain,
        attributes=list(attributes),
        dimension=dimension,
        values=list(values),
        fence=around([*texts, dimension, *values]),
        per_ask=PER_ASK,
    )


def read_reply(answer: object) -> ValuesReply:
    """The reply in an answer; values are cleaned, and remainders such as "Other" are refused.

    Raises:
        ValueError: the status is none of the three, or there is no list of texts.
    """
    found = CompletionAnswer.read(answer)
    cleaned = [clean(value) for value in found.values if value.strip()]
    refused = tuple((value, why) for value in cleaned if (why := _no_value(value)))
    return ValuesReply(found.status, tuple(value for value in cleaned if not _no_value(value)), refused)


def _no_value(text: str) -> str | None:
    """Why a text is no value."""
    if len(text) > MAX_NAME_CHARS:
        return f"too long: it has more than {MAX_NAME_CHARS} characters"
    return "remainder: it only says what is left" if is_remainder(text) else None


@dataclass(frozen=True, slots=True)
class Merged:
    """A value that was left out because `into` says nearly the same; `similarity` is their cosine."""

    value: str
    into: str
    similarity: float


def merge(
    values: Sequence[str], vectors: np.ndarray, threshold: float, device: str = "cpu"
) -> tuple[tuple[str, ...], tuple[Merged, ...], float]:
    """Values without near-synonyms: of two whose cosine is `threshold` or more, the earlier stays.

    At least two values stay: those that are least alike, if all are.

    Returns:
        The values that stay, those that do not, and the cosine of the two most similar ones that stay.

    Args:
        values: at least two, the most trusted first.
        vectors: float32 (n, d), one normalised row per value.
        threshold: cosine, 0 to 1.
        device: torch device of the product.
    """
    similarity = similarities(vectors, vectors, device)
    kept: list[int] = []
    merged: list[Merged] = []
    for place, value in enumerate(values):
        nearest = max(kept, key=lambda other: similarity[place, other], default=None)
        if nearest is None or similarity[place, nearest] < threshold:
            kept.append(place)
        else:
            merged.append(Merged(value, values[nearest], float(similarity[place, nearest])))
    if len(kept) < 2:
        farthest = int(np.argmin(similarity[kept[0]]))
        kept = sorted([kept[0], farthest])
        merged = [m for m in merged if m.value != values[farthest]]
    apart = similarity[np.ix_(kept, kept)][np.triu_indices(len(kept), k=1)]
    return tuple(values[place] for place in kept), tuple(merged), float(apart.max())
