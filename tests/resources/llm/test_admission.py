import pytest

from evergrow.resources.llm.admission import LONGEST_PAUSE_S, Admission, Ticket, duration_s
from evergrow.resources.settings.endpoints import Endpoint


def admission(**limits: int) -> Admission:
    return Admission(Endpoint(**{"concurrency": 8, **limits}), now=0.0)


def enter(gate: Admission, now: float = 0.0, tokens_in: float = 10, tokens_out: float = 10) -> Ticket:
    assert gate.wait_s(tokens_in, tokens_out, now) == 0
    return gate.enter(tokens_in, tokens_out, now)


def test_a_full_endpoint_waits_for_a_request_to_come_back() -> None:
    gate = admission(concurrency=2)
    enter(gate)
    ticket = enter(gate)
    assert gate.wait_s(10, 10, 0.0) is None

    gate.answered(ticket, 10, 10, 0.0)
    gate.leave()

    assert gate.wait_s(10, 10, 0.0) == 0


@pytest.mark.parametrize("limit", ["requests_per_minute", "input_tokens_per_minute", "output_tokens_per_minute"])
def test_each_allowance_per_minute_makes_requests_wait(limit: str) -> None:
    amount = 1 if limit == "requests_per_minute" else 10
    gate = admission(concurrency=1000, **{limit: 60 * amount})
    enter(gate)
    enter(gate)

    assert gate.wait_s(10, 10, 0.0) == pytest.approx(1.0)
    assert gate.wait_s(10, 10, 1.0) == 0


def test_tokens_that_were_not_needed_are_given_back() -> None:
    gate = admission(output_tokens_per_minute=600)
    ticket = enter(gate, tokens_out=20)
    assert gate.wait_s(10, 20, 0.0) == pytest.approx(2.0)

    gate.answered(ticket, 10, 5, 0.0)

    assert gate.wait_s(10, 15, 0.0) == 0


def test_a_single_refusal_holds_nobody_else_back() -> None:
    gate = admission()
    ticket = enter(gate)

    assert not gate.refused(ticket, retry_after_s=30, now=0.0)

    assert gate.wait_s(10, 10, 0.0) == 0


def test_frequent_refusals_make_everybody_wait_as_long_as_the_server_says() -> None:
    gate, lowered = admission(), False
    while not lowered:
        lowered = gate.refused(enter(gate), retry_after_s=7, now=0.0)
        gate.leave()

    assert gate.wait_s(10, 10, 0.0) == 7
    assert gate.limit < 8


def test_a_used_up_allowance_in_the_headers_pauses_but_not_for_ever() -> None:
    gate = admission()
    gate.heed({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "9s"}, 0.0)
    assert gate.wait_s(10, 10, 0.0) == 0

    gate.heed({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m30s"}, 0.0)

    assert gate.wait_s(10, 10, 0.0) == LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("120ms", 0.12), ("1h2m3.5s", 3723.5), ("1.5", 1.5), ("", 0), ("soon", 0), ("-3", 0)],
)
def test_durations_of_rate_limit_headers_are_read(text: str, seconds: float) -> None:
    assert duration_s(text) == pytest.approx(seconds)
