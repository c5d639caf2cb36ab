"""Judges a reply: usable, unusable, or declined by the model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from evergrow.methods.text.answers import read_json, storable
from evergrow.resources.llm.completion import Completion
from evergrow.resources.llm.requests import Request

T = TypeVar("T")
REASON_CHARS = 1000
Parse = Callable[[object], T]


@dataclass(frozen=True, slots=True)
class Usable(Generic[T]):
    """The answer, parsed."""

    value: T


@dataclass(frozen=True, slots=True)
class Unusable:
    """An answer that cannot be read; `repairable` unless it was cut off, which a quotation would not mend."""

    reason: str
    repairable: bool


@dataclass(frozen=True, slots=True)
class Declined:
    """The model or a filter declined."""

    reason: str


def judge(completion: Completion, request: Request, parse: Parse[T]) -> Usable[T] | Unusable | Declined:
    """What `completion` is worth as the answer to `request`.

    `parse` is given the decoded JSON, or the text if the request has no schema. Whatever a model wrote must not end a
    run, so that also the type and look-up errors of a parser that trusts its input too much count as an invalid answer.
    """
    if completion.refusal is not None:
        return Declined(completion.refusal)
    if completion.cut_off:
        return Unusable("the answer was cut off at its token limit", repairable=False)
    try:
        decoded = completion.text if request.schema is None else read_json(completion.text)
        return Usable(parse(decoded))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        return Unusable(
            storable(reason)[:REASON_CHARS] or "the answer is not as asked", repairable=bool(completion.text)
        )
