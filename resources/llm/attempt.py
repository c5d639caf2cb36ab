"""One attempt: send a request, tell its endpoint's admission how it went, and say what follows."""

import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from evergrow.resources.ledger import LOST, Amount, Call
from evergrow.resources.llm import rendering
from evergrow.resources.llm.capabilities import Capabilities
from evergrow.resources.llm.faults import EndpointError, Fault, FaultClass
from evergrow.resources.llm.job import Job
from evergrow.resources.llm.pool import Place
from evergrow.resources.llm.remedies import remedy
from evergrow.resources.llm.reply import Completion, Reply
from evergrow.resources.llm.server import Server

if TYPE_CHECKING:
    from evergrow.resources.llm.engine import Engine

BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 30.0
FLOOR_S, LONGEST_FLOOR_S = 0.05, 5.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one attempt: a place on an endpoint and money set aside."""

    place: Place
    held: Amount


@dataclass(frozen=True, slots=True)
class Replied:
    """A reply came to what was asked as `takes`: save `call`, which cost `cost`, read it, give the place back."""

    call: Call
    cost: Amount
    completion: Completion
    takes: Capabilities


@dataclass(frozen=True, slots=True)
class Again:
    """Try again, after so many seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class GivenUp:
    """No attempt is left: save `call`. `remedy` is what helps; `halt` if no request can succeed at all."""

    call: Call
    fault: Fault
    remedy: str
    halt: EndpointError | None = None


async def attempt(engine: "Engine", job: Job, permit: Permit) -> Replied | Again | GivenUp:
    """Send `job` once and say what follows."""
    server, ticket = permit.place.server, permit.place.ticket
    takes = server.takes(job.role.model or "")
    body = rendering.body(job.request, job.role, server.endpoint, rendering.Asked(takes, job.draw, job.repair))
    job.attempts += 1
    asked_at = time.time()
    job.began = time.monotonic() if job.began is None else job.began
    answer = await server.transport.complete(body, server.endpoint.model or job.role.model or "")
    now = time.monotonic()
    if isinstance(answer, Reply):
        said = answer.completion
        if server.admission.answered(ticket, said.tokens_in, said.tokens_out, now):
            engine.observer.event("endpoint_recovered", endpoint=server.name)
        server.admission.heed(answer.headers, now)
        server.learn(job.size, said)
        call = engine.accounts.reply_row(job, server, body, asked_at, answer)
        cost = engine.accounts.settle_reply(permit.held, call)
        return Replied(call, cost, said, takes)
    engine.accounts.settle_fault(permit.held, answer)
    if answer.maybe_billed:
        row = engine.accounts.failure_row(job, server, body, asked_at, answer)
        engine.commit(_lost(row, job, permit.held), _kept, permit.held)
    _report(engine, permit, answer, now)
    step = _after(engine, job, permit.place, takes, answer)
    if isinstance(step, Again):
        engine.tallies.retries += 1
        return step
    helps = remedy(answer, server.name, server.endpoint, job.request.role)
    return GivenUp(engine.accounts.failure_row(job, server, body, asked_at, answer), answer, helps, step)


def _lost(row: Call, job: Job, held: Amount) -> Call:
    """The row of an attempt whose reply was lost on the way: its worst case, for the provider may have charged it."""
    return replace(
        row,
        call_id=f"{row.call_id}-{LOST}-{uuid4().hex[:8]}",
        attempts=1,
        tokens_in=job.size.prompt_bytes,
        tokens_out=job.size.max_tokens,
        usd=held.usd or None,
        error_class=LOST,
        error_message=f"counted at its worst case, for it may have been charged: {row.error_message}",
    )


def _kept(_call: Call) -> None:
    """Nothing follows from a lost attempt's row."""


def _report(engine: "Engine", permit: Permit, fault: Fault, now: float) -> None:
    """Tell the endpoint's admission how it went."""
    server, ticket = permit.place.server, permit.place.ticket
    server.last_fault = fault
    if fault.kind is FaultClass.LIMIT:
        if server.admission.refused(ticket, fault.retry_after_s, now):
            engine.observer.event("concurrency_lowered", endpoint=server.name, limit=server.admission.limit)
    elif fault.kind is FaultClass.TRANSIENT:
        if server.admission.failed(ticket, now):
            engine.observer.event("endpoint_failing", endpoint=server.name, message=fault.message)
    else:
        server.last_answer = now
        server.admission.answered(ticket, 0, 0, now)
    engine.observer.attempt_failed(server.name, fault)


def _after(engine: "Engine", job: Job, place: Place, takes: Capabilities, fault: Fault) -> Again | EndpointError | None:
    """What the class of a fault asks for; None to give this request up. See `FaultClass`."""
    server, model = place.server, job.role.model or ""
    match fault.kind:
        case FaultClass.TRANSIENT | FaultClass.LIMIT:
            if fault.kind is FaultClass.TRANSIENT and not place.ticket.probe:
                job.strikes += 1  # else bounded by the deadline, and for probes by the endpoint's patience
            if (fault.retry_after_s or 0.0) > server.endpoint.patience_s:  # a day's quota, not a rate
                return _without(engine, job, server, fault)
            return _retry(job, server, fault)
        case FaultClass.ANSWERS | FaultClass.PARAMETER if server.adapt(model, takes, fault):
            engine.observer.event("request_adapted", endpoint=server.name, refused=fault.about, message=fault.message)
            return Again(0.0)
        case FaultClass.ENDPOINT:
            return _without(engine, job, server, fault)
        case _:
            return None


def _without(engine: "Engine", job: Job, server: Server, fault: Fault) -> Again | EndpointError:
    """Go on without an endpoint that no request can use, if others of its pool are left."""
    error = server.error(fault, job.role.model or "", job.request.role)
    if engine.pools.of(job.request.role).retire(server, error):
        engine.observer.event("endpoint_retired", endpoint=server.name, message=fault.message)
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
