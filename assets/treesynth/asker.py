"""What the steps of a tree ask: one rendered prompt at a time, its outcome as a value, an outage as an error."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from evergrow.assets.outcomes import INVALID, Owed, owed_for, reason_of
from evergrow.methods.ask import Answer, NoAnswer, Outage
from evergrow.methods.text.prompts import Rendered
from evergrow.methods.treesynth.answer_models import CompletionAnswer, SamplesAnswer
from evergrow.methods.treesynth.leaves import Leaf
from evergrow.resources.llm import Answered, Conversation, Failed, Invalid, Refused, Request
from evergrow.resources.llm.faults import FaultClass
from evergrow.resources.settings.growth import TreeSynth

T = TypeVar("T")
SLOTS_PER_SEED = 10_000  # more answers than any prompt is asked for: trees of different seeds share none
GROWING = ("generator", "partitioner", "judge")  # the roles that a tree needs to the end: refused at its root
PASSING = (FaultClass.TRANSIENT, FaultClass.LIMIT)


class Asker:
    """Asks on behalf of one tree, whose seed sets its answers apart from those of other trees."""

    def __init__(self, talk: Conversation, seed: int, rules: TreeSynth) -> None:
        self._talk, self._seed = talk, seed
        # By what is asked for, where it is not to have its role's.
        self._temperatures = {
            SamplesAnswer.named: rules.write_temperature,
            CompletionAnswer.named: rules.complete_temperature,
        }
        self._reasons: list[str | None] = []

    @property
    def owed(self) -> Owed:
        """What a later run has to ask again: failures, and answers of no use that nobody went on from."""
        return owed_for(self._reasons)

    @property
    def failed(self) -> int:
        """How many requests failed."""
        return sum(count for kind, count in self.owed.by_class.items() if kind != INVALID)

    def owes(self, reason: str) -> None:
        """Count something that asking further could not settle, such as a node without a dimension."""
        self._reasons.append(f"{INVALID}: {reason}")

    def owes_rows(self, leaves: Iterable[Leaf]) -> None:
        """Count the leaves that lack rows for want of answers of use: a later run asks further."""
        for leaf in leaves:
            if leaf.unanswered:
                self.owes(leaf.unanswered)

    async def ask(
        self, role: str, prompt: Rendered, slot: int, parse: Callable[[object], T], *, goes_on: bool = False
    ) -> Answer[T] | NoAnswer:
        """The answer number `slot` to `prompt`; `goes_on` as `Ask` says.

        Raises:
            Outage: none came.
        """
        place = self._seed * SLOTS_PER_SEED + slot
        temperature = self._temperatures.get(str((prompt.schema or {}).get("title")))
        request = Request(
            *("", role, prompt.system, prompt.user, prompt.schema, place, prompt.version, temperature),
            redraw=not goes_on,
        )
        outcome = await self._talk.ask(request, parse)
        if isinstance(outcome, Answered) or (goes_on and isinstance(outcome, Invalid)):
            self._reasons.append(None)
        else:
            self._reasons.append(reason_of(outcome))
        match outcome:
            case Answered():
                return Answer(outcome.value, outcome.call_id, outcome.model, outcome.run_id)
            case Refused(reason=reason):
                return NoAnswer(reason, declined=True)
            case Invalid(reason=reason, replayed=replayed):
                return NoAnswer(reason, declined=False, replayed=replayed)
            case Failed(error_class=error_class):
                raise Outage(reason_of(outcome), passing=error_class in PASSING)
