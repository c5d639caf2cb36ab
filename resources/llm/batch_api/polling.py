"""Looks after what was handed in: asks the endpoints how far it is, and fetches what has come.

Every step may be cut off and repeated by anybody at any time: a reply is a row of the ledger before its line is
settled, and its row is the same however often it is written.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from evergrow.resources.ledger import Ledger, OwnerKind, State, Submission
from evergrow.resources.ledger.submission_records import AT_ENDPOINT
from evergrow.resources.llm.addresses import address_of
from evergrow.resources.llm.batch_api.fetching import fetch
from evergrow.resources.llm.batch_api.service import RemoteBatch, Service
from evergrow.resources.llm.batch_api.submitting import adopt
from evergrow.resources.llm.faults import EndpointError, Fault
from evergrow.resources.settings import Settings

GONE_AFTER_S = 3 * 86400.0  # an endpoint that no longer knows a batch by then has none to give


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a submission: how it stands now, and what kept us from seeing more, if anything did."""

    submission: Submission
    fault: str = ""


async def poll(
    settings: Settings,
    ledger: Ledger,
    *,
    batch: str | None = None,
    kind: OwnerKind | None = None,
    stop_after_s: float | None = None,
) -> list[Look]:
    """Look at every submission that is at an endpoint (of one owner, or of all), and fetch those that are finished.

    With `stop_after_s` no further one is begun after so many seconds; those left out are not in the result.
    """
    began, looks = time.monotonic(), []
    waiting = await asyncio.to_thread(ledger.submissions.find, AT_ENDPOINT, batch=batch, kind=kind)
    async with _services(settings, {submission.endpoint for submission in waiting}) as services:
        for submission in waiting:
            if stop_after_s is not None and time.monotonic() - began > stop_after_s:
                break
            service = services[submission.endpoint]
            fault = service if isinstance(service, str) else await _advance(settings, ledger, service, submission)
            now = await asyncio.to_thread(ledger.submissions.get, submission.submission_id)
            looks.append(Look(now or submission, fault))
    return looks


@asynccontextmanager
async def _services(settings: Settings, names: Collection[str]) -> AsyncIterator[dict[str, Service | str]]:
    """The Batch APIs of the endpoints `names`, or why one cannot be used."""
    from evergrow.resources.llm.batch_api.client import BatchClient  # noqa: PLC0415 - see its docstring

    services: dict[str, Service | str] = {}
    for name in names:
        if name not in settings.endpoints:
            services[name] = f"endpoint {name!r} is no longer in the settings: put it back to fetch what was handed in"
            continue
        endpoint = settings.endpoints[name]
        try:
            services[name] = Service(BatchClient(name, endpoint, address_of(name, endpoint)))
        except EndpointError as error:
            services[name] = str(error)
    try:
        yield services
    finally:
        for service in services.values():
            if isinstance(service, Service):
                await service.client.close()


async def _advance(settings: Settings, ledger: Ledger, service: Service, submission: Submission) -> str:
    """Take a submission as far as it goes; what stopped it, or "" if nothing did."""
    store = ledger.submissions
    if submission.state is State.UPLOADED:
        try:
            if not await adopt(service, store, submission):
                return "its file was uploaded, but no batch was made of it: run again"
        except EndpointError as error:
            return str(error)
        found = await asyncio.to_thread(store.get, submission.submission_id)
        assert found is not None
        submission = found
    if submission.state is State.SUBMITTED:
        assert submission.batch_id is not None
        remote = await service.look(submission.batch_id)
        if isinstance(remote, Fault):
            if remote.status != 404 or time.time() - (submission.submitted_at or 0.0) < GONE_AFTER_S:
                return f"endpoint {service.client.name!r}: {remote.message}"
            remote = RemoteBatch(
                submission.batch_id, "failed", 0, 0, None, None, f"the endpoint lost it: {remote.message}"
            )
        submission = await asyncio.to_thread(_looked, ledger, submission, remote)
    if submission.state is State.FINISHED:
        fault = await fetch(settings, ledger, service, submission)
        return "" if fault is None else f"endpoint {service.client.name!r}: {fault.message}"
    return ""


def _looked(ledger: Ledger, submission: Submission, remote: RemoteBatch) -> Submission:
    """Write down what the endpoint says."""
    now = time.time()
    # The moment is written before anything is fetched: every fetch of a reply then makes the same row of it.
    ended = {"state": State.FINISHED, "finished_at": now} if remote.ended else {}
    ledger.submissions.change(
        submission.submission_id,
        polled_at=now,
        status=remote.status,
        completed=remote.completed,
        failed=remote.failed,
        output_file_id=remote.output_file_id,
        error_file_id=remote.error_file_id,
        reason=remote.reason,
        **ended,
    )
    found = ledger.submissions.get(submission.submission_id)
    assert found is not None
    return found
