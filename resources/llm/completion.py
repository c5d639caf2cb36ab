"""Reads the body of a chat completion, alike when it comes and when the ledger kept it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evergrow.methods.text.answers import storable

_THINK_END = "</think>"


@dataclass(frozen=True, slots=True)
class Completion:
    """What a completion says. Token counts are None where the server told none."""

    text: str
    refusal: str | None
    finish_reason: str | None
    model: str | None
    tokens_in: int | None
    tokens_cached: int | None
    tokens_out: int | None

    @property
    def cut_off(self) -> bool:
        """Whether the answer ended at its token limit."""
        return self.finish_reason == "length"


@dataclass(frozen=True, slots=True)
class Reply:
    """A chat completion: the HTTP body as it came, what it says, how long it took, and its headers."""

    body: str
    completion: Completion
    latency_s: float
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NotACompletion:
    """An HTTP success whose body is none: cut short, HTML, or an error object (with its status, if it tells one)."""

    message: str
    status: int | None = None
    error: object = None


def read_completion(body: str) -> Completion | NotACompletion:
    """The completion in the HTTP body `body`."""
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        return NotACompletion(f"the answer is no JSON or ends early ({len(body)} characters)")
    if not isinstance(data, dict):
        return NotACompletion("the answer is no chat completion")
    error = data.get("error")
    choices = data.get("choices")
    if error or not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        code = error.get("code") if isinstance(error, dict) else None
        return NotACompletion("the answer has no choices", code if isinstance(code, int) else None, error)
    return _completion(data, choices[0])


def _completion(data: dict[str, Any], choice: dict[str, Any]) -> Completion:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    finish = choice.get("finish_reason")
    refusal = message.get("refusal")
    if finish == "content_filter" and not refusal:
        refusal = "stopped by the endpoint's content filter"
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    model = data.get("model")
    return Completion(
        text=_text(message.get("content")),
        refusal=storable(str(refusal)) if refusal else None,
        finish_reason=storable(str(finish)) if finish else None,
        model=storable(str(model)) if model else None,
        tokens_in=_count(usage.get("prompt_tokens")),
        tokens_cached=_count(details.get("cached_tokens")) if isinstance(details, dict) else None,
        tokens_out=_count(usage.get("completion_tokens")),
    )


def _text(content: object) -> str:
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    text = storable(content) if isinstance(content, str) else ""
    # Servers without a reasoning parser leave the model's thoughts before its answer.
    return text.partition(_THINK_END)[2] if text.lstrip().startswith("<think>") and _THINK_END in text else text


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
