"""Sends a body to one endpoint over HTTP and returns the reply or the fault; what comes back is bounded.

Importing aiohttp takes a while: import this module only where something is to be sent.
"""

import asyncio
import json
import ssl
import time
import zlib
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from evergrow.methods.text.answers import excerpt
from evergrow.resources.llm.addresses import NO_KEY, Address
from evergrow.resources.llm.decoding import Undecodable, decoded, values
from evergrow.resources.llm.faults import NO_ANSWER, Fault, FaultClass, fault_of_response
from evergrow.resources.llm.reply import NotACompletion, Reply, read_completion
from evergrow.resources.settings.endpoints import Endpoint

CONNECT_S = 10.0
MOST_BODY = 16 * 2**20  # bytes of a reply, inflated; more is no chat completion
MOST_ERROR = 64 * 2**10  # bytes of an error's body: its words come first
MOST_REDIRECTS = 3
What = Literal["chat/completions", "embeddings"]
OK = 200
_REDIRECTS = (301, 302, 303, 307, 308)
_ENDED = b"data: [DONE]"
_ERRORS = (TimeoutError, aiohttp.ClientError, ssl.SSLError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class _Got:
    """An HTTP answer, whatever its status."""

    status: int
    text: str
    headers: "CIMultiDictProxy[str]"


class Transport:
    """Sends chat completions to one endpoint. Retries, limits and prices are others' work."""

    def __init__(self, name: str, endpoint: Endpoint, address: Address) -> None:
        self.name, self.endpoint, self.base_url = name, endpoint, address.shown
        parts = urlsplit(address.base_url)
        self._base = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl().rstrip("/")
        self._query = parts.query
        self.address = address
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if endpoint.kind == "azure":
            self._base += "/openai"
            self._query = "&".join(filter(None, (self._query, f"api-version={quote(endpoint.api_version)}")))
            headers["api-key"] = address.api_key
        elif address.api_key == NO_KEY and parts.username is not None:
            headers["Authorization"] = aiohttp.encode_basic_auth(unquote(parts.username), unquote(parts.password or ""))
        else:
            headers["Authorization"] = f"Bearer {address.api_key}"
        self._timeout_s = endpoint.timeout_s
        self._headers = headers
        self._urls: dict[str, URL] = {}
        self._open: aiohttp.ClientSession | None = None

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._open is None:
            self._open = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.endpoint.concurrency, keepalive_timeout=30),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT_S, self._timeout_s)),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                auto_decompress=False,  # it would inflate without a bound
                # It reads the environment and ~/.netrc anew, in two threads, for every request.
                trust_env=_proxied(self._base),
            )
        return self._open

    async def close(self) -> None:
        """Close every connection."""
        if self._open is not None:
            await self._open.close()

    async def complete(self, body: str, model: str, what: What = "chat/completions") -> Reply | Fault:
        """Ask for one chat completion, or vectors, with the JSON text `body`, within the endpoint's `timeout_s`."""
        azure = self.endpoint.kind == "azure"
        path = f"/deployments/{quote(model, safe='')}/{what}" if azure else f"/{what}"
        started = time.perf_counter()
        got = await self._send("POST", path, body.encode(), self._timeout_s)
        if isinstance(got, Fault):
            return got
        if got.status != OK:
            return fault_of_response(got.status, got.text, got.headers)
        completion = read_completion(got.text)
        if isinstance(completion, NotACompletion):
            return _not_a_completion(completion, got)
        return Reply(got.text, completion, time.perf_counter() - started, got.headers)

    async def models(self) -> list[str] | Fault:
        """The models that the endpoint lists, which costs nothing; a fault where it refuses or cannot be reached."""
        got = await self._send("GET", "/models", None, min(self._timeout_s, CONNECT_S))
        if isinstance(got, Fault):
            return got
        if got.status != OK:
            return fault_of_response(got.status, got.text, got.headers)
        try:
            (listed,) = values(got.text)
            return [str(entry["id"]) for entry in listed["data"]]
        except (ValueError, TypeError, LookupError):
            return []

    async def _send(self, method: str, path: str, body: bytes | None, within_s: float) -> _Got | Fault:
        if (url := self._urls.get(path)) is None:
            url = self._urls[path] = URL(f"{self._base}{path}{f'?{self._query}' if self._query else ''}", encoded=True)
        try:
            async with asyncio.timeout(within_s):
                for _ in range(MOST_REDIRECTS + 1):
                    async with self._session.request(method, url, data=body, allow_redirects=False) as response:
                        if response.status not in _REDIRECTS:
                            return await self._read(response)
                        target = url.join(URL(response.headers.get("Location", ""), encoded=True))
                        if target.origin() != url.origin():
                            return _astray(response.status, target)
                        url = target
                return Fault(FaultClass.ENDPOINT, f"it redirects more than {MOST_REDIRECTS} times", response.status)
        except _ERRORS as error:
            return self._fault(error, within_s)

    async def _read(self, response: aiohttp.ClientResponse) -> _Got | Fault:
        """The answer with its body, inflated within bounds and with no secret in it."""
        good = response.status == OK
        most = MOST_BODY if good else MOST_ERROR
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding in ("identity", "", "none", "utf-8"):
            inflate = None
        elif encoding in ("gzip", "x-gzip", "deflate"):
            inflate = _Inflate(most)
        else:
            response.close()
            return Fault(
                FaultClass.REJECTED, f"its answer is encoded as {excerpt(encoding, 20)!r}, which nobody asked for"
            )
        stream = response.content_type == "text/event-stream"
        found = bytearray()
        async for chunk in response.content.iter_any():
            found += chunk if inflate is None else inflate.more(chunk)
            if len(found) > most or (stream and _ENDED in found[-len(chunk) - len(_ENDED) :]):
                response.close()  # else the rest of an endless body would be read before the connection is used again
                break
        if len(found) > most and good:
            size = f"{MOST_BODY // 2**20} MiB"
            return Fault(FaultClass.REJECTED, f"its answer is larger than {size}", response.status, maybe_billed=True)
        try:
            text = decoded(bytes(found[:most]), response.headers.get("Content-Type", ""))
        except Undecodable as error:
            if good:
                return Fault(FaultClass.TRANSIENT, f"its answer cannot be read: {error}", OK, maybe_billed=True)
            text = found[:most].decode("ascii", "ignore")  # the words of an error, not of an answer
        return _Got(response.status, self.address.masked(text), response.headers)

    def _fault(self, error: Exception, within_s: float) -> Fault:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
            return Fault(FaultClass.TRANSIENT, f"{NO_ANSWER} {within_s:g} s", maybe_billed=True)
        unsent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.InvalidURL | ssl.SSLError)
        message = self.address.masked(f"{type(cause).__name__}: {cause}".strip(" :"))
        return Fault(FaultClass.TRANSIENT, excerpt(message, 300), maybe_billed=not unsent)


