"""What is asked of a model, who pays for it, and what can become of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Request:
    """One rendered question to a model.

    key: the caller's own name of the row, such as a child's id; no part of the request's identity.
    role: "generator", "judge", ...: the settings give its model, temperature, token limit and endpoint.
    schema: JSON schema of the answer, its `title` used as its name; None asks for plain text.
    slot: the K answers to one prompt are slots 0..K-1. It is sent as `seed`, so that a deterministic server gives
        different children as well.
    temperature: in place of the role's, for answers that should differ more or less than its others; a role whose
        temperature is null is asked without any.
    parse: reads the answer to this request; None: as the others that it is asked with.
    redraw: whether an answer that an earlier run could not use is drawn anew, as it is owed; else it is told again, for
        an asker that goes on from there by itself.
    texts: a vector is asked for each of these, and no answer in words: `system`, `user` and `schema` are empty.
    space: of a request for vectors: what tells them from those that another model of that name makes.
    """

    key: str
    role: str
    system: str
    user: str
    schema: Mapping[str, object] | None
    slot: int = 0
    prompt_version: str = ""
    temperature: float | None = None
    parse: Callable[[object], Any] | None = field(default=None, compare=False, repr=False)
    redraw: bool = field(default=True, compare=False)
    texts: tuple[str, ...] = ()
    space: str = ""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who pays for the requests of an engine: they are the ledger's columns of the same names."""

    run_id: str
    asset: str
    partition: str
    batch: str


@dataclass(frozen=True, slots=True)
class Answered(Generic[T_co]):
    """A usable answer, durable in the ledger as `call_id`, paid by `run_id`; `cached` if nothing was sent for it.

    `thoughts` is what the model thought before it answered, "" if it told nothing; no part of the value.
    """

    request: Request
    value: T_co
    call_id: str
    model: str
    run_id: str
    cached: bool
    thoughts: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The model, or a filter before it, declined to answer."""

    request: Request
    call_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """Every answer that this run may draw could not be used; `call_id` is the last one's. A later run draws anew.

    `remedy` says what to change, "" if nothing is known to help; `replayed`: nothing was sent for it in this run;
    `futile`: another draw with the same settings would fare alike.
    """

    request: Request
    call_id: str
    reason: str
    remedy: str = ""
    replayed: bool = False
    futile: bool = False

    @property
    def error_class(self) -> str:
        """As the ledger's column of that name has it."""
        return "invalid"


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer came within the bounds of attempts and time; a later run asks again.

    `remedy` says what to change, "" if nothing is known to help.
    """

    request: Request
    call_id: str
    error_class: str
    message: str
    remedy: str = ""


Outcome = Answered[T_co] | Refused | Invalid | Failed


def for_twin(outcome: Outcome[T_co], twin: Request) -> Outcome[T_co]:
    """The same outcome for an equal request that shared the question."""
    match outcome:
        case Answered():
            return replace(outcome, request=twin, cached=True)
        case Refused() | Invalid() | Failed():
            return replace(outcome, request=twin)
