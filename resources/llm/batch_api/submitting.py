"""Hands drafts in: upload, then create, each durable before the next, and nothing twice.

Killed before the upload is written down, a file may lie at the endpoint that nothing refers to: it costs nothing, and
the draft is made anew. Killed after that, the batch may exist or not: the endpoint's list is searched for the
submission's id before anything is created. Only whoever holds the partition hands in, so that no two do at once.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from evergrow.resources.ledger import State, Submission, Submissions
from evergrow.resources.llm.batch_api.lines import request_line
from evergrow.resources.llm.batch_api.service import RemoteBatch, Service
from evergrow.resources.llm.faults import Fault, FaultClass

R = TypeVar("R")
TRIES = 4
PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
PASSING = (FaultClass.TRANSIENT, FaultClass.LIMIT)


async def hand_in(service: Service, store: Submissions, draft: Submission) -> None:
    """Upload a draft's file and create its batch.

    Raises:
        EndpointError: the endpoint refused, or did not answer. The draft is forgotten, unless it may have been created.
    """
    with TemporaryDirectory(prefix="evergrow-") as folder:
        path = Path(folder) / f"evergrow-{draft.submission_id}.jsonl"
        await asyncio.to_thread(_write, store, draft, path, service.url)
        file_id = await _patiently(lambda: service.upload(path))
    if isinstance(file_id, Fault):
        await asyncio.to_thread(store.discard, draft.submission_id)
        raise service.refusal(file_id, draft.role, draft.model)
    await asyncio.to_thread(store.change, draft.submission_id, state=State.UPLOADED, input_file_id=file_id)
    await _create(service, store, replace(draft, state=State.UPLOADED, input_file_id=file_id))


async def complete(service: Service, store: Submissions, uploaded: Submission) -> None:
    """Finish what an earlier run has begun: the batch of an uploaded file, found or created. Raises as `hand_in`."""
    if not await adopt(service, store, uploaded):
        await _create(service, store, uploaded)


async def adopt(service: Service, store: Submissions, uploaded: Submission) -> bool:
    """Whether the endpoint has a batch for an uploaded file; it is then written down.

    Raises:
        EndpointError: it cannot be asked.
    """
    assert uploaded.input_file_id is not None
    file_id = uploaded.input_file_id
    found = await _patiently(lambda: service.find(uploaded.submission_id, file_id, uploaded.created_at))
    if isinstance(found, Fault):
        raise service.refusal(found, uploaded.role, uploaded.model)
    if found is not None:
        await asyncio.to_thread(_submitted, store, uploaded, found)
    return found is not None


async def _create(service: Service, store: Submissions, submission: Submission) -> None:
    assert submission.input_file_id is not None
    made: RemoteBatch | Fault | None = None
    for attempt in range(TRIES):
        made = await service.create(submission.submission_id, submission.input_file_id)
        if isinstance(made, RemoteBatch):
            await asyncio.to_thread(_submitted, store, submission, made)
            return
        if made.kind not in PASSING:
            break
        await asyncio.sleep(_pause(made, attempt))
        # It may have been created although the answer did not say so.
        if made.kind is FaultClass.TRANSIENT and await adopt(service, store, submission):
            return
    assert isinstance(made, Fault)
    if made.kind not in PASSING:
        await asyncio.to_thread(store.discard, submission.submission_id)
    raise service.refusal(made, submission.role, submission.model)


async def _patiently(work: Callable[[], Awaitable[R | Fault]]) -> R | Fault:
    """Try again what may be repeated, as long as the fault may pass; bounded."""
    for attempt in range(TRIES - 1):
        result = await work()
        if not isinstance(result, Fault) or result.kind not in PASSING:
            return result
        await asyncio.sleep(_pause(result, attempt))
    return await work()


def _pause(fault: Fault, attempt: int) -> float:
    wait = PAUSE_S * 2**attempt if fault.retry_after_s is None else fault.retry_after_s
    return min(wait, LONGEST_PAUSE_S) + random.uniform(0.0, 0.1)  # noqa: S311 - spreads retries, keeps no secret


def _submitted(store: Submissions, submission: Submission, remote: RemoteBatch) -> None:
    store.change(
        submission.submission_id,
        state=State.SUBMITTED,
        batch_id=remote.batch_id,
        status=remote.status,
        submitted_at=time.time(),
    )


def _write(store: Submissions, draft: Submission, path: Path, url: str) -> None:
    with path.open("w", encoding="ascii") as file:
        for page in store.pages(draft.submission_id):
            file.writelines(request_line(line, url) for line in page)
