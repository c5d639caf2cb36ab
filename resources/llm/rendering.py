"""The identity of a request and its body as sent."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evergrow.resources.llm.capabilities import Capabilities
from evergrow.resources.llm.requests import Request
from evergrow.resources.settings import models

BOUNDS = (
    *("minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "format", "default", "title"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minProperties", "maxProperties"),
)
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
class Asked:
    """Which answer is asked for, and how: what the endpoint takes, the draw, and the answer it should mend."""

    takes: Capabilities
    draw: int
    repair: Repair | None


def request_key(request: Request, role: models.Role) -> str:
    """The identity of `request`: a hash of everything that changes its answer, and of nothing else.

    That is the system and user texts, the model, temperature, token limit, schema and slot. Which endpoint serves the
    model, and by which means it is held to the schema, is left out: an answer stays valid when traffic moves.
    """
    identity = [
        KEY_SCHEME,
        role.model,
        _temperature(request, role),
        role.max_tokens,
        request.schema,
        request.slot,
        request.system,
        request.user,
    ]
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_CHARS]


def call_id(key: str, draw: int, turn: int) -> str:
    """The ledger's key of one paid answer: the request's identity, the draw, and `r` for its repair turn."""
    return f"{key}-{draw}{'r' if turn else ''}"


def body(request: Request, role: models.Role, endpoint: models.Endpoint, asked: Asked) -> str:
    """The JSON body of a chat completion for `request`, as sent and as kept in the ledger (ASCII only)."""
    takes = asked.takes
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
    if request.schema is not None and takes.mode == "json_schema":
        shape = request.schema if takes.keywords else without_bounds(request.schema)
        schema = {"name": _name(request.schema), "schema": shape, "strict": _is_strict(request.schema)}
        parameters["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif request.schema is not None and takes.mode == "json_object":
        parameters["response_format"] = {"type": "json_object"}
    return json.dumps(parameters, separators=(",", ":"))


def prompt_bytes(request: Request, repair: Repair | None) -> int:
    """Bytes of the prompt in any mode: the most tokens it can have, for no token is shorter than a byte."""
    texts = [request.system, request.user]
    if request.schema is not None:
        texts += [SCHEMA_INSTRUCTION, json.dumps(request.schema)]
    if repair:
        texts += [repair.answer, REPAIR_INSTRUCTION, repair.reason]
    return TEMPLATE_BYTES + sum(len(text) if text.isascii() else len(text.encode(errors="replace")) for text in texts)


def _temperature(request: Request, role: models.Role) -> float | None:
    """The temperature that is sent, if any: there are models that take none."""
    return role.temperature if role.temperature is None or request.temperature is None else float(request.temperature)


def without_bounds(schema: object) -> Any:  # noqa: ANN401 - any JSON value
    """A schema without the keywords that bound lengths, counts and numbers, which many servers do not know."""
    if isinstance(schema, Mapping):
        return {
            name: {key: without_bounds(part) for key, part in value.items()}
            if name == "properties" and isinstance(value, Mapping)
            else without_bounds(value)
            for name, value in schema.items()
            if name not in BOUNDS
        }
    return [without_bounds(part) for part in schema] if isinstance(schema, list | tuple) else schema


def _messages(request: Request, takes: Capabilities, repair: Repair | None) -> list[dict[str, str]]:
    system, user = request.system, request.user
    if request.schema is not None and takes.mode != "json_schema":
        system = f"{system}\n\n{SCHEMA_INSTRUCTION}{json.dumps(request.schema)}".strip()
    if system and not takes.system:
        system, user = "", f"{system}\n\n{user}"
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": user})
    if repair:
        messages.append({"role": "assistant", "content": repair.answer})
        messages.append({"role": "user", "content": REPAIR_INSTRUCTION.format(reason=repair.reason)})
    return messages


def _name(schema: Mapping[str, object]) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", str(schema.get("title", "answer")))[:64]


def _is_strict(node: object) -> bool:
    """Whether OpenAI's strict mode takes the schema: every object closed, and each of its properties required."""
    if isinstance(node, Mapping):
        properties = node.get("properties")
        if isinstance(properties, Mapping) and (
            node.get("additionalProperties") is not False or set(properties) != set(node.get("required", ()))
        ):
            return False
        return all(_is_strict(part) for part in node.values())
    return all(_is_strict(part) for part in node) if isinstance(node, list | tuple) else True
