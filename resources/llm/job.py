"""A request on its way through draws, repairs and retries."""

from dataclasses import dataclass, field

from evergrow.methods.answers import excerpt
from evergrow.resources.llm.rendering import Repair, call_id
from evergrow.resources.llm.requests import Request
from evergrow.resources.settings import models

REASON_CHARS = 300


@dataclass(slots=True, eq=False)
class Job:
    """One request until its outcome is known; `twins` are equal requests that share the outcome."""

    request: Request
    role: models.Role
    key: str
    first_draw: int = 0
    draw: int = 0
    repair: Repair | None = None
    attempts: int = 0
    began: float | None = None
    twins: list[Request] = field(default_factory=list)

    @property
    def turn(self) -> int:
        """1 while the answer is asked to be mended, else 0."""
        return int(self.repair is not None)

    @property
    def call_id(self) -> str:
        """The ledger's key of the answer that is asked for now."""
        return call_id(self.key, self.draw, self.turn)

    def proceed(self, answer: str, reason: str, *, repairable: bool) -> bool:
        """Turn to what is asked after an answer that cannot be used; False if nothing may be asked any more.

        The first draw may be mended once; then come fresh draws, up to the role's number.
        """
        if self.role.repair and repairable and self.repair is None and self.draw == self.first_draw:
            self.repair = Repair(answer, excerpt(reason, REASON_CHARS))
        elif self.draw - self.first_draw + 1 < self.role.draws:
            self.draw, self.repair = self.draw + 1, None
        else:
            return False
        self.attempts = 0
        return True
