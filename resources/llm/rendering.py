"""The identity of a request and its body as sent."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from evergrow.resources.llm.capabilities import Capabilities
from evergrow.resources.llm.requests import Request
from evergrow.resources.llm.schemas import schema_of
from evergrow.resources.settings.endpoints import Endpoint
from evergrow.resources.settings.roles import Role

_quoted = json.encoder.encode_basestring_ascii
_compact = json.JSONEncoder(separators=(",", ":")).encode
KEY_SCHEME = 1
KEY_CHARS = 40
TEMPLATE_BYTES = 64  # what a chat template adds around the messages
DRAW_STRIDE = 1_000_003  # more slots than any parent has: seeds of different draws never meet
SCHEMA_INSTRUCTION = (
    "Answer with one JSON object and nothing else: no code fence, no explanation. It satisfies this JSON schema:\n"
)
REPAIR_INSTRUCTION = (
    "Your answer above cannot be used: {reason}. Answer the same question again, complete and in the required form, "
    "with nothing before or after it."
)


@dataclass(frozen=True, slots=True)
class Repair:
    """A faulty answer, and why it cannot be used."""

    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class AskedAnswer:
    """Which answer is asked for, and how: what the endpoint takes, the draw, and the answer it should mend."""

    takes: Capabilities
    draw: int
    repair: Repair | None


def request_key(request: Request, role: Role) -> str:
    """The identity of `request`: a hash of everything that changes its answer, and of nothing else.

    That is the system and user texts, the model, temperature, token limit, schema and slot. Which endpoint serves the
    model, and by which means it is held to the schema, is left out: an answer stays valid when traffic moves. Vectors
    do not: those of two models are never to be compared, and so their `space` counts.
    """
    how = _identity_of_settings(role.model, _temperature(request, role), role.max_tokens)
    if request.texts:
        asked = f"[{how},{_quoted(request.space)},{_compact(request.texts)}]"
        return hashlib.sha256(asked.encode()).hexdigest()[:KEY_CHARS]
    schema = "null" if request.schema is None else schema_of(request.schema).identity
    text = f"[{how},{schema},{request.slot},{_quoted(request.system)},{_quoted(request.user)}]"  # JSON, one list
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_CHARS]


@lru_cache(typed=True)
def _identity_of_settings(model: str | None, temperature: float | None, max_tokens: int) -> str:
    return _compact([KEY_SCHEME, model, temperature, max_tokens])[1:-1]


def call_id(key: str, draw: int, turn: int) -> str:
    """The ledger's key of one paid answer: the request's identity, the draw, and `r` for its repair turn."""
    return f"{key}-{draw}{'r' if turn else ''}"


def body(request: Request, role: Role, endpoint: Endpoint, asked: AskedAnswer) -> str:
    """The JSON body that asks `request`, as sent and as kept in the ledger (ASCII only)."""
    takes = asked.takes
    if request.texts:
        form = {"encoding_format": "base64"} if takes.base64 else {}  # a quarter of what numbers in digits take
        return _compact({"model": endpoint.model or role.model, "input": request.texts, **form})
    parameters: dict[str, Any] = {
        "model": endpoint.model or role.model,
        "messages": _messages(request, takes, asked.repair),
        takes.token_limit: role.max_tokens,
    }
    if takes.temperature and (temperature := _temperature(request, role)) is not None:
        parameters["temperature"] = temperature
    if takes.seed:
        parameters["seed"] = request.slot + DRAW_STRIDE * asked.draw
    if takes.stream:
        parameters["stream"] = True
        if takes.stream_usage:
            parameters["stream_options"] = {"include_usage": True}
    if request.schema is not None and takes.mode == "json_object":
        parameters["response_format"] = {"type": "json_object"}
    text = _compact(parameters)
    if request.schema is None or takes.mode != "json_schema":
        return text
    schema = schema_of(request.schema)
    return f'{text[:-1]},"response_format":{schema.format if takes.keywords else schema.format_without_bounds}}}'


def prompt_bytes(request: Request, repair: Repair | None) -> int:
    """Bytes of the prompt in any mode: the most tokens it can have, for no token is shorter than a byte."""
    texts = [request.system, request.user, *request.texts]
    if request.schema is not None:
        texts += [SCHEMA_INSTRUCTION, schema_of(request.schema).prompt]
    if repair:
        texts += [repair.answer, REPAIR_INSTRUCTION, repair.reason]
    return TEMPLATE_BYTES + sum(len(text) if text.isascii() else len(text.encode(errors="replace")) for text in texts)


def _temperature(request: Request, role: Role) -> float | None:
    """The temperature that is sent, if any: there are models that take none."""
    return role.temperature if role.temperature is None or request.temperature is None else float(request.temperature)


def _messages(request: Request, takes: Capabilities, repair: Repair | None) -> list[dict[str, str]]:
    system, user = request.system, request.user
    if request.schema is not None and takes.mode != "json_schema":
        system = f"{system}\n\n{SCHEMA_INSTRUCTION}{schema_of(request.schema).prompt}".strip()
    if system and not takes.system:
        system, user = "", f"{system}\n\n{user}"
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": user})
    if repair:
        messages.append({"role": "assistant", "content": repair.answer})
        messages.append({"role": "user", "content": REPAIR_INSTRUCTION.format(reason=repair.reason)})
    return messages
