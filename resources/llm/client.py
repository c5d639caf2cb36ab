"""One endpoint over the openai SDK: sends a body, returns the reply or the fault.

Importing the SDK takes longer than all else here: import this module only where something is to be sent.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import quote

import aiohttp
import httpx2
import openai

from evergrow.resources.llm.addresses import NO_KEY, Address
from evergrow.resources.llm.completion import NotACompletion, Reply, read_completion
from evergrow.resources.llm.faults import Fault, FaultClass, fault_of_status
from evergrow.resources.settings import models

R = TypeVar("R")
CONNECT_S = 10.0
JSON_HEADERS = {"Content-Type": "application/json"}

logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs a line per request


class Client:
    """Sends chat completions to one endpoint. Retries, limits and prices are others' work."""

    def __init__(self, name: str, endpoint: models.Endpoint, address: Address) -> None:
        self.name = name
        self.endpoint = endpoint
        self.base_url = address.shown
        self._key = address.api_key
        self._timeout_s = endpoint.timeout_s
        # aiohttp beneath the SDK: one shared httpx pool collapses above 32 requests in flight.
        http = openai.DefaultAioHttpClient(
            limits=httpx2.Limits(max_connections=endpoint.concurrency, keepalive_expiry=30),
            timeout=httpx2.Timeout(endpoint.timeout_s, connect=min(CONNECT_S, endpoint.timeout_s), pool=None),
        )
        if endpoint.kind == "azure":
            self._sdk: openai.AsyncOpenAI = openai.AsyncAzureOpenAI(
                azure_endpoint=address.base_url,
                api_version=endpoint.api_version,
                api_key=address.api_key,
                http_client=http,
                max_retries=0,
            )
        else:
            self._sdk = openai.AsyncOpenAI(
                base_url=address.base_url, api_key=address.api_key, http_client=http, max_retries=0
            )

    async def close(self) -> None:
        """Close every connection."""
        await self._sdk.close()

    async def complete(self, body: str, model: str) -> Reply | Fault:
        """Ask for one chat completion with the JSON text `body`, within the endpoint's `timeout_s`."""
        azure = self.endpoint.kind == "azure"
        path = f"/deployments/{quote(model, safe='')}/chat/completions" if azure else "/chat/completions"
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout_s):
                # The SDK's low level: its typed objects cost as much again as the request itself.
                response = await self._sdk.post(
                    path, cast_to=httpx2.Response, content=body.encode(), options={"headers": JSON_HEADERS}
                )
        except (openai.OpenAIError, TimeoutError, aiohttp.ClientError, httpx2.HTTPError, ssl.SSLError) as error:
            return self._fault(error)
        text = response.content.decode("utf-8", "replace")
        completion = read_completion(text)
        if isinstance(completion, NotACompletion):
            return self._not_a_completion(completion, text, response.headers)
        return Reply(text, completion, time.perf_counter() - started, response.headers)

    async def models(self) -> list[str] | Fault:
        """The models that the endpoint lists, which costs nothing; a fault where it refuses or cannot be reached."""
        try:
            async with asyncio.timeout(min(self._timeout_s, CONNECT_S)):
                response = await self._sdk.get("/models", cast_to=httpx2.Response)
            listed = response.json()["data"]
            return [str(entry["id"]) for entry in listed]
        except (openai.OpenAIError, TimeoutError, aiohttp.ClientError, httpx2.HTTPError, ssl.SSLError) as error:
            return self._fault(error)
        except (ValueError, TypeError, LookupError):
            return []

    async def use(self, work: Callable[[openai.AsyncOpenAI], Awaitable[R]], within_s: float) -> R | Fault:
        """What `work` makes of the SDK, such as of its files and batches; a fault where the endpoint refuses."""
        try:
            async with asyncio.timeout(within_s):
                return await work(self._sdk)
        except (openai.OpenAIError, TimeoutError, aiohttp.ClientError, httpx2.HTTPError, ssl.SSLError) as error:
            return self._fault(error)

    def _fault(self, error: Exception) -> Fault:
        if isinstance(error, openai.APIStatusError):
            fault = fault_of_status(error.status_code, error.body, error.message, error.response.headers)
            return self._without_key(fault)
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(error, TimeoutError):
            return Fault(FaultClass.TRANSIENT, f"no answer within {self._timeout_s:g} s", maybe_billed=True)
        unsent = isinstance(cause, ConnectionRefusedError | aiohttp.ClientConnectorError | ssl.SSLError)
        message = f"{type(cause).__name__}: {cause}".strip(" :")
        return self._without_key(Fault(FaultClass.TRANSIENT, message, maybe_billed=not unsent))

    def _not_a_completion(self, found: NotACompletion, text: str, headers: httpx2.Headers) -> Fault:
        if found.status is not None:
            return self._without_key(fault_of_status(found.status, found.error, text, headers))
        return Fault(FaultClass.TRANSIENT, found.message, 200, maybe_billed=True)

    def _without_key(self, fault: Fault) -> Fault:
        """Gateways echo keys in their messages; the ledger and the log must not hold one."""
        if self._key == NO_KEY or self._key not in fault.message:
            return fault
        message = fault.message.replace(self._key, "[key]")
        return Fault(fault.kind, message, fault.status, fault.retry_after_s, fault.maybe_billed)
