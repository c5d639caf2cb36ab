"""What real servers and gateways do to chat completions: one switch each, as their issue trackers report it.

A quirk is given the request and the completion that a plain server would send, and makes its own answer of it. Those in
`STANDING` refuse what they do not know and pass over the rest; the others change every reply that they are drawn for.
"""

import copy
import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

DRAFT = "Hmm, the user wants a text. DRAFT: something else entirely. No, better."
BOUNDS = ("minItems", "maxItems", "minimum", "maximum", "minLength", "maxLength")


@dataclass(slots=True)
class Answer:
    """An HTTP answer; `endless` goes on for ever after its body."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    endless: bool = False


Asked = dict[str, Any]
Plain = dict[str, Any]
Quirk = Callable[[Asked, Plain], Answer | None]


def _json(value: object, **fields: Any) -> Answer:
    return Answer(json.dumps(value).encode(), **fields)


def _error(status: int, body: object, **headers: str) -> Answer:
    return _json(body, status=status, headers=headers)


def _text(plain: Plain) -> str:
    return str(plain["choices"][0]["message"]["content"])


def _content(change: Callable[[str], Any]) -> Quirk:
    """The content of the message changed."""

    def quirk(_: Asked, plain: Plain) -> Answer:
        plain["choices"][0]["message"]["content"] = change(_text(plain))
        return _json(plain)

    return quirk


def _message(**fields: Any) -> Quirk:
    """Fields of the message set."""

    def quirk(_: Asked, plain: Plain) -> Answer:
        plain["choices"][0]["message"] |= fields
        return _json(plain)

    return quirk


def _finish(reason: str | None, **message: Any) -> Quirk:
    """Another finish reason, and fields of the message set."""

    def quirk(_: Asked, plain: Plain) -> Answer:
        plain["choices"][0]["finish_reason"] = reason
        plain["choices"][0]["message"] |= message
        return _json(plain)

    return quirk


def _half(reason: str) -> Quirk:
    def quirk(asked: Asked, plain: Plain) -> Answer:
        text = _text(plain)
        plain["choices"][0]["finish_reason"] = reason
        plain["choices"][0]["message"]["content"] = text[: len(text) // 2]
        return _json(plain)

    return quirk


def _usage(usage: object) -> Quirk:
    def quirk(_: Asked, plain: Plain) -> Answer:
        plain["usage"] = usage
        return _json(plain)

    return quirk


def _bytes(change: Callable[[bytes], bytes], content_type: str = "application/json", **headers: str) -> Quirk:
    """The bytes of the body changed."""

    def quirk(_: Asked, plain: Plain) -> Answer:
        body = json.dumps(plain, ensure_ascii=False).encode()
        return Answer(change(body), content_type=content_type, headers=headers)

    return quirk


def _stream(plain: Plain, newline: str = "\n", *, done: bool = True, comments: bool = False) -> bytes:
    text = _text(plain)
    pieces = [text[at : at + 17] for at in range(0, len(text), 17)]
    base = {"object": "chat.completion.chunk", "model": plain["model"]}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)]
    events = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    if done:
        events.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        events.append({**base, "choices": [], "usage": plain.get("usage")})
    lines = [f"data: {json.dumps(event)}{newline}{newline}" for event in events]
    if comments:
        lines = [f": PROCESSING{newline}{newline}", *lines]
    return "".join([*lines, f"data: [DONE]{newline}{newline}" if done else ""]).encode()


def _streamed(**how: Any) -> Quirk:
    def quirk(_: Asked, plain: Plain) -> Answer:
        return Answer(_stream(plain, **how), content_type="text/event-stream")

    return quirk


def _choices(change: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> Quirk:
    def quirk(_: Asked, plain: Plain) -> Answer:
        plain["choices"] = change(plain["choices"][0])
        return _json(plain)

    return quirk


def _two(choice: dict[str, Any]) -> list[dict[str, Any]]:
    other = copy.deepcopy(choice)
    other |= {"index": 1}
    other["message"]["content"] = "another answer"
    return [other, choice]


def _cut_then_whole(choice: dict[str, Any]) -> list[dict[str, Any]]:
    half = copy.deepcopy(choice)
    half["message"]["content"] = half["message"]["content"][:3]
    half["finish_reason"] = "length"
    return [half, {**choice, "index": 1}]


def _refuses(named: str, status: int, body: object) -> Quirk:
    """Whether the request has the parameter `named`: it is refused with `body`."""

    def quirk(asked: Asked, _: Plain) -> Answer | None:
        return _error(status, body) if named in asked else None

    return quirk


def _system(asked: Asked, _: Plain) -> Answer | None:
    roles = [message["role"] for message in asked["messages"]]
    return (
        _error(400, {"object": "error", "message": "System role not supported", "code": 400})
        if "system" in roles
        else None
    )


def _keywords(asked: Asked, _: Plain) -> Answer | None:
    text = json.dumps(asked.get("response_format", {}))
    found = next((word for word in BOUNDS if f'"{word}"' in text), None)
    path = "generation_config.response_schema"
    message = f"Invalid JSON payload received. Unknown name \"{found}\" at '{path}': Cannot find field."
    return _error(400, [{"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}]) if found else None


def _formats(*known: str, body: object, status: int = 400) -> Quirk:
    """Only these ways of structured answers are known."""

    def quirk(asked: Asked, _: Plain) -> Answer | None:
        kind = asked.get("response_format", {}).get("type")
        return _error(status, body) if kind and kind not in known else None

    return quirk


def _stream_only(asked: Asked, plain: Plain) -> Answer:
    if not asked.get("stream"):
        message = "This model only support stream mode, please enable the stream parameter to access the model."
        return _error(400, {"error": {"message": message, "type": "invalid_request_error"}})
    return Answer(_stream(plain), content_type="text/event-stream")


def _key_echo(asked: Asked, plain: Plain) -> Answer:
    plain["model"] = f"proxied with {asked['_key']}"
    plain["debug"] = {"headers": {"authorization": f"Bearer {asked['_key']}"}}
    return _json(plain)


def _key_error(asked: Asked, _: Plain) -> Answer:
    return _error(400, {"detail": f"upstream refused Bearer {asked['_key']} for this request"})


THINKING: dict[str, Quirk] = {
    "think_tags": _content(lambda t: f"<think>\n{DRAFT}\n</think>\n\n{t}"),
    "think_upper": _content(lambda t: f"<THINK>{DRAFT}</THINK>{t}"),
    "think_end_only": _content(lambda t: f"{DRAFT}</think>{t}"),
    "think_empty": _content(lambda t: f"<think>\n\n</think>\n\n{t}"),
    "think_after_preamble": _content(lambda t: f"Sure.\n<think>{DRAFT}</think>{t}"),
    "think_then_answer_tags": _content(lambda t: f"<think>{DRAFT}</think><answer>{t}</answer>"),
    "thinking_tags": _content(lambda t: f"<thinking>\n{DRAFT}\n</thinking>\n{t}"),
    "thought_tags": _content(lambda t: f"<thought>{DRAFT}</thought>{t}"),
    "reasoning_tags": _content(lambda t: f"<reasoning>{DRAFT}</reasoning>{t}"),
    "solution_marks": _content(
        lambda t: f"<|begin_of_thought|>{DRAFT}<|end_of_thought|><|begin_of_solution|>{t}<|end_of_solution|>"
    ),
    "harmony_marks": _content(
        lambda t: (
            f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{t}<|return|>"
        )
    ),
    "harmony_stripped": _content(lambda t: f"analysis{DRAFT}assistantfinal{t}"),
    "kimi_marks": _content(lambda t: f"\u25c1think\u25b7{DRAFT}\u25c1/think\u25b7{t}"),
    "magistral_marks": _content(lambda t: f"[THINK]{DRAFT}[/THINK]{t}"),
    "magistral_parts": _content(
        lambda t: [{"type": "thinking", "thinking": [{"type": "text", "text": DRAFT}]}, {"type": "text", "text": t}]
    ),
    "seed_marks": _content(lambda t: f"<seed:think>{DRAFT}</seed:think>{t}"),
    "granite_words": _content(lambda t: f"Here is my thought process:\n{DRAFT}\nHere is my response:\n{t}"),
    "gemma_marks": _content(lambda t: f"<unused94>thought\n{DRAFT}<unused95>{t}"),
    "command_marks": _content(
        lambda t: f"<|START_THINKING|>{DRAFT}<|END_THINKING|><|START_RESPONSE|>{t}<|END_RESPONSE|>"
    ),
    "reasoning_content": _message(reasoning_content=DRAFT),
    "reasoning_field": _message(reasoning=DRAFT, reasoning_details=[{"type": "reasoning.text", "text": DRAFT}]),
}
FORMS: dict[str, Quirk] = {
    "content_parts": _content(lambda t: [{"type": "text", "text": t[:5]}, {"type": "text", "text": t[5:]}]),
    "end_mark": _content(lambda t: f"{t}<|im_end|>"),
    "run_on_turn": _content(lambda t: f"{t}<|im_end|>\n<|im_start|>user\nThank you!"),
    "eos_s": _content(lambda t: f"{t}</s>"),
    "two_choices": _choices(_two),
    "cut_then_whole": _choices(_cut_then_whole),
    "finish_eos": _finish("eos_token"),
    "finish_upper": _finish("STOP"),
    "finish_end_turn": _finish("end_turn"),
    "finish_null": _finish(None),
    "stream_unasked": _streamed(),
    "stream_crlf": _streamed(newline="\r\n"),
    "stream_comments": _streamed(comments=True),
    "comments_before": _bytes(lambda b: b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" + b),
    "utf8_mark": _bytes(lambda b: b"\xef\xbb\xbf" + b),
    "utf16": _bytes(lambda b: b.decode().encode("utf-16"), "application/json; charset=utf-16"),
    "latin1": _bytes(lambda b: b.decode().encode("latin-1", "ignore"), "application/json; charset=iso-8859-1"),
    "nul_padding": _bytes(lambda b: b"\x00" * 8 + b + b"\x00\x00"),
    "whitespace_before": _bytes(lambda b: b"\n \n \n" + b),
    "twice_encoded": _bytes(lambda b: json.dumps(b.decode()).encode()),
    "gzip": _bytes(gzip.compress, **{"Content-Encoding": "gzip"}),
    "deflate": _bytes(zlib.compress, **{"Content-Encoding": "deflate"}),
    "deflate_raw": _bytes(lambda b: zlib.compress(b)[2:-4], **{"Content-Encoding": "deflate"}),
    "text_plain": _bytes(lambda b: b, "text/plain"),
    "usage_zero": _usage({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
    "usage_null": _usage(None),
    "usage_huge": _usage({"prompt_tokens": 2**63 - 1, "completion_tokens": 2**64 - 1}),
    "usage_negative": _usage({"prompt_tokens": -1, "completion_tokens": -1}),
    "usage_strings": _usage({"prompt_tokens": "9", "completion_tokens": "4"}),
    "usage_floats": _usage({"prompt_tokens": 9.5, "completion_tokens": 1e300}),
    "usage_list": _usage([9, 4]),
    "prompt_cut": _usage({"prompt_tokens": 16, "completion_tokens": 40, "total_tokens": 56}),
    "key_echo": _key_echo,
}
REFUSALS: dict[str, Quirk] = {
    "refusal_words": _content(lambda _: "I'm sorry, but I can't assist with that request."),
    "refusal_field": _message(content=None, refusal="I cannot help with that."),
    "filter_finish": _finish("content_filter", content=None),
    "safety_finish": _finish("SAFETY", content=""),
}
NO_ANSWERS: dict[str, Quirk] = {
    "reasoning_only": _message(content=None, reasoning_content=DRAFT),
    "empty_content": _message(content=""),
    "thinks_without_end": _content(lambda t: f"<think>{DRAFT} {t}"),
    "tool_call": _finish("tool_calls", content=None, tool_calls=[{"id": "x", "type": "function"}]),
    "finish_error": _half("error"),
    "finish_unknown": _half("abort"),
    "finish_length": _half("length"),
    "huge_answer": _content(lambda t: t * (2 + 2**20 // max(len(t), 1))),
}
SPENT: dict[str, Quirk] = {"thinking_spends_budget": _finish("length", content=None, reasoning_content=DRAFT)}
NO_COMPLETIONS: dict[str, Quirk] = {
    "login_page": lambda _a, _p: Answer(b"<html><title>Sign in to the portal</title></html>", content_type="text/html"),
    "latin1_undeclared": _bytes(lambda b: b.replace(b"}", b"\xe9}", 1)),
    "stream_ends_early": _streamed(done=False),
    "error_in_200": lambda _a, _p: _json({"error": {"message": "upstream overloaded", "code": 503}}),
    "error_in_choice": _choices(lambda c: [{**c, "error": {"code": 502, "message": "Provider disconnected"}}]),
    "brotli_unasked": _bytes(lambda b: b, **{"Content-Encoding": "br"}),
    "gzip_bomb": _bytes(lambda _: gzip.compress(b" " * 2**26), **{"Content-Encoding": "gzip"}),
    "endless_body": lambda _a, _p: Answer(b'{"choices": [', endless=True),
    "endless_error": lambda _a, _p: Answer(b'{"error": "', status=400, endless=True),
    "key_error": _key_error,
    "redirect_elsewhere": lambda _a, _p: Answer(
        b"", 307, headers={"Location": "http://example.org/v1/chat/completions"}
    ),
}
STANDING: dict[str, Quirk] = {
    "no_max_tokens": _refuses(
        "max_tokens",
        400,
        {
            "error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                "type": "invalid_request_error",
                "param": "max_tokens",
                "code": "unsupported_parameter",
            }
        },
    ),
    "no_temperature": _refuses(
        "temperature",
        400,
        {
            "error": {
                "message": "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1)"
            }
        },
    ),
    "no_seed": _refuses("seed", 400, {"message": "Malformed input request: #: extraneous key [seed] is not permitted"}),
    "no_system_role": _system,
    "no_keywords": _keywords,
    "no_json_schema": _formats(
        *("json_object", "text"),
        status=422,
        body={
            "detail": [{"loc": ["body", "response_format", "type"], "msg": "Input should be 'text' or 'json_object'"}]
        },
    ),
    "no_response_format": _formats(
        body={"error": "json: cannot unmarshal object into Go struct field .response_format"}
    ),
    "no_response_format_raw": _formats(
        body={
            "error": {
                "message": "Provider returned error",
                "metadata": {"raw": '{"error":{"message":"response_format is not supported"}}'},
            }
        }
    ),
    "stream_only": _stream_only,
}
GOOD = THINKING | FORMS
QUIRKS: dict[str, Quirk] = GOOD | REFUSALS | NO_ANSWERS | SPENT | NO_COMPLETIONS | STANDING


def quirky(names: list[str], drawn: float, asked: Asked, completion: bytes) -> Answer | None:
    """What the quirks `names` make of a completion: every standing one refuses what it refuses, one other is drawn.

    drawn: from [0, 1), which says which of them.
    """
    for name in names:
        if name in STANDING and (answer := QUIRKS[name](asked, json.loads(completion))):
            return answer
    others = [name for name in names if name not in STANDING]
    return QUIRKS[others[int(drawn * len(others))]](asked, json.loads(completion)) if others else None
