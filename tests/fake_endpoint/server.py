"""The server: chat completions, models, `/_control` (set faults) and `/_stats` (what was asked)."""

import argparse
import asyncio
import hashlib
import json
import random
import signal
import sys
import threading
import time
from collections import Counter
from typing import Any

from aiohttp import web

from tests.fake_endpoint import answers, experts, solutions, trees, vectors
from tests.fake_endpoint.batches import Batches
from tests.fake_endpoint.faults import Faults
from tests.fake_endpoint.quirks import quirky

MESSAGES = {
    "400": ("Invalid value for 'temperature'.", "invalid_request_error", "invalid_value"),
    "401": ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    "402": ("Insufficient credits.", "billing", "payment_required"),
    "403": ("Project does not have access to this model.", "invalid_request_error", "model_not_allowed"),
    "404": ("The model does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"),
    "413": ("Request too large.", "invalid_request_error", "request_too_large"),
    "422": ("Unprocessable entity.", "invalid_request_error", "unprocessable"),
    "429": ("Rate limit reached.", "requests", "rate_limit_exceeded"),
    "quota": ("You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
    "context": ("The maximum context length is 8192 tokens.", "invalid_request_error", "context_length_exceeded"),
    "encoding": ("Extra inputs are not permitted: 'encoding_format'.", "invalid_request_error", "invalid_value"),
    "blocked": ("The response was filtered.", "invalid_request_error", "content_filter"),
}  # fmt: skip
STATUS = {"quota": 429, "context": 400, "encoding": 422, "blocked": 400}
PROSE = "I am sorry, but I would rather talk about the weather, which is pleasant today."


class FakeEndpoint:
    """State of one server: its faults, and a record of what it was asked."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self.faults = faults
        self.seed = seed
        self.draw = random.Random(seed)
        self.bodies: Counter[bytes] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.delivered: Counter[str] = Counter()
        self.sound: Counter[str] = Counter()
        self.embedded: Counter[str] = Counter()
        self.tokens = self.resets = 0
        self.now = self.peak = 0
        self.times: list[float] = []
        self.window: list[float] = []
        self.batches = Batches(self)

    def app(self) -> web.Application:
        """The routes; Azure's deployments are served as well."""
        app = web.Application(client_max_size=64 * 2**20)
        for base in ("/v1", "/openai", ""):
            app.router.add_get(f"{base}/models", self.models)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/openai/deployments/{model}/chat/completions", self.chat)
        app.router.add_post("/v1/embeddings", self.embed)
        self.batches.routes(app)
        app.router.add_post("/_control", self.control)
        app.router.add_get("/_stats", self.stats)
        return app

    async def control(self, request: web.Request) -> web.Response:
        """Set faults; `{"reset": true}` forgets the record."""
        changes = await request.json()
        if changes.pop("reset", False):
            self.bodies.clear()
            self.embedded.clear()
            self.outcomes.clear()
            self.delivered.clear()
            self.sound.clear()
            self.tokens = self.peak = 0
            self.resets += 1
            self.times.clear()
            self.batches.clear()
        self.faults.update(changes)
        return web.json_response({})

    async def stats(self, request: web.Request) -> web.Response:
        """Counts of requests, distinct bodies, answers by fault, peak of requests at once, tokens served.

        With `?ids`: how often each completion was delivered whole, by its id, and how often without any fault.
        """
        return web.json_response(
            {
                "requests": sum(self.bodies.values()),
                "distinct": len(self.bodies),
                "repeated": sum(n - 1 for n in self.bodies.values()),
                "outcomes": self.outcomes,
                "peak": self.peak,
                "in_flight": self.now,
                "embedded": sum(self.embedded.values()),
                "embedded_again": sum(n - 1 for n in self.embedded.values()),
                "tokens": self.tokens,
                "batch": self.batches.stats(),
                "times": self.times if "times" in request.query else [],
                "delivered": self.delivered if "ids" in request.query else {},
                "sound": self.sound if "ids" in request.query else {},
            }
        )

    async def models(self, request: web.Request) -> web.Response:
        """The list of models, behind the key."""
        if not self.authorised(request):
            return _error("401", None, {})
        listed = self.faults.listed or self.faults.models
        return web.json_response({"object": "list", "data": [{"id": m, "object": "model"} for m in listed]})

    async def embed(self, request: web.Request) -> web.Response:
        """Vectors, or the fault that the request meets: by its HTTP status, or one of `VECTOR_QUIRKS`."""
        raw = await request.read()
        digest = hashlib.blake2b(raw, digest_size=8).digest()
        self.bodies[digest] += 1
        body, faults = json.loads(raw), self.faults
        fault = self._refused_vectors(request, body) or faults.pick(self.draw, digest, self.bodies[digest])
        self.outcomes[fault or "ok"] += 1
        self.embedded.update(body["input"])
        if fault in MESSAGES:
            headers = {} if faults.retry_after is None else {"Retry-After": f"{faults.retry_after:g}"}
            return _error(fault, faults.error_code, headers)
        answer = vectors.embeddings(body, [*faults.quirks, *([fault] if fault else [])])
        return web.Response(body=answer, content_type="application/json")

    def _refused_vectors(self, request: web.Request, body: dict[str, Any]) -> str | None:
        if not self.authorised(request):
            return "401"
        if "no_base64" in self.faults.quirks and "encoding_format" in body:
            return "encoding"
        if self.faults.longest and any(len(text) > self.faults.longest for text in body["input"]):
            return "context"
        return None

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """One completion, or the fault that it meets."""
        self.now += 1
        self.peak = max(self.peak, self.now)
        try:
            return await self._chat(request)
        finally:
            self.now -= 1

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        raw, resets = await request.read(), self.resets
        digest = hashlib.blake2b(raw, digest_size=8).digest()
        self.bodies[digest] += 1
        self.times.append(time.time())
        body = json.loads(raw)
        faults = self.faults
        fault = self._refusal(request, body)
        if fault is None and (not faults.only or faults.only.encode() in raw):
            fault = faults.pick(self.draw, digest, self.bodies[digest])
        self.outcomes[fault or "ok"] += 1
        if faults.latency:
            await asyncio.sleep(faults.latency)
        if fault and (fault.isdigit() or fault in STATUS):
            headers = dict(faults.headers)
            if faults.retry_after is not None:
                headers["Retry-After"] = f"{faults.retry_after:g}"
            if faults.error_message:
                return web.json_response({"error": {"message": faults.error_message}}, status=int(fault))
            return _error(fault, faults.error_code, headers)
        counted = self.tokens
        completion = self._completion(body, raw, fault)
        if resets != self.resets:  # asked before the record began: it may be that of a process that was killed
            self.tokens = counted
        if faults.quirks and fault is None:
            return await self._quirky(request, body, completion)
        if fault in ("drop", "hang", "slow", "truncate"):
            return await self._broken(request, fault, completion)
        name = json.loads(completion)["id"]
        self.delivered[name] += 1
        self.sound[name] += fault is None
        return web.Response(body=completion, content_type="application/json", headers=faults.headers or None)

    async def _quirky(self, request: web.Request, body: dict[str, Any], completion: bytes) -> web.StreamResponse:
        """What the quirks make of a completion; which of them is drawn follows from the server's seed."""
        asked = body | {"_key": request.headers.get("Authorization", "").removeprefix("Bearer ")}
        answer = quirky(self.faults.quirks, self.draw.random(), asked, completion)
        if answer is None:
            return web.Response(body=completion, content_type="application/json")
        headers = {"Content-Type": answer.content_type, **answer.headers}
        if not answer.endless:
            return web.Response(body=answer.body, status=answer.status, headers=headers)
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        try:
            await response.write(answer.body)
            while True:
                await response.write(b" " * 2**18)
        except ConnectionError:
            return response

    def answer(self, body: dict[str, Any], raw: bytes) -> tuple[int, bytes]:
        """Status and body that a request gets as a line of a batch."""
        fault = self._unsupported(body) or self.faults.pick(self.draw)
        self.outcomes[fault or "ok"] += 1
        if fault and (fault.isdigit() or fault in STATUS):
            return STATUS.get(fault) or int(fault), json.dumps(_message(fault, self.faults.error_code)).encode()
        return 200, self._completion(body, raw, fault)

    def authorised(self, request: web.Request) -> bool:
        """Whether the request has the key."""
        key = self.faults.key
        sent = request.headers.get("api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        return key is None or sent == key

    def _refusal(self, request: web.Request, body: dict[str, Any]) -> str | None:
        """What the server says to this request whatever its faults: key, model, mode of answers, true rate limit."""
        if not self.authorised(request):
            return "401"
        if self.faults.models and request.match_info.get("model", body["model"]) not in self.faults.models:
            return "404"
        if unsupported := self._unsupported(body):
            return unsupported
        if self.faults.per_second:
            now = time.monotonic()
            self.window = [t for t in self.window if now - t < 1]
            if len(self.window) >= self.faults.per_second:
                return "429"
            self.window.append(now)
        return None

    def _unsupported(self, body: dict[str, Any]) -> str | None:
        kind = body.get("response_format", {}).get("type", "text")
        ranks = ("text", "json_object", "json_schema")
        known = self.faults.answers
        return "400" if known != "ignored" and ranks.index(kind) > ranks.index(known) else None

    def _completion(self, body: dict[str, Any], raw: bytes, fault: str | None) -> bytes:
        digest = hashlib.blake2b(raw, digest_size=8, key=self.seed.to_bytes(8, "big")).digest()
        draw = random.Random(int.from_bytes(digest, "big"))
        schema = _schema_of(body, ignored=self.faults.answers == "ignored")
        text = _text(body, draw) if schema is None else json.dumps(_answer(schema, body, draw))
        if fault == "prose":
            text = PROSE
        elif fault == "fence":
            text = f"Sure! Here it is:\n```json\n{text}\n```\nHope this helps."
        elif fault in ("empty", "refuse", "filter"):
            text = ""
        elif fault == "cut":
            text = text[: len(text) // 2]
        tokens_in, tokens_out = max(1, len(raw) // 4), max(1, len(text) // 4)
        self.tokens += tokens_in + tokens_out
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if fault == "refuse":
            message |= {"content": None, "refusal": "I cannot help with that."}
        finish = {"cut": "length", "filter": "content_filter"}.get(fault or "", "stop")
        completion = {
            "id": f"chatcmpl-{digest.hex()}",
            "object": "chat.completion",
            "created": 0,
            "model": f"{body['model']}-fake",
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
            "usage": {
                "prompt_tokens": tokens_in,
                "completion_tokens": tokens_out,
                "total_tokens": tokens_in + tokens_out,
            },
        }
        if fault == "odd":
            completion["model"] = "m\x00\ud800"
            message["content"] = json.dumps(json.loads(text) | {"question": "NUL \x00 and half \ud800 a pair"})
        if fault == "no_usage":
            del completion["usage"]
        return json.dumps(completion).encode()

    async def _broken(self, request: web.Request, fault: str, completion: bytes) -> web.StreamResponse:
        assert request.transport is not None
        if fault == "drop":
            request.transport.close()
            return web.Response()
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "truncate":
            return web.Response(body=completion[: len(completion) // 2], content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(completion)
        await response.prepare(request)
        pieces = 10
        for at in range(pieces):
            size = -(-len(completion) // pieces)
            await response.write(completion[at * size : (at + 1) * size])
            await asyncio.sleep(self.faults.slow_s / pieces)
        return response


def _text(body: dict[str, Any], draw: random.Random) -> str:
    known = experts.solution(body) if str(body["model"]).startswith("expert") else None
    return solutions.answer(body, draw) if known is None else known


def _answer(schema: dict[str, Any], body: dict[str, Any], draw: random.Random) -> Any:
    if schema.get("title") == "tests":
        return solutions.tests(body)
    if schema.get("title") in ("ratings", "verdict", "placement") and str(body["model"]).startswith("expert"):
        rated = experts.rating(body, str(schema["title"]))
        if rated:
            return rated
    known = trees.ANSWERS.get(schema.get("title", ""))
    return known(schema, draw) if known else answers.value(schema, draw)


def _schema_of(body: dict[str, Any], *, ignored: bool) -> dict[str, Any] | None:
    """The schema asked for: by response format, or as the JSON object after its marker in a text, in weaker modes."""
    chosen = body.get("response_format", {})
    if chosen.get("type") == "json_schema" and not ignored:
        return dict(chosen["json_schema"]["schema"])
    marker = "JSON schema:\n"
    first = str(body["messages"][0]["content"])
    return dict(json.JSONDecoder().raw_decode(first.partition(marker)[2])[0]) if marker in first else None


def _error(fault: str, code: str | None, headers: dict[str, str]) -> web.Response:
    return web.json_response(_message(fault, code), status=STATUS.get(fault) or int(fault), headers=headers)


def _message(fault: str, code: str | None) -> dict[str, Any]:
    message, kind, usual = MESSAGES.get(fault, ("The server had an error.", "server_error", "server_error"))
    if fault == "400" and code is None:
        message, usual = "'response_format' of type 'json_schema' is not supported with this model.", "unsupported"
    return {"error": {"message": message, "type": kind, "param": None, "code": code or usual}}


async def serve(endpoint: FakeEndpoint, port: int) -> None:
    """Serve on loopback until terminated, or until standard input closes: no server outlives the one who started it."""
    runner = web.AppRunner(endpoint.app(), access_log=None, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=4096, reuse_address=True)
    await site.start()
    port = runner.addresses[0][1]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{port}/v1", "root": f"http://127.0.0.1:{port}"}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    signal.raise_signal(signal.SIGTERM)


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", type=json.loads, default={}, help="JSON object: fields of Faults")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    options = parser.parse_args()
    faults = Faults(latency=options.latency)
    faults.update(options.faults)
    if options.with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(serve(FakeEndpoint(faults, options.seed), options.port))
