"""Settles requests by replies that the ledger holds already, read by today's parser."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from evergrow.resources.ledger import StoredReply, Verdict
from evergrow.resources.llm.completion import Completion, read_completion
from evergrow.resources.llm.job import Job
from evergrow.resources.llm.requests import Answered, Invalid, Outcome, Refused
from evergrow.resources.llm.verdicts import Declined, Parse, Unusable, Usable, judge

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reused(Generic[T]):
    """What stored replies settle: the outcome, and what the ledger should now say of the reply, if that changed."""

    outcome: Outcome[T]
    verdict: Verdict | None = None


def reuse(job: Job, replies: Sequence[StoredReply], parse: Parse[T]) -> Reused[T] | None:
    """The outcome that `replies` (latest first) settle; None if more has to be asked, for which `job` is then ready.

    Stored answers count towards the draws that a request may have, so that reruns do not ask without end.
    """
    latest: tuple[StoredReply, Completion, Unusable] | None = None
    for reply in replies:
        completion = read_completion(reply.reply)
        if not isinstance(completion, Completion):
            continue
        verdict = judge(completion, job.request, parse)
        match verdict:
            case Usable():
                model = reply.model_returned or job.role.model or ""
                mended = None if reply.error_class is None else Verdict(reply.call_id, None, None)
                answered = Answered(job.request, verdict.value, reply.call_id, model, reply.run_id, cached=True)
                return Reused(answered, mended)
            case Declined():
                return Reused(Refused(job.request, reply.call_id, verdict.reason))
            case Unusable():
                latest = latest or (reply, completion, verdict)
    if latest is None:
        return None
    reply, completion, unusable = latest
    job.first_draw, job.draw = min(r.draw for r in replies), reply.draw
    if job.proceed(completion.text, unusable.reason, repairable=unusable.repairable, turn=reply.turn):
        return None
    fault = Verdict(reply.call_id, "invalid", unusable.reason)
    return Reused(
        Invalid(job.request, reply.call_id, unusable.reason), None if reply.error_class == "invalid" else fault
    )
