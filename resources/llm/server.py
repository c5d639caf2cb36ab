"""One endpoint in use: its client, what it admits, and how it is held to a schema."""

import asyncio
from typing import Self

from evergrow.resources.ledger import Ledger
from evergrow.resources.llm.client import Client
from evergrow.resources.llm.faults import EndpointError, Fault, FaultClass
from evergrow.resources.llm.rendering import MODES, Mode

CONNECT_TRIES = 4
CONNECT_PAUSE_S = 0.5


class Server:
    """An endpoint that was reached, with the number of its requests in flight."""

    def __init__(self, client: Client, ledger: Ledger, model: str) -> None:
        self.client = client
        self.name = client.name
        self.endpoint = client.endpoint
        self.model = client.endpoint.model or model
        self.in_hand = 0
        self.succeeded = False
        self._ledger = ledger
        self._found: Mode | None = None

    @classmethod
    async def reach(cls, client: Client, ledger: Ledger, model: str) -> Self:
        """The endpoint behind `client`, checked by listing its models, which costs nothing.

        Raises:
            EndpointError: nothing answers there, or the key is refused.
        """
        server = cls(client, ledger, model)
        try:
            await server._check()
        except BaseException:
            await client.close()
            raise
        if client.endpoint.answers == "auto":
            known = await asyncio.to_thread(ledger.answers_mode, client.base_url, server.model)
            server._found = next((mode for mode in MODES if mode == known), None)
        return server

    async def close(self) -> None:
        """Close its connections."""
        await self.client.close()

    @property
    def mode(self) -> Mode:
        """How it is asked for answers by schema now."""
        if self.endpoint.answers != "auto":
            return self.endpoint.answers
        return self._found or MODES[0]

    def weaken(self, tried: Mode) -> bool:
        """Take note that `tried` is not known there; whether a weaker mode is left to try."""
        if self.endpoint.answers != "auto" or tried == MODES[-1]:
            return False
        if self.mode == tried:
            self._found = MODES[MODES.index(tried) + 1]
        return True

    async def confirm(self, mode: Mode) -> None:
        """Remember for later runs that `mode` works, once."""
        if self.endpoint.answers == "auto" and not self.succeeded:
            self.succeeded = True
            await asyncio.to_thread(self._ledger.remember_answers_mode, self.client.base_url, self.model, mode)

    def error(self, fault: Fault) -> EndpointError:
        """The one message that says which endpoint cannot be used, why, and what to do."""
        variable = self.endpoint.api_key_env
        remedy = {
            401: f"set {variable} to a valid key",
            402: "top up the account",
            403: f"give the key in {variable} access to the model",
            404: "check the model's name and base_url (it usually ends in /v1)",
        }.get(fault.status or 0, "check base_url, and that the server runs")
        return EndpointError(
            f"endpoint {self.name!r} at {self.client.base_url} cannot be used: {fault.message} "
            f"(model {self.model!r}, key from {variable}); {remedy}"
        )

    async def _check(self) -> None:
        for last in [False] * (CONNECT_TRIES - 1) + [True]:
            listed = await self.client.models()
            if not isinstance(listed, Fault):
                return
            if listed.kind is FaultClass.ENDPOINT and listed.status in (401, 402, 403):
                raise self.error(listed)
            if listed.status is not None:
                return  # it answers, though not to this question: the first request will tell
            if last:
                raise self.error(listed)
            await asyncio.sleep(CONNECT_PAUSE_S)
