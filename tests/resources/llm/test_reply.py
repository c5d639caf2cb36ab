import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.llm.reply import Completion, NotACompletion, read_completion


def body(message: dict[str, Any], **fields: Any) -> str:
    return json.dumps({"model": "m", "choices": [{"message": message, "finish_reason": "stop"}], **fields})


def completion(message: dict[str, Any], **fields: Any) -> Completion:
    found = read_completion(body(message, **fields))
    assert isinstance(found, Completion)
    return found


def test_text_model_and_usage_are_read() -> None:
    usage: dict[str, Any] = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}}

    found = completion({"content": "hi"}, usage=usage)

    assert found == Completion("hi", None, "stop", "m", 9, 3, 4)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "a"}, {"type": "output_text", "text": "b"}], "ab"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}], "a"),
        ("<think>hm {no}</think>{}", "{}"),
        ("say '</think>' twice", "say '</think>' twice"),
        ({"type": "text", "text": "a"}, "a"),
        (["a", "b"], "ab"),
    ],
)
def test_content_in_its_usual_shapes(content: object, text: str) -> None:
    found = completion({"content": content})

    assert found.text == text
    assert found.fault is None


@pytest.mark.parametrize(
    ("message", "finish", "fault"),
    [
        ({"content": None}, "stop", "the answer is empty"),
        ({"content": 7}, "stop", "the answer is empty"),
        ({"content": " "}, None, "the answer is empty"),
        ({"content": None, "reasoning_content": "so"}, "stop", "the model thought, but did not answer"),
        ({"content": "", "reasoning": "so"}, "length", "cut off at its token limit while the model still thought"),
        ({"content": "half"}, "length", "the answer was cut off at its token limit"),
        ({"content": "half"}, "MAX_TOKENS", "the answer was cut off at its token limit"),
        ({"content": "half"}, "error", "the answer broke off: finish_reason is 'error'"),
        ({"content": "half"}, "unheard_of", "the answer broke off: finish_reason is 'unheard_of'"),
        ({"content": "<think>never"}, "stop", "thoughts do not end"),
        ({"content": None, "tool_calls": [{"id": "x"}]}, "tool_calls", "called a tool"),
        ({"content": "x" * (2**20 + 1)}, "stop", "longer than 1,048,576 characters"),
    ],
)
def test_half_an_answer_or_none_is_no_answer(message: dict[str, Any], finish: str | None, fault: str) -> None:
    found = read_completion(json.dumps({"choices": [{"message": message, "finish_reason": finish}]}))

    assert isinstance(found, Completion)
    assert fault in (found.fault or "")


@pytest.mark.parametrize("finish", ["stop", "end_turn", "STOP", "eos_token", None, "", "stop_sequence", "tool_calls"])
def test_an_answer_that_ended_by_itself_is_one(finish: str | None) -> None:
    found = read_completion(json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": finish}]}))

    assert isinstance(found, Completion)
    assert found.fault is None


@pytest.mark.parametrize(
    "message",
    [
        {"content": "hi", "reasoning_content": "so"},
        {"content": "hi", "reasoning": "so"},
        {"content": "hi", "reasoning": {"text": "so"}},
        {"content": "hi", "reasoning_details": [{"type": "reasoning.text", "text": "so"}]},
        {"content": "<think>so</think>hi"},
        {"content": "<think>so</think>hi", "reasoning_content": "so"},
        {"content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "hi"}]},
    ],
)
def test_thoughts_have_a_place_of_their_own(message: dict[str, Any]) -> None:
    found = completion(message)

    assert (found.text, found.thoughts) == ("hi", "so")


def test_of_several_choices_the_first_that_can_be_used_counts() -> None:
    choices = [
        {"index": 2, "message": {"content": "third"}, "finish_reason": "stop"},
        {"index": 0, "message": {"content": "hal"}, "finish_reason": "length"},
        {"index": 1, "message": {"content": "second"}, "finish_reason": "stop"},
    ]

    found = read_completion(json.dumps({"choices": choices}))

    assert isinstance(found, Completion)
    assert found.text == "second"


def chunks(*deltas: dict[str, Any], finish: str | None = "stop", done: bool = True) -> str:
    lines: list[Any] = [
        {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    lines.append({"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    lines.append({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}})
    return "".join(f"data: {json.dumps(line)}\n\n" for line in lines) + ("data: [DONE]\n\n" if done else "")


def test_a_stream_that_nobody_asked_for_is_read() -> None:
    found = read_completion(
        chunks({"role": "assistant", "reasoning_content": "so"}, {"content": "h"}, {"content": "i"})
    )

    assert found == Completion("hi", None, "stop", "m", 9, None, 4, thoughts="so")


def test_a_stream_that_ends_early_is_no_answer() -> None:
    assert isinstance(read_completion(chunks({"content": "h"}, finish=None, done=False)), NotACompletion)
    found = read_completion(chunks({"content": "h"}) + 'data: {"error": {"code": 502, "message": "gone"}}\n\n')
    assert isinstance(found, NotACompletion)
    assert found.status == 502


def test_a_page_with_200_is_named_by_its_title() -> None:
    found = read_completion("<!doctype html><title>Sign in to the portal</title>")

    assert isinstance(found, NotACompletion)
    assert "'Sign in to the portal'" in found.message


def test_an_error_within_a_choice_is_a_fault() -> None:
    choice = {"error": {"code": 503, "message": "upstream"}, "message": {"content": "hal"}, "finish_reason": "error"}

    found = read_completion(json.dumps({"choices": [choice]}))

    assert isinstance(found, NotACompletion)
    assert found.status == 503


def test_a_content_filter_counts_as_a_refusal() -> None:
    found = read_completion(json.dumps({"choices": [{"message": {}, "finish_reason": "content_filter"}]}))

    assert isinstance(found, Completion)
    assert found.refusal


@pytest.mark.parametrize(
    "usage",
    [
        *(None, [], {"prompt_tokens": -1, "completion_tokens": "4"}, {"prompt_tokens": True}),
        *({"prompt_tokens": 2**31, "completion_tokens": 2**64 - 1}, {"prompt_tokens": 1.5, "completion_tokens": 2.0}),
        *({"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": float("nan")}),
    ],
)
def test_usage_that_is_no_count_is_unknown(usage: object) -> None:
    found = completion({"content": "hi"}, usage=usage)

    assert found.tokens_in is None
    assert found.tokens_out is None


@pytest.mark.parametrize("text", ["", "{", "<html>", "[]", "{}", '{"choices": []}', '{"choices": [1]}', "[" * 10**5])
def test_other_bodies_are_no_completions(text: str) -> None:
    assert isinstance(read_completion(text), NotACompletion)


def test_an_error_object_within_a_success_keeps_its_status() -> None:
    found = read_completion('{"error": {"code": 429, "message": "slow down"}}')

    assert isinstance(found, NotACompletion)
    assert found.status == 429


JSON = st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))


@given(st.dictionaries(st.sampled_from(["choices", "usage", "model", "error"]), JSON), JSON, JSON)
def test_any_json_is_read_without_an_exception(data: dict[str, Any], choice: Any, message: Any) -> None:
    assert read_completion(json.dumps(data))
    assert read_completion(json.dumps(data | {"choices": [choice]}))
    assert read_completion(json.dumps(data | {"choices": [{"message": message}]}))
