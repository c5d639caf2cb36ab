"""What the steps of a method need of a model: one prompt in, a usable answer out, or the reason why there is none.

Who answers, how it is paid and where it is kept is the caller's: `Ask` is all that a method sees of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from evergrow.methods.text.prompts import Rendered

T = TypeVar("T")


class Outage(Exception):  # noqa: N818 - it says what happened
    """No answer came: what needs it is owed, and another run asks for it again; `passing` if that alone may help."""

    def __init__(self, reason: str, *, passing: bool) -> None:
        super().__init__(reason)
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A usable answer, and which call gave it."""

    value: T
    call_id: str
    model: str
    run_id: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """An answer that is of no use: declined, or not as asked; `declined` tells which."""

    reason: str
    declined: bool


class Ask(Protocol):
    """Asks models on behalf of one tree."""

    async def ask(self, role: str, prompt: Rendered, slot: int, parse: Callable[[object], T]) -> "Answer[T] | NoAnswer":
        """The answer number `slot` to `prompt`.

        Raises:
            Outage: none came.
        """
        ...
