"""Failures without a success between them: when a stage cannot succeed any more, whatever its size."""

import re
from dataclasses import dataclass

from evergrow.resources.llm.faults import FaultClass
from evergrow.resources.llm.requests import Answered, Failed, Invalid, Outcome, Refused

ALIKE = 10  # so many like failures in a row, none answered in between, are the settings' fault, not the requests'
FUTILE = 4  # so many answers in a row of which another draw would fare alike
UNREADABLE = 30  # so many answers in a row that cannot be used, for whatever reasons: the model is not able
# A long prompt, or an answer lost on the way, says nothing of the next request.
_OF_ITS_OWN = (FaultClass.CONTEXT, FaultClass.TRANSIENT, FaultClass.LIMIT)
_VARIABLE = re.compile(r"\d+|(['\"`]).*?\1")


@dataclass(slots=True)
class Streak:
    """The failures since the last success of one pass over requests."""

    total: int = 0
    failed: int = 0
    invalid: int = 0
    alike: int = 0
    last: Failed | Invalid | None = None
    succeeded: bool = False
    _kind: str = ""

    def note(self, outcome: Outcome[object]) -> None:
        """Take in what became of a request; what an earlier run was answered says nothing of the model of today."""
        if isinstance(outcome, Invalid) and outcome.replayed:
            return
        if isinstance(outcome, Answered | Refused):
            self.succeeded = True
            self.total = self.failed = self.invalid = self.alike = 0
            return
        kind = f"{outcome.error_class} {_VARIABLE.sub('', _words(outcome))}"
        self.alike = self.alike + 1 if kind == self._kind else 1
        self._kind, self.last = kind, outcome
        self.total += 1
        self.failed += isinstance(outcome, Failed)
        self.invalid += isinstance(outcome, Invalid)

    @property
    def hopeless(self) -> bool:
        """Whether nothing that follows can be expected to fare better."""
        if self.last is None or self.last.error_class in _OF_ITS_OWN:
            return False
        if isinstance(self.last, Invalid):  # weak models err often, and still have answers of use
            if self.last.futile:
                return self.alike >= FUTILE
            return not self.succeeded and (self.alike >= ALIKE or self.invalid >= UNREADABLE)
        return self.alike >= ALIKE

    @property
    def barren(self) -> bool:
        """Whether a pass that is over has got nothing, and not only because answers could not be used."""
        return not self.succeeded and self.failed > 0

    def sentence(self, model: str) -> str:
        """What happened, why, and what helps."""
        assert self.last is not None
        what = "got an answer" if isinstance(self.last, Failed) else "got an answer of use"
        helps = f"; {self.last.remedy}" if self.last.remedy else ""
        return (
            f"none of the last {self.total} requests to model {model!r} {what}: {_words(self.last)}{helps} "
            f"(see `evergrow calls {self.last.call_id}`)"
        )


def _words(outcome: Failed | Invalid) -> str:
    return outcome.message if isinstance(outcome, Failed) else outcome.reason
