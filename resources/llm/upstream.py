"""One endpoint in use: its client, what it admits, how it is held to a schema, and whether it can be used at all."""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergrow.resources.ledger import Ledger
from evergrow.resources.llm.admission import Admission, Ticket
from evergrow.resources.llm.capabilities import Capabilities, capabilities_of
from evergrow.resources.llm.faults import EndpointError, Fault, FaultClass
from evergrow.resources.llm.prompt_lengths import PromptLengths
from evergrow.resources.llm.remedies import remedy, unlisted
from evergrow.resources.llm.reply import Completion

if TYPE_CHECKING:
    from evergrow.resources.llm.transport import Transport

_log = logging.getLogger(__name__)
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

    def __init__(self, transport: "Transport", ledger: Ledger) -> None:
        self.transport = transport
        self.name = transport.name
        self.endpoint = transport.endpoint
        self.admission = Admission(transport.endpoint, time.monotonic())
        self.last_answer = time.monotonic()
        self.last_fault: Fault | None = None
        self.retired = False
        self._ledger = ledger
        self._takes: dict[str, Capabilities] = {}
        self._listed: list[str] = []
        self._lengths = PromptLengths()
        self._working: set[str] = set()
        self._disappointments: dict[str, int] = {}
        self._tokens_per_byte = START_TOKENS_PER_BYTE
        self._tokens_out: float | None = None

    async def close(self) -> None:
        """Close its connections."""
        await self.transport.close()

    async def check(self) -> None:
        """List its models, which costs nothing.

        Raises:
            EndpointError: nothing answers there, or the key is refused.
        """
        for last in [False] * (CONNECT_TRIES - 1) + [True]:
            listed = await self.transport.models()
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
            f"endpoint {self.name!r} at {self.transport.base_url} cannot be used: {fault.message} "
            f"({asked}key from {self.endpoint.api_key_env}); {remedy(fault, self.name, self.endpoint, role)}{near}",
            refused=fault.status is not None,
        )

    async def know(self, model: str) -> None:
        """Learn from the ledger what `model` was found to take here."""
        if model not in self._takes:
            known = await asyncio.to_thread(self._ledger.capabilities, self.transport.base_url, model)
            self._takes[model] = capabilities_of(self.endpoint, known)

    def takes(self, model: str) -> Capabilities:
        """What `model` takes of a request, as far as is known now."""
        return self._takes.get(model) or capabilities_of(self.endpoint)

    def adapt(self, model: str, tried: Capabilities, fault: Fault) -> bool:
        """Leave out what `fault` says is not taken; whether there is another way to ask now than `tried`."""
        if self.takes(model) != tried:
            return True  # another request has met the same fault meanwhile
        left = tried.without(fault, fixed_mode=self.endpoint.answers != "auto")
        if left is None:
            return False
        self._takes[model] = left
        self._working.discard(model)
        self._disappointments[model] = 0
        return True

    def disappoints(self, model: str, tried: Capabilities) -> None:
        """An answer was not in the form that was asked for. Servers that pass over a schema do so in silence."""
        if self.endpoint.answers == "auto" and model not in self._working and self.takes(model) == tried:
            self._disappointments[model] = self._disappointments.get(model, 0) + 1
            if self._disappointments[model] >= DISAPPOINTMENTS and (weaker := tried.weaker()):
                self._takes[model] = weaker
                self._disappointments[model] = 0

    def works(self, model: str, tried: Capabilities) -> bool:
        """An answer to what was asked so could be used; True if that was not known yet and is worth remembering."""
        new = model not in self._working and self.takes(model) == tried
        self._working.add(model)
        return new

    async def remember(self, model: str) -> None:
        """Keep for later runs what `model` takes here."""
        await asyncio.to_thread(
            self._ledger.remember_capabilities, self.transport.base_url, model, self.takes(model).text()
        )

    def wait_s(self, size: Size, now: float) -> float | None:
        """Seconds until it takes a request of this size, 0 if it does now; None if one has to come back first."""
        return None if self.retired else self.admission.wait_s(*self._estimate(size), now)

    def enter(self, size: Size, now: float) -> Ticket:
        """Take a place for a request."""
        return self.admission.enter(*self._estimate(size), now)

    def learn(self, size: Size, completion: Completion) -> None:
        """Learn from an answer how many tokens to expect."""
        self.last_answer = time.monotonic()
        if told := self._lengths.note(size.prompt_bytes, completion.tokens_in):
            _log.warning("endpoint %r at %s: %s", self.name, self.transport.base_url, told)
        if completion.tokens_in is not None and size.prompt_bytes:
            self._tokens_per_byte += LEARNING * (completion.tokens_in / size.prompt_bytes - self._tokens_per_byte)
        if completion.tokens_out is not None:
            before = completion.tokens_out if self._tokens_out is None else self._tokens_out
            self._tokens_out = before + LEARNING * (completion.tokens_out - before)

    def _estimate(self, size: Size) -> tuple[float, float]:
        out = float(size.max_tokens) if self._tokens_out is None else self._tokens_out
        return size.prompt_bytes * self._tokens_per_byte, min(out, size.max_tokens)
