"""What of a batch comes back badly: failed, expired, lost, cancelled; and who pays for what."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from evergrow.resources.ledger import NOTHING, Ledger, Rows, State
from evergrow.resources.llm import Answered, BudgetReached, EndpointError, Failed
from evergrow.resources.llm.batch_api import AwaitingBatch
from tests.conftest import FakeEndpoint
from tests.resources.llm.batch_api.support import batch_settings, goes_on, look, step, waits
from tests.resources.llm.support import WHO, Asked, requests

PRICES = {"model-1": {"input": 2.0, "output": 8.0}}


@pytest.mark.parametrize(
    ("faults", "again"),
    [
        ({"first": {"500": 2}}, 2),
        ({"first": {"429": 3}}, 3),
        ({"first": {"truncated": 0}, "batch_lost": 4}, 4),
        ({"batch_end": "expired", "batch_done": 0.75}, 2),
        ({"batch_end": "cancelled", "batch_done": 0.5}, 4),
        ({"batch_end": "failed"}, 8),
    ],
)
def test_only_what_came_back_without_an_answer_is_handed_in_again(
    fake_endpoint: FakeEndpoint, ledger: Ledger, faults: dict[str, object], again: int
) -> None:
    chosen = batch_settings()
    fake_endpoint.control(**faults)
    waits(chosen, ledger, 8)
    look(chosen, ledger)
    fake_endpoint.control(batch_end="completed")
    waits(chosen, ledger, 8)
    look(chosen, ledger)
    assert len(goes_on(chosen, ledger, 8).of(Answered)) == 8
    stats = fake_endpoint.stats()["batch"]
    assert (stats["sizes"], stats["lines"], stats["repeated_lines"]) == ([8, again], 8, again)
    attempts = sorted(call.attempts for call in ledger.calls(_call_ids(ledger)).values())
    assert attempts == [1] * (8 - again) + [2] * again


def _call_ids(ledger: Ledger) -> list[str]:
    return [a.call_id for a in goes_on(batch_settings(), ledger, 8).of(Answered)]


def test_expired_requests_are_rows_with_their_reason_until_they_are_given_up(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    chosen = batch_settings({"attempts": 2})
    fake_endpoint.control(batch_end="expired", batch_done=0.0)
    for _ in range(2):
        waits(chosen, ledger, 3)
        look(chosen, ledger)
    asked = goes_on(chosen, ledger, 3)
    assert [(f.error_class, f.message.partition(":")[0]) for f in asked.of(Failed)] == [
        ("transient", "batch_expired")
    ] * 3
    assert ledger.costs.grouped()["failed"].to_list() == [3]

    fake_endpoint.control(batch_end="completed")
    waits(chosen, ledger, 3)  # a later run asks anew
    look(chosen, ledger)
    assert len(goes_on(chosen, ledger, 3).of(Answered)) == 3


def test_a_batch_that_failed_or_was_cancelled_is_told_with_the_endpoints_reason(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    chosen = batch_settings()
    fake_endpoint.control(batch_end="failed", batch_reason="Enqueued token limit reached for model-1.")
    waits(chosen, ledger, 2)
    (seen,) = look(chosen, ledger)
    assert seen.submission.broken
    assert seen.submission.reason == "Enqueued token limit reached for model-1."


def test_unreadable_lines_and_strangers_in_a_file_are_passed_over(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    chosen = batch_settings()
    ok = '{"custom_id":"%s","response":{"status_code":200,"body":{"choices":[{"message":{"content":"x"}}]}}}\n'
    fake_endpoint.control(batch_noise="{cut\n[]\n\x00\n" + ok % "../../etc/passwd" + ok % "x" * 3)
    waits(chosen, ledger, 4)
    look(chosen, ledger)
    assert len(goes_on(chosen, ledger, 4).of(Answered)) == 4
    assert ledger.costs.spent().calls == 4


def test_a_wrong_model_stops_the_step_and_a_later_run_asks_anew(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    chosen = batch_settings()
    fake_endpoint.control(first={"404": 3})
    waits(chosen, ledger, 3)
    look(chosen, ledger)
    error = goes_on(chosen, ledger, 3).error
    assert isinstance(error, EndpointError)
    assert "HTTP 404: The model does not exist" in str(error)
    waits(chosen, ledger, 3)


def test_an_endpoint_that_is_away_keeps_what_was_handed_in(
    start_endpoint: Callable[..., FakeEndpoint], ledger: Ledger
) -> None:
    endpoint = start_endpoint()
    chosen = batch_settings({"base_url": endpoint.url, "api_key_env": "NO_SUCH_KEY"})
    waits(chosen, ledger, 2)
    endpoint.kill()
    (seen,) = look(chosen, ledger)
    assert seen.submission.state is State.SUBMITTED
    assert seen.fault.startswith("endpoint 'default': ")


def test_an_endpoint_that_left_the_settings_is_named(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    waits(batch_settings(endpoint={}, endpoints={"default": {}, "night": {}}, role={"endpoint": "night"}), ledger, 2)
    (seen,) = look(batch_settings(), ledger)
    assert "endpoint 'night' is no longer in the settings" in seen.fault


def test_what_is_handed_in_is_set_aside_from_every_budget_until_it_is_settled(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    waits(batch_settings(prices=PRICES), ledger, 4)
    aside = ledger.submissions.set_aside(Rows())
    assert aside.tokens > 4 * 2048
    assert aside.usd == pytest.approx(4 * 2048 * 4e-6, rel=0.1)

    who = replace(WHO, run_id="run-2", batch="batch-2")
    tight = batch_settings(prices=PRICES, budget={"month": {"max_tokens": aside.tokens + 1000}})
    error = goes_on(tight, ledger, requests(1, system="Other."), who=who).error
    assert isinstance(error, BudgetReached)
    assert fake_endpoint.stats()["batch"]["lines"] == 4

    look(tight, ledger)
    assert ledger.submissions.set_aside(Rows()) == NOTHING
    waits(tight, ledger, requests(1, system="Other."), who=who)


def test_a_budget_that_fits_a_part_hands_in_that_part_and_is_never_overrun(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    limit = 5_000
    chosen = batch_settings(budget={"max_tokens": limit})
    waiting = waits(chosen, ledger, 30)
    assert "budget reached: budget.max_tokens is 5,000" in str(waiting)
    found: Asked | AwaitingBatch = waiting
    for _ in range(30):
        assert ledger.submissions.set_aside(Rows()).tokens + ledger.costs.spent().tokens <= limit
        look(chosen, ledger)
        if isinstance(found := step(chosen, ledger, 30), Asked):
            break
    assert isinstance(found, Asked)
    assert isinstance(found.error, BudgetReached)
    assert 2 < ledger.costs.spent().calls < 30
    assert ledger.costs.spent().tokens <= limit

    raised = batch_settings(budget={"max_tokens": 10 * limit})
    waits(raised, ledger, 30)
    look(raised, ledger)
    assert len(goes_on(raised, ledger, 30).of(Answered)) == 30
    assert fake_endpoint.stats()["batch"]["repeated_lines"] == 0
