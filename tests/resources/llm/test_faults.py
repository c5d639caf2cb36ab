import pytest

from evergrow.resources.llm.faults import FaultClass, fault_of_status, retry_after

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
    fault = fault_of_status(status, {"message": message, **fields}, "", {})

    assert fault.kind is kind
    assert message in fault.message


@pytest.mark.parametrize("body", [None, "text", [1], {"message": None}, {"code": 7, "message": {"a": 1}}])
def test_odd_error_bodies_are_still_faults(body: object) -> None:
    fault = fault_of_status(500, body, "raw\x00text", {})

    assert fault.kind is FaultClass.TRANSIENT
    assert "\x00" not in fault.message


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
