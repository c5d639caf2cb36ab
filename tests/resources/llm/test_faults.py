import json
from pathlib import Path
from typing import Any

import pytest

from evergrow.resources.llm.faults import FaultClass, fault_of_response, retry_after

CASES = [
    (408, {}, "Request timeout", FaultClass.TRANSIENT),
    (409, {}, "Conflict", FaultClass.TRANSIENT),
    (421, {}, "Misdirected request", FaultClass.TRANSIENT),
    (423, {}, "Locked", FaultClass.TRANSIENT),
    (425, {}, "Too early", FaultClass.TRANSIENT),
    (500, {}, "The server had an error", FaultClass.TRANSIENT),
    (501, {}, "Not implemented", FaultClass.TRANSIENT),
    (502, {}, "<html>Bad gateway</html>", FaultClass.TRANSIENT),
    (503, {}, "Overloaded", FaultClass.TRANSIENT),
    (504, {}, "Gateway timeout", FaultClass.TRANSIENT),
    (429, {"code": "rate_limit_exceeded"}, "Rate limit reached", FaultClass.LIMIT),
    (498, {}, "Capacity exceeded", FaultClass.LIMIT),
    (529, {}, "Overloaded", FaultClass.LIMIT),
    (429, {"code": "insufficient_quota"}, "You exceeded your current quota", FaultClass.ENDPOINT),
    (401, {"code": "invalid_api_key"}, "Incorrect API key", FaultClass.ENDPOINT),
    (402, {}, "Insufficient credits", FaultClass.ENDPOINT),
    (403, {"code": "model_not_allowed"}, "No access", FaultClass.ENDPOINT),
    (404, {"code": "model_not_found"}, "The model does not exist", FaultClass.ENDPOINT),
    (405, {}, "Method not allowed", FaultClass.ENDPOINT),
    (407, {}, "Proxy authentication required", FaultClass.ENDPOINT),
    (400, {"code": "context_length_exceeded"}, "maximum context length is 8192 tokens", FaultClass.CONTEXT),
    (413, {}, "Request too large", FaultClass.CONTEXT),
    (400, {"code": "content_filter"}, "triggered Azure's content management policy", FaultClass.FILTERED),
    (403, {}, "Your input was flagged by moderation", FaultClass.FILTERED),
    (400, {}, "'response_format' of type 'json_schema' is not supported", FaultClass.ANSWERS),
    (422, {}, "extra field: response_format", FaultClass.ANSWERS),
    (500, {}, "failed to parse json_schema", FaultClass.ANSWERS),
    (400, {"code": "invalid_value"}, "Invalid value for temperature", FaultClass.REJECTED),
    (418, {}, "I am a teapot", FaultClass.REJECTED),
]


@pytest.mark.parametrize(("status", "fields", "message", "kind"), CASES)
def test_each_http_status_has_its_class(status: int, fields: dict[str, str], message: str, kind: FaultClass) -> None:
    fault = fault_of_response(status, json.dumps({"error": {"message": message, **fields}}), {})

    assert fault.kind is kind
    assert message in fault.message


BODIES = json.loads((Path(__file__).parent / "cases/error_bodies.json").read_text())


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case["name"])
def test_the_words_of_errors_of_every_form_are_found_and_classed(case: dict[str, Any]) -> None:
    body = case["body"] if isinstance(case["body"], str) else json.dumps(case["body"])

    fault = fault_of_response(case["status"], body, {})

    assert fault.kind == case["class"]
    assert "{" not in fault.message
    assert len(fault.message) > len("HTTP 400: ")


ABOUT = [
    (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens",
    ),
    (
        "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) is supported.",
        "temperature",
    ),
    ("Unrecognized request argument supplied: seed", "seed"),
    ("extra_forbidden: Extra inputs are not permitted, body.seed", "seed"),
    ("System role not supported", "system"),
    ("Conversation roles must alternate user/assistant/user/assistant/...", "system"),
    ("Developer instruction is not enabled for models/gemma-3-27b-it", "system"),
    ("This model only support stream mode, please enable the stream parameter to access the model.", "stream"),
    ("Stream must be set to true", "stream"),
    ("unknown field stream_options", "stream_options"),
]


@pytest.mark.parametrize(("words", "about"), ABOUT)
def test_what_of_a_request_is_not_taken_is_told(words: str, about: str) -> None:
    fault = fault_of_response(400, json.dumps({"error": {"message": words}}), {})

    assert (fault.kind, fault.about) == (FaultClass.PARAMETER, about)


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (400, "temperature must be between 0 and 1", FaultClass.REJECTED),
        (400, "max_tokens: 9000 > 8192, which is the maximum allowed", FaultClass.REJECTED),
        (400, "API key not valid. Please pass a valid API key.", FaultClass.ENDPOINT),
        (400, "The model `gpt-9` does not exist", FaultClass.ENDPOINT),
        (400, "model 'x' not found, try pulling it first", FaultClass.ENDPOINT),
        (429, "You have exceeded the daily limit of 50 requests per day", FaultClass.ENDPOINT),
        (429, "Rate limit reached for tokens per min (TPM)", FaultClass.LIMIT),
        (403, "Your request was flagged by our content policy", FaultClass.FILTERED),
        (400, "Requested tokens (5000) exceed context window of 4096", FaultClass.CONTEXT),
        (400, "the request exceeds the available context size, try increasing n_ctx", FaultClass.CONTEXT),
        (400, "The input token count (40000) exceeds the maximum number of tokens allowed", FaultClass.CONTEXT),
    ],
)
def test_words_decide_where_the_status_does_not(status: int, words: str, kind: FaultClass) -> None:
    assert fault_of_response(status, json.dumps({"message": words}), {}).kind is kind


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "no message"),
        ("<html><title>504 Gateway Time-out</title>", "504 Gateway Time-out"),
        ("upstream connect error\x00", "upstream connect error"),
        ('"{\\"error\\": {\\"message\\": \\"inner\\"}}"', "inner"),
        ('{"error": "400: {\\"message\\": \\"inner\\"}"}', "400: inner"),
        ('{"fault": {"faultstring": "Invalid ApiKey"}}', "Invalid ApiKey"),
        (
            '{"error": {"message": "Provider returned error", "metadata": {"raw": "too many images"}}}',
            "too many images",
        ),
        ("x" * 5000, "x" * 199 + "…"),
        ('{"a": 1}', '{"a": 1}'),
        ("[" * 100_000, "[" * 199 + "…"),
    ],
)
def test_other_bodies_are_quoted_in_short(body: str, words: str) -> None:
    fault = fault_of_response(500, body, {})

    assert fault.kind is FaultClass.TRANSIENT
    assert fault.message == f"HTTP 500: {words}"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:10 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 10.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:29:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "x"}, None),
    ],
)
def test_the_wait_that_a_server_asks_for_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
