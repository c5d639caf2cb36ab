import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.llm.completion import Completion, NotACompletion, read_completion


def body(message: dict[str, Any], **fields: Any) -> str:
    return json.dumps({"model": "m", "choices": [{"message": message, "finish_reason": "stop"}], **fields})


def completion(message: dict[str, Any], **fields: Any) -> Completion:
    found = read_completion(body(message, **fields))
    assert isinstance(found, Completion)
    return found


def test_text_model_and_usage_are_read() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}}

    found = completion({"content": "hi"}, usage=usage)

    assert found == Completion("hi", None, "stop", "m", 9, 3, 4)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        ("<think>hm {no}</think>{}", "{}"),
        ("say </think> twice", "say </think> twice"),
        (7, ""),
    ],
)
def test_content_in_its_usual_shapes(content: object, text: str) -> None:
    assert completion({"content": content}).text == text


def test_a_content_filter_counts_as_a_refusal() -> None:
    found = read_completion(json.dumps({"choices": [{"message": {}, "finish_reason": "content_filter"}]}))

    assert isinstance(found, Completion)
    assert found.refusal


@pytest.mark.parametrize("usage", [None, [], {"prompt_tokens": -1, "completion_tokens": "4"}, {"prompt_tokens": True}])
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