def _proxied(url: str) -> bool:
    """Whether the environment names a proxy by which `url` is to be reached."""
    parts = urlsplit(url)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")


class _Inflate:
    """Inflates a body as it comes, and never more than a byte beyond `most`."""

    def __init__(self, most: int) -> None:
        self._left = most + 1
        self._inflater = zlib.decompressobj(wbits=47)  # gzip or zlib, by its header
        self._begun = False

    def more(self, chunk: bytes) -> bytes:
        """What `chunk` adds.

        Raises:
            ValueError: it is not compressed as was said.
        """
        if self._left <= 0:
            return b""
        try:
            found = self._inflater.decompress(chunk, self._left)
        except zlib.error as error:
            if self._begun:
                raise ValueError(f"its answer is not compressed as it says: {error}") from error
            self._inflater = zlib.decompressobj(wbits=-15)  # deflate without a header, as some servers mean it
            try:
                found = self._inflater.decompress(chunk, self._left)
            except zlib.error:
                raise ValueError(f"its answer is not compressed as it says: {error}") from error
        self._begun = True
        self._left -= len(found)
        return found


def _astray(status: int, target: URL) -> Fault:
    host = excerpt(f"{target.scheme}://{target.host}", 100)
    message = f"HTTP {status}: it redirects to {host}, another server, which gets neither prompts nor key"
    return Fault(FaultClass.ENDPOINT, f"{message}; set base_url to where it really is", status)


def _not_a_completion(found: NotACompletion, got: _Got) -> Fault:
    if found.status is None:
        return Fault(FaultClass.TRANSIENT, found.message, OK, maybe_billed=True)
    body = got.text if found.error is None else json.dumps(found.error)
    return fault_of_response(found.status, body, got.headers)
