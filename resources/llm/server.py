"""One endpoint in use: its client, what it admits, how it is held to a schema, and whether it can be used at all."""

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergrow.resources.ledger import Ledger
from evergrow.resources.llm.admission import Admission, Ticket
from evergrow.resources.llm.completion import Completion
from evergrow.resources.llm.faults import EndpointError, Fault, FaultClass
from evergrow.resources.llm.remedies import remedy, unlisted
from evergrow.resources.llm.rendering import MODES, Mode

if TYPE_CHECKING:
    from evergrow.resources.llm.client import Client

CONNECT_TRIES = 4
CONNECT_PAUSE_S = 0.5
DISAPPOINTMENTS = 3  # unusable answers, none usable before, after which a weaker mode is tried
LEARNING = 0.05
START_TOKENS_PER_BYTE = 0.3


@dataclass(frozen=True, slots=True)
class Size:
    """How large a request is: bytes of its prompt (the most tokens it can have) and its limit of answer tokens."""

    prompt_bytes: int
    max_tokens: int


class Server:
    """An endpoint with its state; shared by all roles and models that it serves."""

    def __init__(self, client: "Client", ledger: Ledger) -> None:
        self.client = client
        self.name = client.name
        self.endpoint = client.endpoint
        self.admission = Admission(client.endpoint, time.monotonic())
        self.last_answer = time.monotonic()
        self.last_fault: Fault | None = None
        self.retired = False
        self._ledger = ledger
        self._modes: dict[str, Mode] = {}
        self._listed: list[str] = []
        self._working: set[str] = set()
        self._disappointments: dict[str, int] = {}
        self._tokens_per_byte = START_TOKENS_PER_BYTE
        self._tokens_out: float | None = None

    async def close(self) -> None:
        """Close its connections."""
        await self.client.close()

    async def check(self) -> None:
        """List its models, which costs nothing.

        Raises:
            EndpointError: nothing answers there, or the key is refused.
        """
        for last in [False] * (CONNECT_TRIES - 1) + [True]:
            listed = await self.client.models()
            if not isinstance(listed, Fault):
                self._listed = listed if self.endpoint.kind == "openai" else []
                return
            if listed.kind is FaultClass.ENDPOINT and listed.status in (401, 402, 403):
                raise self.error(listed)
            if listed.status is not None:
                return  # it answers, though not to this question: the first request will tell
            if last:
                raise self.error(listed)
            await asyncio.sleep(CONNECT_PAUSE_S)

    def error(self, fault: Fault, model: str = "", role: str = "") -> EndpointError:
        """The one message that says which endpoint cannot be used, why, and what to do."""
        named = self.endpoint.model or model
        asked = f"model {named!r}, " if model else ""
        near = unlisted(named, self._listed) if model else ""
        return EndpointError(
            f"endpoint {self.name!r} at {self.client.base_url} cannot be used: {fault.message} "
            f"({asked}key from {self.endpoint.api_key_env}); {remedy(fault, self.name, self.endpoint, role)}{near}",
            refused=fault.status is not None,
        )

    async def know(self, model: str) -> None:
        """Learn from the ledger how `model` was found to be held to a schema here."""
        if self.endpoint.answers == "auto" and model not in self._modes:
            known = await asyncio.to_thread(self._ledger.answers_mode, self.client.base_url, model)
            self._modes[model] = next((mode for mode in MODES if mode == known), MODES[0])

    def mode(self, model: str) -> Mode:
        """How `model` is asked for answers by schema now."""
        return self._modes.get(model, MODES[0]) if self.endpoint.answers == "auto" else self.endpoint.answers

    def weaken(self, model: str, tried: Mode) -> bool:
        """Take note that `tried` is not known here; whether a weaker mode is left to try."""
        if self.endpoint.answers != "auto" or tried == MODES[-1]:
            return False
        if self.mode(model) == tried:
            self._modes[model] = MODES[MODES.index(tried) + 1]
            self._disappointments[model] = 0
        return True

    def disappoints(self, model: str, tried: Mode) -> None:
        """An answer in mode `tried` could not be used. Servers that pass over a schema do so in silence."""
        if model not in self._working and self.mode(model) == tried:
            self._disappointments[model] = self._disappointments.get(model, 0) + 1
            if self._disappointments[model] >= DISAPPOINTMENTS:
                self.weaken(model, tried)

    def works(self, model: str, mode: Mode) -> bool:
        """An answer in `mode` could be used; True if that was not known yet and is worth remembering."""
        new = self.endpoint.answers == "auto" and model not in self._working and self.mode(model) == mode
        self._working.add(model)
        return new

    async def remember(self, model: str) -> None:
        """Keep for later runs how `model` is held to a schema here."""
        await asyncio.to_thread(self._ledger.remember_answers_mode, self.client.base_url, model, self.mode(model))

    def wait_s(self, size: Size, now: float) -> float | None:
        """Seconds until it takes a request of this size, 0 if it does now; None if one has to come back first."""
        return None if self.retired else self.admission.wait_s(*self._estimate(size), now)

    def enter(self, size: Size, now: float) -> Ticket:
        """Take a place for a request."""
        return self.admission.enter(*self._estimate(size), now)

    def learn(self, size: Size, completion: Completion) -> None:
        """Learn from an answer how many tokens to expect."""
        self.last_answer = time.monotonic()
        if completion.tokens_in is not None and size.prompt_bytes:
            self._tokens_per_byte += LEARNING * (completion.tokens_in / size.prompt_bytes - self._tokens_per_byte)
        if completion.tokens_out is not None:
            before = completion.tokens_out if self._tokens_out is None else self._tokens_out
            self._tokens_out = before + LEARNING * (completion.tokens_out - before)

    def _estimate(self, size: Size) -> tuple[float, float]:
        out = float(size.max_tokens) if self._tokens_out is None else self._tokens_out
        return size.prompt_bytes * self._tokens_per_byte, min(out, size.max_tokens)
