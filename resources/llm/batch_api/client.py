"""The openai SDK for files and batches of one endpoint.

Importing the SDK takes longer than all else here: import this module only where something is to be sent.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import aiohttp
import httpx2
import openai

from evergrow.methods.text.answers import excerpt
from evergrow.resources.llm.addresses import Address
from evergrow.resources.llm.faults import NO_ANSWER, Fault, FaultClass, fault_of_response
from evergrow.resources.settings.endpoints import Endpoint

R = TypeVar("R")
CONNECT_S = 10.0

logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs a line per request


class BatchClient:
    """Speaks to the files and batches of one endpoint. Retries are others' work."""

    def __init__(self, name: str, endpoint: Endpoint, address: Address) -> None:
        self.name = name
        self.endpoint = endpoint
        self.base_url = address.shown
        self._address = address
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

    async def use(self, work: Callable[[openai.AsyncOpenAI], Awaitable[R]], within_s: float) -> R | Fault:
        """What `work` makes of the SDK, such as of its files and batches; a fault where the endpoint refuses."""
        try:
            async with asyncio.timeout(within_s):
                return await work(self._sdk)
        except (openai.OpenAIError, TimeoutError, aiohttp.ClientError, httpx2.HTTPError, ssl.SSLError) as error:
            fault = self._fault(error, within_s)
            return replace(fault, message=self._address.masked(fault.message))

    def _fault(self, error: Exception, within_s: float) -> Fault:
        if isinstance(error, openai.APIStatusError):
            return fault_of_response(error.status_code, error.response.text, error.response.headers)
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(error, TimeoutError):
            return Fault(FaultClass.TRANSIENT, f"{NO_ANSWER} {within_s:g} s", maybe_billed=True)
        unsent = isinstance(cause, ConnectionRefusedError | aiohttp.ClientConnectorError | ssl.SSLError)
        return Fault(
            FaultClass.TRANSIENT, excerpt(f"{type(cause).__name__}: {cause}".strip(" :"), 300), maybe_billed=not unsent
        )
