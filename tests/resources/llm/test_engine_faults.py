import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Answered, Failed, Refused
from tests.conftest import FakeEndpoint
from tests.live import free_port
from tests.resources.llm.support import ask, ask_async, requests, settings


@pytest.mark.parametrize("status", ["408", "409", "425", "429", "500", "502", "503", "504", "529"])
def test_a_passing_http_error_is_tried_again(fake_endpoint: FakeEndpoint, ledger: Ledger, status: str) -> None:
    fake_endpoint.control(first={status: 2}, retry_after=0.05)

    asked = ask(settings(), ledger, requests(3))

    assert len(asked.of(Answered)) == 3
    assert asked.summary["retries"] == 2
    assert fake_endpoint.stats()["requests"] == 5


@pytest.mark.parametrize("fault", ["drop", "truncate"])
def test_a_connection_or_body_that_breaks_off_is_tried_again(
    fake_endpoint: FakeEndpoint, ledger: Ledger, fault: str
) -> None:
    fake_endpoint.control(first={fault: 2})

    asked = ask(settings(), ledger, requests(3))

    assert len(asked.of(Answered)) == 3
    assert asked.summary["retries"] == 2


@pytest.mark.parametrize("fault", ["hang", "slow"])
def test_an_answer_that_takes_longer_than_the_deadline_is_tried_again(
    fake_endpoint: FakeEndpoint, ledger: Ledger, fault: str
) -> None:
    fake_endpoint.control(first={fault: 1}, slow_s=30)

    asked = ask(settings({"timeout_s": 0.4}), ledger, requests(3))

    assert len(asked.of(Answered)) == 3
    assert asked.summary["retries"] == 1


