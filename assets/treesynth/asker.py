"""What the steps of a tree ask: one rendered prompt at a time, its outcome as a value, an outage as an error."""

from collections.abc import Callable
from typing import TypeVar

from evergrow.methods.ask import Answer, NoAnswer, Outage
from evergrow.methods.text.prompts import Rendered
from evergrow.resources.llm import Answered, Conversation, Failed, Invalid, Refused, Request
from evergrow.resources.llm.faults import FaultClass

T = TypeVar("T")
REASON_LENGTH = 300
SLOTS_PER_SEED = 10_000  # more answers than any prompt is asked for: trees of different seeds share none
GROWING = ("generator", "partitioner", "judge")  # the roles that a tree needs to the end: refused at its root
PASSING = (FaultClass.TRANSIENT, FaultClass.LIMIT)


class Asker:
    """Asks on behalf of one tree, whose seed sets its answers apart from those of other trees."""

    def __init__(self, talk: Conversation, seed: int) -> None:
        self._talk, self._seed = talk, seed
        self.failed = 0

    async def ask(self, role: str, prompt: Rendered, slot: int, parse: Callable[[object], T]) -> Answer[T] | NoAnswer:
        """The answer number `slot` to `prompt`.

        Raises:
            Outage: none came.
        """
        place = self._seed * SLOTS_PER_SEED + slot
        request = Request("", role, prompt.system, prompt.user, prompt.schema, place, prompt.version)
        outcome = await self._talk.ask(request, parse)
        match outcome:
            case Answered():
                return Answer(outcome.value, outcome.call_id, outcome.model, outcome.run_id)
            case Refused(reason=reason):
                return NoAnswer(reason, declined=True)
            case Invalid(reason=reason):
                return NoAnswer(reason, declined=False)
            case Failed():
                self.failed += 1
                raise _outage(outcome)


def _outage(outcome: Failed) -> Outage:
    reason = " ".join(f"failed: {outcome.error_class}: {outcome.message}".split())[:REASON_LENGTH]
    return Outage(reason, passing=outcome.error_class in PASSING)
