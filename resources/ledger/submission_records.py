"""What is handed to a Batch API, as values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from evergrow.resources.ledger.owner_kinds import OwnerKind, kind_of


class State(StrEnum):
    """How far a submission has got. Each state is durable before the step after it is taken.

    draft: its lines are written here, nothing is at the endpoint. uploaded: its file is there, and it may have been
    created there or not. submitted: the endpoint works on it. finished: the endpoint has ended it, well or not.
    fetched: every reply is in the ledger, and the step that waits may go on. taken: that step has gone on.
    """

    DRAFT = "draft"
    UPLOADED = "uploaded"
    SUBMITTED = "submitted"
    FINISHED = "finished"
    FETCHED = "fetched"
    TAKEN = "taken"


AT_ENDPOINT = (State.UPLOADED, State.SUBMITTED, State.FINISHED)


class Owner(NamedTuple):
    """Who waits for a submission: a table of a partition."""

    asset: str
    partition: str
    batch: str


@dataclass(frozen=True, slots=True)
class Submission:
    """One file of requests for an endpoint's Batch API; times are seconds since 1970 UTC.

    `status`, `completed`, `failed` and `reason` are the endpoint's own words and counts; `finished_at` is when it was
    first seen to have ended, the time that all its replies get.
    """

    submission_id: str
    state: State
    endpoint: str
    role: str
    model: str
    run_id: str
    asset: str
    partition: str
    batch: str
    created_at: float
    requests: int = 0
    input_file_id: str | None = None
    batch_id: str | None = None
    submitted_at: float | None = None
    polled_at: float | None = None
    status: str | None = None
    completed: int = 0
    failed: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None
    finished_at: float | None = None
    reason: str | None = None

    @property
    def kind(self) -> OwnerKind:
        """What the owner is that `batch` names."""
        return kind_of(self.asset, self.partition)

    @property
    def broken(self) -> bool:
        """Whether the endpoint, or somebody there, gave it up for a reason that asking again may not mend."""
        return self.status in ("failed", "cancelled")


@dataclass(frozen=True, slots=True)
class SubmissionLine:
    """One request of a submission; `tokens` and `usd` are the most that it may cost, set aside until it is settled."""

    call_id: str
    request_key: str
    slot: int
    draw: int
    turn: int
    prompt_version: str
    body: str
    tokens: int
    usd: float


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a line: a reply (no error class), or the class and message of its failure."""

    call_id: str
    error_class: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """What is known of a request that was handed in: whether it is still open, else how often and why it failed."""

    open: bool
    failures: int
    error_class: str
    error_message: str
