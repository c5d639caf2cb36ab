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
    """An answer that is of no use: declined, or not as asked; `declined` tells which.

    `replayed`: an earlier run has got it, and it counts towards no bound of this one.
    """

    reason: str
    declined: bool
    replayed: bool = False


class Ask(Protocol):
    """Asks models on behalf of one tree."""

    async def ask(
        self, role: str, prompt: Rendered, slot: int, parse: Callable[[object], T], *, goes_on: bool = False
    ) -> "Answer[T] | NoAnswer":
        """The answer number `slot` to `prompt`.

        goes_on: whether the caller asks further after an answer of no use; then one that an earlier run got is told
            again, so that what followed from it still holds. Else it is owed, and drawn anew.

        Raises:
            Outage: none came.
        """
        ...
