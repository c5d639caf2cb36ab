"""A request on its way through draws, repairs and retries."""

from dataclasses import dataclass, field

from evergrow.methods.text.answers import excerpt
from evergrow.resources.llm.rendering import Repair, call_id, prompt_bytes, request_key
from evergrow.resources.llm.requests import Request
from evergrow.resources.llm.upstream import Size
from evergrow.resources.settings import Settings
from evergrow.resources.settings.roles import Role

REASON_CHARS = 300


@dataclass(slots=True, eq=False)
class Job:
    """One request until its outcome is known.

    first_draw: number of the first draw of this run: those before it are earlier runs', or not to be used.
    draw, repair: the answer that is asked for now: which draw, and what it should mend, if that is its turn.
    size: of what is asked now. attempts: tries of what is asked now, of which `strikes` count against the settings'
        bound: refusals for the rate and probes of a failing endpoint do not. began: the first try, monotonic seconds.
    twins: equal requests that share the outcome.
    """

    request: Request
    role: Role
    key: str
    size: Size
    first_draw: int = 0
    draw: int = 0
    repair: Repair | None = None
    attempts: int = 0
    strikes: int = 0
    began: float | None = None
    twins: list[Request] = field(default_factory=list)

    @property
    def turn(self) -> int:
        """1 while an answer is asked to be mended, else 0."""
        return int(self.repair is not None)

    @property
    def call_id(self) -> str:
        """The ledger's key of the answer that is asked for now."""
        return call_id(self.key, self.draw, self.turn)

    def begin(self, draw: int) -> None:
        """Turn to the first draw of this run."""
        self.first_draw = self.draw = draw
        self.repair = None

    def proceed(self, answer: str, reason: str, *, repairable: bool, turn: int | None = None) -> bool:
        """Turn to what is asked after `answer`, which cannot be used; False if nothing may be asked any more.

        The first draw may be mended once; then come fresh draws, up to the role's number. `turn` is the answer's, if
        it was asked in an earlier run.
        """
        mended = self.turn if turn is None else turn
        if self.role.repair and repairable and not mended and self.draw == self.first_draw:
            self.repair = Repair(answer, excerpt(reason, REASON_CHARS))
        elif self.draw - self.first_draw + 1 < self.role.draws:
            self.draw, self.repair = self.draw + 1, None
        else:
            return False
        self.attempts, self.strikes, self.began = 0, 0, None
        self.size = _size(self.request, self.role, self.repair)
        return True


class Jobs:
    """Makes jobs of requests by the settings of their roles."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._roles: dict[str, Role] = {}

    def job(self, request: Request) -> Job:
        """A job that asks `request` for the first time."""
        role = self._roles.get(request.role)
        if role is None:
            role = self._roles[request.role] = self._settings.role(request.role)
        return Job(request, role, request_key(request, role), _size(request, role, None))


def _size(request: Request, role: Role, repair: Repair | None) -> Size:
    return Size(prompt_bytes(request, repair), role.max_tokens)
