"""Settles requests by replies that the ledger holds already, read by today's parser."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from evergrow.resources.ledger import ReplyNote, StoredReply
from evergrow.resources.llm.answer import Declined, Parse, Unusable, Usable, read_reply
from evergrow.resources.llm.job import Job
from evergrow.resources.llm.remedies import invalid
from evergrow.resources.llm.reply import Completion, read_completion
from evergrow.resources.llm.requests import Answered, Invalid, Outcome, Refused

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reused(Generic[T]):
    """What stored replies settle: the outcome, and what the ledger should now say of the reply, if that changed."""

    outcome: Outcome[T]
    note: ReplyNote | None = None


def reuse(
    job: Job, replies: Sequence[StoredReply], parse: Parse[T], current: Callable[[StoredReply], bool]
) -> Reused[T] | None:
    """The outcome that `replies` (latest first) settle; None if more has to be asked, for which `job` is then ready.

    What no run could use is owed: this run draws anew, up to the role's number of draws. `current` tells which replies
    are this run's own and count towards that number. A turn that an earlier run has left undone is taken first.
    """
    latest: tuple[StoredReply, Completion, Unusable] | None = None
    for reply in replies:
        completion = read_completion(reply.reply)
        if not isinstance(completion, Completion):
            continue
        verdict = read_reply(completion, job.request, parse)
        match verdict:
            case Usable():
                model = reply.model_returned or job.role.model or ""
                mended = None if reply.error_class is None else ReplyNote(reply.call_id, None, None)
                answered = Answered(
                    job.request,
                    verdict.value,
                    reply.call_id,
                    model,
                    reply.run_id,
                    cached=True,
                    thoughts=completion.thoughts,
                )
                return Reused(answered, mended)
            case Declined():
                return Reused(Refused(job.request, reply.call_id, verdict.reason))
            case Unusable():
                latest = latest or (reply, completion, verdict)
    if latest is None:
        return None
    reply, completion, unusable = latest
    mine = current(reply)
    alike = [r.draw for r in replies if current(r) == mine and (mine or r.run_id == reply.run_id)]
    job.first_draw, job.draw = min(alike), reply.draw
    if job.proceed(completion.text, unusable.reason, repairable=unusable.repairable, turn=reply.turn):
        return None
    if job.request.redraw and not mine:
        job.begin(reply.draw + 1)
        return None
    fault = ReplyNote(reply.call_id, "invalid", unusable.reason)
    helps = invalid(unusable.reason, job.role.endpoints[0], job.request.role)
    outcome = Invalid(job.request, reply.call_id, unusable.reason, helps, replayed=not mine)
    return Reused(outcome, None if reply.error_class == "invalid" else fault)