def test_attempts_are_bounded_and_a_failed_request_is_a_row_that_a_rerun_asks_again(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(share={"500": 1.0}, only="number 1.", retry_after=0.01)

    asked = ask(settings({"attempts": 3}), ledger, requests(3))

    (failed,) = asked.of(Failed)
    assert failed.error_class == "transient"
    assert "HTTP 500" in failed.message
    call = ledger.call(failed.call_id)
    assert call is not None
    assert (call.attempts, call.error_class, call.reply, call.usd) == (3, "transient", None, None)

    fake_endpoint.control(share={})
    again = ask(settings(), ledger, requests(3))
    call = ledger.call(failed.call_id)
    assert call is not None
    assert len(again.of(Answered)) == 3
    assert (call.attempts, call.error_class) == (4, None)


@pytest.mark.parametrize("retry_after", [0.05, 3600])
def test_a_request_that_is_refused_for_ever_fails_at_its_deadline(
    fake_endpoint: FakeEndpoint, ledger: Ledger, retry_after: float
) -> None:
    fake_endpoint.control(share={"429": 1.0}, only="number 1.", retry_after=retry_after)

    asked = ask(settings({"deadline_s": 0.5}), ledger, requests(3))

    (failed,) = asked.of(Failed)
    call = ledger.call(failed.call_id)
    assert failed.error_class == "limit"
    assert call is not None
    assert call.attempts == fake_endpoint.stats()["outcomes"]["429"] >= 1
    assert len(asked.of(Answered)) == 2


def test_every_try_counts_in_the_row_weakened_modes_and_rate_limits_too(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(answers="text", first={"429": 3, "500": 1}, retry_after=0.01)

    (answer,) = ask(settings({"attempts": 2}), ledger, requests(1)).of(Answered)

    call = ledger.call(answer.call_id)
    assert call is not None
    assert call.attempts == fake_endpoint.stats()["requests"] == 2 + 3 + 1 + 1


@pytest.mark.parametrize(
    ("fault", "error_class"),
    [("400", "rejected"), ("422", "rejected"), ("413", "context_too_long"), ("context", "context_too_long")],
)
def test_a_request_that_cannot_succeed_fails_at_once_and_alone_and_the_next_run_asks_it_again(
    fake_endpoint: FakeEndpoint, ledger: Ledger, fault: str, error_class: str
) -> None:
    fake_endpoint.control(first={fault: 1}, error_code="invalid_value" if fault in ("400", "422") else None)

    asked = ask(settings(), ledger, requests(10))

    assert [f.error_class for f in asked.of(Failed)] == [error_class]
    assert len(asked.of(Answered)) == 9
    assert asked.summary["retries"] == 0

    again = ask(settings(), ledger, requests(10))

    assert len(again.of(Answered)) == 10
    assert fake_endpoint.stats()["requests"] == 11


def test_a_prompt_that_a_filter_blocks_is_refused(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(first={"blocked": 1})

    asked = ask(settings(), ledger, requests(3))

    assert len(asked.of(Refused)) == 1
    assert len(asked.of(Answered)) == 2


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        ("401", "set OPENAI_API_KEY to a valid key"),
        ("402", "top up the account"),
        ("403", "give the key in OPENAI_API_KEY access to the model"),
        ("404", "check the model's name and base_url"),
        ("quota", "raise the account's quota"),
    ],
)
def test_what_no_request_can_pass_ends_the_run_at_once_with_the_remedy(
    fake_endpoint: FakeEndpoint, ledger: Ledger, fault: str, remedy: str
) -> None:
    fake_endpoint.control(share={fault: 1.0})

    asked = ask(settings(), ledger, requests(5000))

    message = str(asked.error)
    assert remedy in message
    assert fake_endpoint.url in message
    assert "model 'model-1'" in message
    assert "sk-test" not in message
    assert fake_endpoint.stats()["requests"] <= 32


def test_a_wrong_key_is_found_before_anything_is_sent(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(key="another")

    asked = ask(settings(), ledger, requests(5))

    assert "HTTP 401" in str(asked.error)
    assert "OPENAI_API_KEY" in str(asked.error)
    assert fake_endpoint.stats()["requests"] == 0


def test_requests_that_are_all_rejected_end_the_run_with_the_reason(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(share={"400": 1.0}, error_code="invalid_value", answers="json_schema")

    asked = ask(settings({"answers": "text"}), ledger, requests(5000))

    assert "HTTP 400" in str(asked.error)
    assert fake_endpoint.stats()["requests"] < 100


def test_where_nothing_listens_the_message_names_the_address(ledger: Ledger) -> None:
    asked = ask(settings({"base_url": "http://127.0.0.1:9/v1"}), ledger, requests(5))

    assert "http://127.0.0.1:9/v1" in str(asked.error)
    assert "check base_url" in str(asked.error)


def test_without_url_and_key_the_message_names_the_variable(ledger: Ledger) -> None:
    asked = ask(settings(), ledger, requests(5))

    assert "set the environment variable OPENAI_API_KEY" in str(asked.error)


def test_five_percent_stray_refusals_do_not_lower_the_number_in_flight(
    fake_endpoint: FakeEndpoint, ledger: Ledger, tmp_path: Path
) -> None:
    fake_endpoint.control(share={"429": 0.05}, retry_after=1)
    events = tmp_path / "events.jsonl"

    asked = ask(settings({"concurrency": 64}, observability={"events": events}), ledger, requests(1000))

    assert len(asked.of(Answered)) == 1000
    assert asked.summary["retries"] == fake_endpoint.stats()["outcomes"]["429"] > 20
    assert "concurrency_lowered" not in events.read_text()


def test_a_true_rate_limit_is_found_and_every_request_is_answered(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(per_second=100, retry_after=0.5)

    asked = ask(settings({"concurrency": 64}), ledger, requests(400))

    assert len(asked.of(Answered)) == 400
    assert not asked.of(Failed)


def test_an_endpoint_that_dies_and_returns_costs_no_request(
    start_endpoint: Callable[..., FakeEndpoint], ledger: Ledger
) -> None:
    endpoint = start_endpoint(port=free_port(), latency=0.05)

    def outage() -> None:
        while endpoint.stats()["requests"] < 100:
            time.sleep(0.05)
        endpoint.kill()
        time.sleep(2.5)
        start_endpoint(port=endpoint.port)

    thread = threading.Thread(target=outage)
    thread.start()
    asked = ask(settings({"base_url": endpoint.url, "concurrency": 32, "attempts": 3}), ledger, requests(400))
    thread.join()

    assert len(asked.of(Answered)) == 400


def test_an_endpoint_that_answers_nothing_any_more_ends_the_run_after_the_patience(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(share={"hang": 1.0})

    asked = ask(settings({"timeout_s": 0.3, "patience_s": 1.0, "attempts": 1000}), ledger, requests(200))

    assert "has answered nothing for" in str(asked.error)
    assert "raise endpoints.default.timeout_s, or endpoints.default.patience_s" in str(asked.error)


def test_what_is_paid_is_kept_when_the_caller_is_cancelled(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(latency=0.05)

    def three_hundred_asked() -> None:
        while fake_endpoint.stats()["requests"] < 300:
            time.sleep(0.05)

    async def cancelled() -> None:
        task = asyncio.create_task(ask_async(settings(), ledger, requests(5000)))
        await asyncio.to_thread(three_hundred_asked)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())

    assert fake_endpoint.stats()["requests"] >= 300
    assert ledger.costs.spent().calls >= fake_endpoint.stats()["requests"] - 64
