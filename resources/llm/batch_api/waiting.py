"""What is said of submissions that are not answered yet."""

from collections.abc import Sequence

from evergrow.methods.text.counts import counted
from evergrow.resources.ledger import State, Submission

SHOWN = 5


class AwaitingBatch(Exception):  # noqa: N818 - no error: a step that goes on when its answers have come
    """A step has handed in what it asks and waits; `submissions` are those it waits for."""

    def __init__(self, submissions: Sequence[Submission], note: str = "") -> None:
        shown = "; ".join(told(submission) for submission in submissions[:SHOWN])
        more = f"; and {len(submissions) - SHOWN} more" if len(submissions) > SHOWN else ""
        super().__init__(
            f"waiting for {shown}{more}. Nothing runs meanwhile: {_command(submissions[0])} looks again and goes "
            f"on, and so does the sensor `offline_batches` while `evergrow ui` runs{'. ' if note else ''}{note}"
        )
        self.submissions = tuple(submissions)


def _command(submission: Submission) -> str:
    """What goes on with what waits for a submission."""
    if submission.asset.startswith(("treesynth/level_", "treesynth/samples")):
        return f"`evergrow tree grow {submission.batch}`"
    # Answers are made for a release, which may hold other batches and so many rows.
    if submission.kind != "batch" or submission.asset.startswith("dataset/"):
        return "the same command"
    return f"`evergrow run --batch {submission.batch}`"


def told(submission: Submission) -> str:
    """One submission in words: who asked how much of whom, and how far the endpoint is."""
    what = f"{counted(submission.requests, 'requests')} of {submission.asset} to endpoint {submission.endpoint!r}"
    if submission.batch_id is None:
        return f"the submission {submission.submission_id} ({what}, not yet taken in)"
    status = submission.status or "submitted"
    if submission.state in (State.FETCHED, State.TAKEN):
        status += ", fetched"
    counts = f"{submission.completed:,} answered, {submission.failed:,} failed"
    return f"batch {submission.batch_id} ({what}: {status}, {counts})" + (
        f": {submission.reason}" if submission.reason else ""
    )
