"""Reads the body of a chat completion, alike when it comes live, from a Batch API, and from the ledger.

This is the one place where a raw reply becomes text: whatever families of models and servers put around an answer ends
here. What they thought is told apart from what they answered, and half an answer is told as such.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evergrow.methods.text.answers import excerpt, storable
from evergrow.methods.text.thoughts import spoken
from evergrow.resources.llm.decoding import DONE, is_page, page_title, values

MOST_TEXT = 2**20  # characters of an answer; a longer one is no answer
MOST_COUNT = 2**31  # tokens that a reply may tell; a larger count is a server's mistake, and would poison sums
MOST_NAME = 200
COMPLETE = {
    *("stop", "end_turn", "eos", "eos_token", "stop_sequence", "end", "done", "complete", "completed", "finished"),
    *("success", "finish", "end_of_text", "finish_reason_stop", "normal", ""),
}
CUT = {
    *(
        "length",
        "max_tokens",
        "max_output_tokens",
        "model_length",
        "token_limit",
        "max_length",
        "max_completion_tokens",
    ),
    *("model_context_window_exceeded", "context_length", "finish_reason_max_tokens", "incomplete"),
}
FILTERED = {
    *("content_filter", "content_filtered", "safety", "recitation", "prohibited_content", "blocklist", "spii"),
    *("refusal", "guardrail_intervened", "moderation", "sensitive", "blocked", "content-filter"),
}
_REASONING = ("reasoning_content", "reasoning", "thinking", "thoughts", "reasoning_text")
_THINKING_PARTS = ("thinking", "reasoning", "thought", "redacted_thinking", "reasoning_content")


@dataclass(frozen=True, slots=True)
class Completion:
    """What a completion says.

    text: the answer, without thoughts. thoughts: what the model thought before, "" if it told nothing.
    refusal: why the model or a filter declined, if one did. fault: why this is no answer, if it is none.
    finish_reason, model: as the server names them. Counts are None where the server told none that can be: whole
    numbers from 0 to 2^31; no tokens for a text that is there are as good as none told.
    vectors: what was answered in place of a text where vectors were asked for, unread; None if it is none of that.
    """

    text: str
    refusal: str | None = None
    finish_reason: str | None = None
    model: str | None = None
    tokens_in: int | None = None
    tokens_cached: int | None = None
    tokens_out: int | None = None
    tokens_thought: int | None = None
    thoughts: str = ""
    fault: str | None = None
    vectors: Sequence[object] | None = None

    @property
    def cut_off(self) -> bool:
        """Whether the answer ended at its token limit."""
        return _plain(self.finish_reason) in CUT

    @property
    def spent_on_thinking(self) -> bool:
        """Whether the whole token limit went into thoughts, so that another draw at the same limit would fare alike."""
        return self.cut_off and not self.text and bool(self.thoughts or self.tokens_thought)


@dataclass(frozen=True, slots=True)
class Reply:
    """A chat completion: the HTTP body as it came, what it says, how long it took, and its headers."""

    body: str
    completion: Completion
    latency_s: float
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NotACompletion:
    """An HTTP success whose body is none: cut short, a page, or an error object (with its status, if it tells one)."""

    message: str
    status: int | None = None
    error: object = None


def read_completion(body: str) -> Completion | NotACompletion:
    """The completion in the HTTP body `body`."""
    if is_page(body):
        title = page_title(body)
        return NotACompletion(f"the answer is a page{f' titled {title!r}' if title else ''}, no chat completion")
    try:
        found = values(body)
    except (ValueError, RecursionError):
        return NotACompletion(
            f"the answer is no JSON or ends early ({len(body)} characters, which begin {excerpt(body)!r})"
        )
    if len(found) == 1:
        return _read(found[0])
    return _read_stream(found)


def _read(data: object) -> Completion | NotACompletion:
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if not isinstance(data, dict):
        return NotACompletion("the answer is no chat completion")
    return _of_vectors(data) or _of_choices(data)


def _of_choices(data: Mapping[str, Any]) -> Completion | NotACompletion:
    choices = data.get("choices")
    error = data.get("error")
    if not isinstance(choices, list) or not (kept := [c for c in choices if isinstance(c, dict)]):
        if error or "detail" in data or "errors" in data:
            return NotACompletion("the answer has no choices", _status(error), data)
        return NotACompletion("the answer has no choices")
    if error:
        return NotACompletion("the answer is an error", _status(error), data)
    read = [_choice(data, choice) for choice in sorted(kept, key=_place)]
    for found in read:
        if isinstance(found, NotACompletion):
            return found
    complete = [found for found in read if isinstance(found, Completion)]
    # Of several choices the first that can be used counts.
    return next((found for found in complete if found.text and not found.fault and not found.cut_off), complete[0])


def _of_vectors(data: Mapping[str, Any]) -> Completion | None:
    """The answer to a request for vectors; None if it is no such answer. All its tokens are of the prompt."""
    items, usage = data.get("data"), data.get("usage")
    if "choices" in data or data.get("error") or not isinstance(items, list):
        return None
    if not all(isinstance(item, dict) and "embedding" in item for item in items):
        return None
    told: Mapping[str, Any] = usage if isinstance(usage, dict) else {}
    tokens = _count(told.get("prompt_tokens", told.get("input_tokens", told.get("total_tokens")))) or None
    out = None if tokens is None else 0
    return Completion("", model=_name(data.get("model")), tokens_in=tokens, tokens_out=out, vectors=items)


def _place(choice: Mapping[str, Any]) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _status(error: object) -> int | None:
    code = error.get("code") if isinstance(error, dict) else None
    code = error.get("status") if isinstance(error, dict) and not isinstance(code, int) else code
    return code if isinstance(code, int) and 400 <= code < 600 else None


def _choice(data: Mapping[str, Any], choice: Mapping[str, Any]) -> Completion | NotACompletion:
    if isinstance(choice.get("error"), dict):
        return NotACompletion("the answer broke off with an error", _status(choice["error"]), choice)
    message = choice.get("message")
    message = message if isinstance(message, dict) else {"content": choice.get("text")}
    return _completion(data, message, choice.get("finish_reason") or choice.get("stop_reason"))


def _completion(data: Mapping[str, Any], message: Mapping[str, Any], finish: object) -> Completion:
    content, parts = _content(message.get("content"))
    content = storable(content)
    said = spoken(content[: MOST_TEXT + 1])
    reason = _name(finish)
    refusal = message.get("refusal")
    refusal = storable(refusal) if isinstance(refusal, str) else None
    if _plain(reason) in FILTERED and not refusal:
        refusal = "stopped by the endpoint's content filter"
    found = Completion(
        text=said.text,
        refusal=refusal or None,
        finish_reason=reason,
        model=_name(data.get("model")),
        **_counts(data.get("usage"), said.text),
        thoughts=_thoughts(message, parts, said.thoughts),
    )
    fault = _fault(found, message, finished=said.finished, length=len(content))
    return found if fault is None else replace(found, fault=fault)


def _thoughts(message: Mapping[str, Any], parts: Sequence[str], said: str) -> str:
    """What the model thought, wherever the server puts it."""
    told = [*(_words(message[name]) for name in _REASONING if name in message), *parts, said]
    if not any(told):
        told.append(_words(message.get("reasoning_details")))
    thoughts = "\n\n".join(dict.fromkeys(part.strip() for part in told if part.strip()))
    return storable(thoughts[:MOST_TEXT])


def _fault(found: Completion, message: Mapping[str, Any], *, finished: bool, length: int) -> str | None:
    """Why a completion is no answer, None if it may be one: the first of these that is so."""
    reason, answered = _plain(found.finish_reason), bool(found.text.strip())
    ended = reason in COMPLETE or reason in FILTERED or (reason.startswith("tool") and answered)
    if answered and ended and finished and not found.cut_off and length <= MOST_TEXT:
        return None
    faults = (
        (length > MOST_TEXT, f"the answer is longer than {MOST_TEXT:,} characters"),
        (found.spent_on_thinking, "the answer was cut off at its token limit while the model still thought"),
        (found.cut_off, "the answer was cut off at its token limit"),
        (not finished, "the model's thoughts do not end, and no answer follows"),
        (
            not answered and bool(message.get("tool_calls") or message.get("function_call")),
            "the model called a tool instead of answering",
        ),
        (not ended, f"the answer broke off: finish_reason is {excerpt(found.finish_reason or '', 40)!r}"),
        (not answered and bool(found.thoughts), "the model thought, but did not answer"),
        (not answered, "the answer is empty"),
    )
    return next((words for holds, words in faults if holds), None)


def _plain(reason: str | None) -> str:
    return (reason or "").strip().lower()


def _name(value: object) -> str | None:
    return storable(str(value))[:MOST_NAME] if value else None


def _content(content: object) -> tuple[str, list[str]]:
    """The text of a message's content, and what parts of it are thoughts."""
    if isinstance(content, str):
        return content, []
    if isinstance(content, dict):
        content = [content]
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            thinks = part.get("type") in _THINKING_PARTS or part.get("thought") is True
            (thoughts if thinks else texts).append(_words(part))
    return "".join(texts), thoughts


