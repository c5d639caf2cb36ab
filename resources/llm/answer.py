"""What a reply is worth: usable, unusable, or declined by the model."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from evergrow.methods.text.answers import excerpt, read_json, storable
from evergrow.resources.llm.reply import Completion
from evergrow.resources.llm.requests import Request

T = TypeVar("T")
REASON_CHARS = 1000
MOST_REFUSAL = 600  # characters of a refusal in words; a longer text is an answer, whatever it begins with
Parse = Callable[[object], T]
_APOLOGY = (
    r"(?:(?:i['\u2019]?m|i am|we['\u2019]?re|we are)?\s*(?:really |very |so |truly )?(?:sorry|afraid)|my apologies|"
    r"apologies|i apologi[sz]e|unfortunately)"
)
_CANNOT = (
    r"(?:(?:i|we)\s+(?:can(?:no|['\u2019])?t|can not|am not able to|am unable to|won['\u2019]?t|will not|must decline|"
    r"(?:have|need) to decline|do(?: not|n['\u2019]?t) feel comfortable|am not comfortable|refuse)|"
    r"(?:i['\u2019]m|we['\u2019]re)\s+(?:not able to|unable to|not comfortable))"
)
_DOING = (
    r"(?:\s+to)?(?:\s+\w+ly)?\s+(?:help|assist|comply|provide|answer|creat|writ|generat|fulfil|"
    r"complet(?:e|ing) (?:this|that|your) request|do (?:this|that)|continue|engage|support|participat|discuss|produc|"
    r"share|respond|process (?:this|that|your))"
)
_REFUSAL = re.compile(
    rf"\s*(?:{_APOLOGY}[,.!;:]?\s*(?:but\s+|that\s+)?)?(?:as an? (?:ai|large language|language)[^.,]{{0,60}},\s*)?"
    rf"{_CANNOT}{_DOING}",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"\s*(?:(?:es tut mir leid|tut mir leid|entschuldigung)[^.]{0,30}(?:kann|darf) (?:ich )?[^.]{0,60}nicht|"
    r"(?:je suis désolée?|désolée?)[^.]{0,40}je ne (?:peux|puis) pas|"
    r"lo siento[^.]{0,30}no puedo (?:ayudar|cumplir|proporcionar)|mi dispiace[^.]{0,30}non posso (?:aiutar|fornir)|"
    r"(?:desculpe|sinto muito)[^.]{0,30}não posso (?:ajudar|fornecer)|(?:很)?抱歉[^。]{0,20}(?:不能|无法)|"
    r"对不起[^。]{0,20}(?:不能|无法)|申し訳(?:ありません|ございません)[^。]{0,40}(?:できません|できかねます))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Usable(Generic[T]):
    """The answer, parsed."""

    value: T


@dataclass(frozen=True, slots=True)
class Unusable:
    """An answer that cannot be read.

    `repairable` unless it was cut off, which a quotation would not mend. `futile`: another draw would fare alike.
    `formal`: it is not in the form that was asked for, which is the schema's matter; else a rule of content is broken.
    """

    reason: str
    repairable: bool
    futile: bool = False
    formal: bool = False


@dataclass(frozen=True, slots=True)
class Declined:
    """The model or a filter declined."""

    reason: str


def read_reply(completion: Completion, request: Request, parse: Parse[T]) -> Usable[T] | Unusable | Declined:
    """What `completion` is worth as the answer to `request`.

    `parse` is given the decoded JSON, or the text if the request has no schema. Whatever a model wrote must not end a
    run, so that also the type and look-up errors of a parser that trusts its input too much count as an invalid answer.
    """
    if request.texts or completion.vectors is not None:
        return _read_vectors(completion, request, parse)
    return _read_words(completion, request, parse)


def _read_words(completion: Completion, request: Request, parse: Parse[T]) -> Usable[T] | Unusable | Declined:
    if completion.refusal is not None:
        return Declined(completion.refusal)
    if completion.fault is not None:
        return Unusable(completion.fault, repairable=False, futile=completion.spent_on_thinking)
    if refuses(completion.text):
        return Declined(excerpt(completion.text, 200))
    try:
        decoded = completion.text if request.schema is None else read_json(completion.text)
    except ValueError as error:
        return Unusable(storable(str(error))[:REASON_CHARS], repairable=True, formal=True)
    try:
        return Usable(parse(decoded))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        return Unusable(storable(reason)[:REASON_CHARS] or "the answer is not as asked", repairable=True)


def _read_vectors(completion: Completion, request: Request, parse: Parse[T]) -> Usable[T] | Unusable:
    """What a reply is worth where vectors were asked for, or came unasked."""
    if not request.texts or completion.vectors is None:
        return Unusable(
            "the answer is vectors" if not request.texts else "the answer holds no vectors", repairable=False
        )
    try:
        return Usable(parse(completion.vectors))
    except ValueError as error:
        return Unusable(storable(str(error))[:REASON_CHARS], repairable=False)


def refuses(text: str) -> bool:
    """Whether a short text says that the model will not do what was asked, and nothing else."""
    if len(text) > MOST_REFUSAL or "```" in text:
        return False
    return _REFUSAL.match(text) is not None or _OTHERS.match(text) is not None
