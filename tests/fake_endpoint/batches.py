"""Files and batches, as OpenAI's Batch API has them: answers are those that the same bodies get live."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from tests.fake_endpoint.server import FakeEndpoint

ENDED = ("completed", "failed", "expired", "cancelled")
BEFORE = ("validating", "in_progress", "finalizing")


@dataclass(slots=True)
class Job:
    """One batch; `polls` counts how often it was looked at."""

    id: str
    input_file_id: str
    metadata: dict[str, str]
    created_at: int
    status: str = "validating"
    polls: int = 0
    total: int = 0
    files: dict[str, str | None] = field(default_factory=lambda: {"output_file_id": None, "error_file_id": None})
    counts: dict[str, int] = field(default_factory=lambda: {"total": 0, "completed": 0, "failed": 0})
    errors: list[dict[str, Any]] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "created_at": self.created_at,
            "input_file_id": self.input_file_id,
            "metadata": self.metadata,
            "status": self.status,
            "request_counts": self.counts,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            **self.files,
        }


class Batches:
    """The files and batches of one server. A batch moves on when it is looked at; see the `batch_*` of Faults."""

    def __init__(self, endpoint: "FakeEndpoint") -> None:
        self._endpoint = endpoint
        self._files: dict[str, bytes] = {}
        self._jobs: dict[str, Job] = {}
        self._lines: Counter[str] = Counter()

    def routes(self, app: web.Application) -> None:
        """Add the routes, Azure's as well."""
        for base in ("/v1", "/openai"):
            app.router.add_post(f"{base}/files", self.upload)
            app.router.add_get(f"{base}/files/{{id}}/content", self.content)
            app.router.add_post(f"{base}/batches", self.create)
            app.router.add_get(f"{base}/batches", self.list)
            app.router.add_get(f"{base}/batches/{{id}}", self.look)

    def clear(self) -> None:
        """Forget everything."""
        for record in (self._files, self._jobs, self._lines):
            record.clear()

    def stats(self) -> dict[str, Any]:
        """How many files and batches there are, how many different lines were handed in, how many of them again."""
        inputs = {job.input_file_id for job in self._jobs.values()}
        uploads = [name for name in self._files if name.startswith("file-in")]
        repeated = sum(n - 1 for n in self._lines.values())
        sizes = [job.total for job in self._jobs.values()]
        return {
            "uploads": len(uploads),
            "orphans": len(set(uploads) - inputs),
            "batches": len(self._jobs),
            "sizes": sizes,
            "lines": len(self._lines),
            "repeated_lines": repeated,
        }

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Keep a file of requests."""
        if refused := self._refused(request, "upload"):
            return refused
        form = await request.post()
        assert form["purpose"] == "batch"
        upload = form["file"]
        assert isinstance(upload, web.FileField)
        file_id = f"file-in-{len(self._files)}"
        self._files[file_id] = upload.file.read()
        return await self._answer(request, "upload", {"id": file_id, "object": "file", "purpose": "batch"})

    async def content(self, request: web.Request) -> web.Response:
        """The bytes of a file."""
        return web.Response(body=self._files[request.match_info["id"]], content_type="application/octet-stream")

    async def create(self, request: web.Request) -> web.StreamResponse:
        """A new batch."""
        if refused := self._refused(request, "create"):
            return refused
        asked = await request.json()
        assert asked["completion_window"] == "24h"
        job = Job(f"batch-{len(self._jobs)}", asked["input_file_id"], asked["metadata"], int(time.time()))
        lines = [json.loads(line) for line in self._files[job.input_file_id].splitlines()]
        assert all(line["url"] == asked["endpoint"] and line["method"] == "POST" for line in lines)
        job.total = job.counts["total"] = len(lines)
        self._lines.update(line["custom_id"] for line in lines)
        self._jobs[job.id] = job
        return await self._answer(request, "create", job.json())

    async def list(self, request: web.Request) -> web.Response:
        """Batches, newest first, a page at a time."""
        newest = [job.json() for job in reversed(self._jobs.values())]
        ids = [job["id"] for job in newest]
        start = ids.index(request.query["after"]) + 1 if "after" in request.query else 0
        limit = min(int(request.query.get("limit", 20)), self._endpoint.faults.batch_page)
        page = newest[start : start + limit]
        return web.json_response({"object": "list", "data": page, "has_more": start + limit < len(newest)})

    async def look(self, request: web.Request) -> web.Response:
        """One batch, which moves on each time."""
        faults = self._endpoint.faults
        job = self._jobs.get(request.match_info["id"])
        if job is None:
            return web.json_response({"error": {"message": "No batch found.", "code": None}}, status=404)
        if job.status not in ENDED:
            job.polls += 1
            if job.polls > faults.batch_polls and faults.batch_end:
                self._end(job, faults.batch_end)
            else:
                job.status = BEFORE[min(job.polls, len(BEFORE) - 1)]
        return web.json_response(job.json())

    def _end(self, job: Job, status: str) -> None:
        """Answer the lines that are answered, in an order of the endpoint's own."""
        faults = self._endpoint.faults
        job.status = status
        if status == "failed":
            job.errors = [{"code": "token_limit_exceeded", "message": faults.batch_reason, "line": None, "param": None}]
            return
        lines = [json.loads(line) for line in self._files[job.input_file_id].splitlines()][::-1]
        count = len(lines) if status == "completed" else int(len(lines) * faults.batch_done)
        answered, unanswered = lines[:count], lines[count:]
        output: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for number, line in enumerate(answered):
            if number >= faults.batch_lost:
                found = self._answer_line(line)
                (output if found["response"]["status_code"] == 200 else errors).append(found)
        for line in unanswered:
            gone = {"code": f"batch_{status}", "message": "This request could not be executed in time."}
            errors.append({"id": "x", "custom_id": line["custom_id"], "response": None, "error": gone})
        faults.batch_lost = 0
        for name, ended in (("output_file_id", output), ("error_file_id", errors)):
            if ended:
                job.files[name] = f"file-out-{len(self._files)}"
                text = "".join(f"{json.dumps(line)}\n" for line in ended)
                self._files[f"file-out-{len(self._files)}"] = (faults.batch_noise + text).encode()
        job.counts |= {"completed": len(output), "failed": len(errors)}

    def _answer_line(self, line: dict[str, Any]) -> dict[str, Any]:
        raw = json.dumps(line["body"], separators=(",", ":")).encode()
        status, body = self._endpoint.answer(line["body"], raw)
        response = {"status_code": status, "request_id": "r", "body": json.loads(body)}
        return {"id": "x", "custom_id": line["custom_id"], "response": response, "error": None}

    def _refused(self, request: web.Request, step: str) -> web.Response | None:
        """What the server says to this step whatever is asked."""
        status = 404 if not self._endpoint.faults.batches else self._endpoint.faults.batch_refuse.get(step)
        if not self._endpoint.authorised(request):
            status = 401
        if status is None:
            return None
        error = {"message": f"Invalid URL (POST {request.path})" if status == 404 else "refused", "code": None}
        return web.json_response({"error": error}, status=status)

    async def _answer(self, request: web.Request, step: str, body: dict[str, Any]) -> web.StreamResponse:
        """The answer to a step that is done, or silence: for ever, or by closing the connection."""
        faults = self._endpoint.faults
        if faults.batch_hang == step:
            await asyncio.sleep(3600)
        if faults.batch_drop.get(step, 0) > 0:
            faults.batch_drop[step] -= 1
            assert request.transport is not None
            request.transport.close()
        return web.json_response(body)