def _words(value: object, depth: int = 0) -> str:
    """The text in a part of a message, or of thoughts: a string, an object that holds one, or a list of such."""
    if isinstance(value, str):
        return value
    if depth > 4:
        return ""
    if isinstance(value, list):
        return "".join(_words(part, depth + 1) for part in value)
    if isinstance(value, dict):
        keys = ("text", "thinking", "reasoning", "content", "summary", "value")
        return next((words for key in keys if (words := _words(value.get(key), depth + 1))), "")
    return ""


def _counts(usage: object, text: str) -> dict[str, Any]:
    """The counts that the server tells, of a completion that says `text`."""
    told: Mapping[str, Any] = usage if isinstance(usage, dict) else {}
    tokens_in = _count(told.get("prompt_tokens", told.get("input_tokens")))
    tokens_out = _count(told.get("completion_tokens", told.get("output_tokens")))
    into, out = told.get("prompt_tokens_details"), told.get("completion_tokens_details")
    return {
        "tokens_in": tokens_in or None,  # no prompt is empty
        "tokens_out": None if not tokens_out and (text or not tokens_in) else tokens_out,
        "tokens_cached": _count(into.get("cached_tokens")) if isinstance(into, dict) else None,
        "tokens_thought": _count(out.get("reasoning_tokens")) if isinstance(out, dict) else None,
    }


