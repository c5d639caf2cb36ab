"""One attempt: send a request, tell its endpoint's admission how it went, and say what follows."""

import random
import time
from dataclasses import dataclass
from typing import Literal

from evergrow.resources.ledger import Amount, Call
from evergrow.resources.llm import rendering
from evergrow.resources.llm.capabilities import Capabilities
from evergrow.resources.llm.entrance import Entrance, Permit
from evergrow.resources.llm.faults import EndpointError, Fault, FaultClass
from evergrow.resources.llm.job import Job
from evergrow.resources.llm.recorder import Recorder, Sent
from evergrow.resources.llm.remedies import remedy
from evergrow.resources.llm.reply import Completion, Reply
from evergrow.resources.llm.upstream import Server

BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 30.0
FLOOR_S, LONGEST_FLOOR_S = 0.05, 5.0


@dataclass(frozen=True, slots=True)
class Replied:
    """A reply came to what was asked as `takes`: save `call`, which cost `cost`, read it, give the place back."""

    call: Call
    cost: Amount
    completion: Completion
    takes: Capabilities


@dataclass(frozen=True, slots=True)
class Again:
    """Try again, after so many seconds; `lost` is the row of a reply that may have been charged."""

    after_s: float
    lost: Call | None = None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """No attempt is left: save `call`. `remedy` is what helps; `halt` if no request can succeed at all."""

    call: Call
    fault: Fault
    remedy: str
    lost: Call | None = None
    halt: EndpointError | None = None


async def attempt(entrance: Entrance, recorder: Recorder, job: Job, permit: Permit) -> Replied | Again | GivenUp:
    """Send `job` once and say what follows."""
    server, model = permit.place.server, job.role.model or ""
    takes = server.takes(model)
    body = rendering.body(job.request, job.role, server.endpoint, rendering.AskedAnswer(takes, job.draw, job.repair))
    job.attempts += 1
    job.began = time.monotonic() if job.began is None else job.began
    sent = Sent(job, server, takes, body, time.time(), permit.held)
    what: Literal["chat/completions", "embeddings"] = "embeddings" if job.request.texts else "chat/completions"
    answer = await server.transport.complete(body, server.endpoint.model or model, what)
    if isinstance(answer, Reply):
        _answered(recorder, permit, job, answer)
        call, cost = recorder.reply(sent, answer)
        return Replied(call, cost, answer.completion, takes)
    lost = recorder.fault(sent, answer)
    _failed(recorder, permit, answer)
    step = _after(entrance, recorder, sent, permit, answer)
    if isinstance(step, Again):
        return Again(step.after_s, lost)
    helps = remedy(answer, server.name, server.endpoint, job.request.role)
    return GivenUp(recorder.failure(sent, answer), answer, helps, lost, step)


def _answered(recorder: Recorder, permit: Permit, job: Job, reply: Reply) -> None:
    """Tell the endpoint's admission of a reply."""
    server, said, now = permit.place.server, reply.completion, time.monotonic()
    if server.admission.answered(permit.place.ticket, said.tokens_in, said.tokens_out, now):
        recorder.event("endpoint_recovered", endpoint=server.name)
    server.admission.heed(reply.headers, now)
    server.learn(job.size, said)


def _failed(recorder: Recorder, permit: Permit, fault: Fault) -> None:
    """Tell the endpoint's admission of a fault."""
    server, ticket, now = permit.place.server, permit.place.ticket, time.monotonic()
    server.last_fault = fault
    if fault.kind is FaultClass.LIMIT:
        if server.admission.refused(ticket, fault.retry_after_s, now):
            recorder.event("concurrency_lowered", endpoint=server.name, limit=server.admission.limit)
    elif fault.kind is FaultClass.TRANSIENT:
        if server.admission.failed(ticket, now):
            recorder.event("endpoint_failing", endpoint=server.name, message=fault.message)
    else:
        server.last_answer = now
        server.admission.answered(ticket, 0, 0, now)


def _after(
    entrance: Entrance, recorder: Recorder, sent: Sent, permit: Permit, fault: Fault
) -> Again | EndpointError | None:
    """What the class of a fault asks for; None to give this request up. See `FaultClass`."""
    server, job = sent.server, sent.job
    match fault.kind:
        case FaultClass.TRANSIENT | FaultClass.LIMIT:
            if fault.kind is FaultClass.TRANSIENT and not permit.place.ticket.probe:
                job.strikes += 1  # else bounded by the deadline, and for probes by the endpoint's patience
            if (fault.retry_after_s or 0.0) > server.endpoint.patience_s:  # a day's quota, not a rate
                return _without(entrance, recorder, sent, fault)
            return _retry(job, server, fault)
        case FaultClass.ANSWERS | FaultClass.PARAMETER if server.adapt(job.role.model or "", sent.takes, fault):
            recorder.event("request_adapted", endpoint=server.name, refused=fault.about, message=fault.message)
            return Again(0.0)
        case FaultClass.ENDPOINT:
            return _without(entrance, recorder, sent, fault)
        case _:
            return None


def _without(entrance: Entrance, recorder: Recorder, sent: Sent, fault: Fault) -> Again | EndpointError:
    """Go on without an endpoint that no request can use, if others of its pool are left."""
    job, server = sent.job, sent.server
    error = server.error(fault, job.role.model or "", job.request.role)
    if entrance.retire(job, server, error):
        recorder.event("endpoint_retired", endpoint=server.name, message=fault.message)
        return Again(0.0)
    return error


def _retry(job: Job, server: Server, fault: Fault) -> Again | None:
    endpoint = server.endpoint
    if job.strikes >= endpoint.attempts:
        return None
    longest = min(BACKOFF_S * 2 ** min(job.attempts - 1, 16), LONGEST_BACKOFF_S)
    pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, keeps no secret
    if fault.retry_after_s is not None:
        # "Again at once" is not meant for ever: the pause grows from a floor of its own.
        floor = min(FLOOR_S * 2 ** min(job.attempts - 1, 16), LONGEST_FLOOR_S)
        pause = max(fault.retry_after_s, floor) + random.uniform(0.0, 0.1)  # noqa: S311
    spent = time.monotonic() - (job.began or 0.0)
    return None if spent + pause > endpoint.deadline_s else Again(pause)
