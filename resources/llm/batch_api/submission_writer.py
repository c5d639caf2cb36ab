"""What one step has handed in and hands in now: lines gathered into drafts, drafts handed in."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import replace
from uuid import uuid4

from evergrow.resources.ledger import Ledger, Owner, Pending, State, Submission, SubmissionLine
from evergrow.resources.ledger.submission_records import AT_ENDPOINT
from evergrow.resources.llm.batch_api.lines import CHAT_URL, request_line
from evergrow.resources.llm.faults import EndpointError
from evergrow.resources.llm.requests import Attribution
from evergrow.resources.llm.upstream import Server
from evergrow.resources.settings.endpoints import Endpoint

GROUP = 500


class SubmissionWriter:
    """The submissions of one step on behalf of one payer; lines are written to the ledger in groups.

    `holder` is whose blocks of shared limits they are paid from.
    """

    def __init__(self, ledger: Ledger, who: Attribution, holder: str | None) -> None:
        self._holder = holder
        self.owner = Owner(who.asset, who.partition, who.batch)
        self._run_id = who.run_id
        self._store = ledger.submissions
        self._drafts: list[Submission] = []
        self._room: tuple[int, int] = (0, 0)  # requests and bytes that the last draft still takes
        self._lines: list[SubmissionLine] = []
        self._fetched: set[str] = set()

    async def open(self) -> None:
        """Begin: forget drafts that a killed run has left, which were never sent, and see what was fetched for us."""
        await self.forget_drafts()
        fetched = await asyncio.to_thread(self._store.find, (State.FETCHED,), owner=self.owner)
        self._fetched = {submission.submission_id for submission in fetched}

    async def forget_drafts(self) -> None:
        """Forget what was not sent."""
        await asyncio.to_thread(self._store.discard_drafts, self.owner)

    async def pending(self, call_ids: Collection[str]) -> dict[str, Pending]:
        """What is known of those of `call_ids` that were handed in before."""
        return await asyncio.to_thread(self._store.pending, self.owner, call_ids)

    async def answered(self, call_ids: Collection[str]) -> set[str]:
        """Those of `call_ids` that were handed in since this step last went on without waiting."""
        return await asyncio.to_thread(self._store.answered, self.owner, call_ids) if call_ids else set()

    async def add(self, line: SubmissionLine, server: Server, role: str, model: str) -> None:
        """Put a request into the draft, or into a new one where it would grow beyond the endpoint's limits."""
        size = len(line.body) + len(request_line(replace(line, body=""), CHAT_URL))
        last = self._drafts[-1] if self._drafts else None
        if last is None or (last.role, last.model) != (role, model) or self._room[0] < 1 or self._room[1] < size:
            await self._flush()
            await self._begin(server.endpoint, server.name, role, model)
        self._room = (self._room[0] - 1, self._room[1] - size)
        self._lines.append(line)
        if len(self._lines) >= GROUP:
            await self._flush()

    async def hand_in(self, servers: dict[str, Server]) -> None:
        """Hand in every draft, after what an earlier run has begun. `servers`: by role.

        Raises:
            EndpointError: one was not taken; those before it are.
        """
        await self._flush()
        begun = await asyncio.to_thread(self._store.find, (State.UPLOADED, State.DRAFT), owner=self.owner)
        if not begun:
            return
        from evergrow.resources.llm.batch_api.client import BatchClient  # noqa: PLC0415
        from evergrow.resources.llm.batch_api.service import Service  # noqa: PLC0415 - imports the SDK
        from evergrow.resources.llm.batch_api.submitting import complete, hand_in  # noqa: PLC0415

        try:
            for submission in sorted(begun, key=lambda one: one.state is State.DRAFT):
                step = hand_in if submission.state is State.DRAFT else complete
                server = servers[submission.role]
                client = BatchClient(server.name, server.endpoint, server.transport.address)
                try:
                    await step(Service(client), self._store, submission)
                finally:
                    await client.close()
        except EndpointError:
            await self.forget_drafts()
            raise

    async def waiting(self) -> list[Submission]:
        """What is at an endpoint still, and what has been fetched since `open`."""
        found = await asyncio.to_thread(self._store.find, (*AT_ENDPOINT, State.FETCHED), owner=self.owner)
        return [submission for submission in found if submission.submission_id not in self._fetched]

    async def begun_roles(self) -> set[str]:
        """Roles of submissions that an earlier run has uploaded, and perhaps not created."""
        begun = await asyncio.to_thread(self._store.find, (State.UPLOADED,), owner=self.owner)
        return {submission.role for submission in begun}

    async def go_on(self, *, close_failures: bool) -> None:
        """What was fetched before `open` is taken up now. With `close_failures`, later runs ask anew what failed."""
        await asyncio.to_thread(self._store.go_on, self.owner, self._fetched, close_failures=close_failures)

    def figures(self) -> dict[str, int | float | None]:
        """Counts for a materialisation's metadata."""
        return self._store.figures(self.owner)

    async def _begin(self, endpoint: Endpoint, name: str, role: str, model: str) -> None:
        owner = self.owner._asdict()
        draft = Submission(uuid4().hex, State.DRAFT, name, role, model, self._run_id, **owner, created_at=time.time())
        await asyncio.to_thread(self._store.begin, draft)
        self._drafts.append(draft)
        self._room = (endpoint.batch_requests, endpoint.batch_bytes)

    async def _flush(self) -> None:
        if self._lines:
            await asyncio.to_thread(self._store.add, self._drafts[-1].submission_id, self._lines, self._holder)
            self._lines = []
