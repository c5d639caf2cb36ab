"""An endpoint's files and batches: upload, create, look up, find again, download.

It imports the SDK: import it only where something is to be sent.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import openai
from openai.types import Batch

from evergrow.resources.llm.batch_api.client import BatchClient
from evergrow.resources.llm.batch_api.lines import CHAT_URL
from evergrow.resources.llm.faults import EndpointError, Fault

WINDOW: Literal["24h"] = "24h"
ChatUrl = Literal["/v1/chat/completions"]
MARK = "evergrow_submission"  # key in a batch's metadata that holds the submission's id: it finds a batch again
TRANSFER_S = 1800.0
PAGE = 100
MOST_PAGES = 100
CLOCKS_S = 3600.0  # how far the endpoint's clock may be from ours
ENDED = ("completed", "failed", "expired", "cancelled")
REASONS = 5
NO_BATCHES = (404, 405, 501)


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """A batch as the endpoint tells it."""

    batch_id: str
    status: str
    completed: int
    failed: int
    output_file_id: str | None
    error_file_id: str | None
    reason: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ENDED


class Service:
    """The Batch API of one endpoint."""

    def __init__(self, client: BatchClient) -> None:
        self.client = client
        azure = client.endpoint.kind == "azure"
        self.url = CHAT_URL.removeprefix("/v1") if azure else CHAT_URL
        self._short_s = client.endpoint.timeout_s

    async def upload(self, path: Path) -> str | Fault:
        """The id that the endpoint gives to the file of requests at `path`."""

        async def work(sdk: openai.AsyncOpenAI) -> str:
            return (await sdk.files.create(file=path, purpose="batch")).id

        return await self.client.use(work, TRANSFER_S)

    async def create(self, submission_id: str, file_id: str) -> RemoteBatch | Fault:
        """A new batch of the requests in `file_id`."""

        async def work(sdk: openai.AsyncOpenAI) -> RemoteBatch:
            made = await sdk.batches.create(
                completion_window=WINDOW,
                endpoint=cast("ChatUrl", self.url),  # Azure's path is not among those that the SDK lists
                input_file_id=file_id,
                metadata={MARK: submission_id},
            )
            return _remote(made)

        return await self.client.use(work, self._short_s)

    async def look(self, batch_id: str) -> RemoteBatch | Fault:
        """How far a batch is."""

        async def work(sdk: openai.AsyncOpenAI) -> RemoteBatch:
            return _remote(await sdk.batches.retrieve(batch_id))

        return await self.client.use(work, self._short_s)

    async def find(self, submission_id: str, file_id: str, since: float) -> RemoteBatch | Fault | None:
        """The batch that was made for a submission after `since` (epoch seconds), if one was."""

        async def work(sdk: openai.AsyncOpenAI) -> RemoteBatch | None:
            page = await sdk.batches.list(limit=PAGE)
            for _ in range(MOST_PAGES):
                for batch in page.data:
                    if (batch.metadata or {}).get(MARK) == submission_id or batch.input_file_id == file_id:
                        return _remote(batch)
                too_old = page.data and (page.data[-1].created_at or time.time()) < since - CLOCKS_S
                if too_old or not page.has_next_page():
                    return None
                page = await page.get_next_page()
            return None

        return await self.client.use(work, TRANSFER_S)

    async def download(self, file_id: str, path: Path) -> Fault | None:
        """Write the content of a file to `path`."""

        async def work(sdk: openai.AsyncOpenAI) -> None:
            async with sdk.files.with_streaming_response.content(file_id) as response:
                await response.stream_to_file(path)

        return await self.client.use(work, TRANSFER_S)

    def refusal(self, fault: Fault, role: str, model: str) -> EndpointError:
        """What to say when a submission is refused."""
        if fault.status in NO_BATCHES:
            return EndpointError(
                f"endpoint {self.client.name!r} at {self.client.base_url} has no Batch API for model {model!r} "
                f"({fault.message}); set roles.{role}.mode to live, or take an endpoint that has one"
            )
        return EndpointError(
            f"endpoint {self.client.name!r} at {self.client.base_url} did not take a submission to its Batch API: "
            f"{fault.message}; mend the cause and run again, what was handed in is not handed in twice",
            refused=fault.status is not None,
        )


def _remote(batch: Batch) -> RemoteBatch:
    counts = batch.request_counts
    errors = (batch.errors.data or []) if batch.errors else []
    reasons = [f"line {e.line}: {e.message}" if e.line is not None else str(e.message) for e in errors[:REASONS]]
    more = [f"and {len(errors) - REASONS} more"] if len(errors) > REASONS else []
    return RemoteBatch(
        batch_id=batch.id,
        status=batch.status,
        completed=counts.completed if counts else 0,
        failed=counts.failed if counts else 0,
        output_file_id=batch.output_file_id or None,
        error_file_id=batch.error_file_id or None,
        reason="; ".join([*reasons, *more]) or None,
    )