def _count(value: object) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and isinstance(value, int) and 0 <= value < MOST_COUNT else None


def _read_stream(chunks: Iterable[object]) -> Completion | NotACompletion:
    """The completion that a stream of chunks spells, though none was asked for; one that does not end is none."""
    content: list[str] = []
    thoughts: list[str] = []
    message: dict[str, Any] = {}
    data: dict[str, Any] = {}
    finish: object = None
    ended = False
    for chunk in chunks:
        if chunk == DONE:
            ended = True
            continue
        if not isinstance(chunk, dict):
            continue
        if chunk.get("error"):
            return NotACompletion("the answer broke off with an error", _status(chunk["error"]), chunk)
        data |= {name: chunk[name] for name in ("model", "usage") if chunk.get(name)}
        choices = [c for c in chunk.get("choices") or () if isinstance(c, dict) and _place(c) == 0]
        for choice in choices:
            delta = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
            if not isinstance(delta, dict):
                continue
            text, parts = _content(delta.get("content"))
            content.append(text)
            thoughts += [*parts, *dict.fromkeys(_words(delta.get(name)) for name in _REASONING)]
            message |= {n: delta[n] for n in ("tool_calls", "function_call") if delta.get(n)}
            if isinstance(delta.get("refusal"), str):
                message["refusal"] = str(message.get("refusal") or "") + delta["refusal"]
            finish = choice.get("finish_reason") or finish
    if not data and not content and not message:
        return NotACompletion("the answer is no chat completion")
    if finish is None and not ended:
        return NotACompletion("the stream of the answer ended early")
    message |= {"content": "".join(content), "reasoning_content": "".join(thoughts)}
    return _completion(data, message, finish)
