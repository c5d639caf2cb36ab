import logging
from typing import Any

import pytest

from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Answered, Failed
from tests.conftest import FakeEndpoint
from tests.resources.llm.support import ask, requests, settings

DEAD = {"base_url": "http://127.0.0.1:9/v1", "timeout_s": 5.0}


def with_judge_at(judge: dict[str, Any]) -> Any:
    endpoints = {"default": {"timeout_s": 5.0}, "far": judge}
    return settings(endpoints=endpoints, roles={"judge": {"endpoint": "far"}})


def test_a_judge_that_is_not_there_is_found_before_the_generator_is_paid(
    fake_endpoint: FakeEndpoint, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        asked = ask(with_judge_at(DEAD), ledger, requests(20))

    assert "endpoint 'far' at http://127.0.0.1:9/v1" in str(asked.error)
    assert fake_endpoint.stats()["requests"] == 0
    assert "the pool's others" not in caplog.text


def test_what_the_ledger_answers_needs_no_endpoint_of_any_role(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    ask(settings(), ledger, requests(20))

    again = ask(with_judge_at(DEAD), ledger, requests(20))

    assert again.error is None
    assert len(again.of(Answered)) == 20


def test_a_model_that_is_refused_and_not_listed_gets_the_near_names(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(models=["model-10", "other"])

    asked = ask(settings(), ledger, requests(20))

    assert "lists 2 models, not this one; did you mean 'model-10'?" in str(asked.error)


def test_an_alias_that_is_not_listed_is_no_error(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(listed=["model-1-2026"])

    assert len(ask(settings(), ledger, requests(20)).of(Answered)) == 20


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("Unsupported parameter: 'max_tokens'.", "set endpoints.default.token_limit to max_completion_tokens"),
        ("Unrecognized argument: seed", "set endpoints.default.send_seed to false"),
        ("Unsupported value: 'temperature' does not support 0.7", "set roles.generator.temperature to null"),
    ],
)
def test_a_parameter_that_an_endpoint_rejects_is_answered_with_its_setting(
    fake_endpoint: FakeEndpoint, ledger: Ledger, message: str, remedy: str
) -> None:
    fake_endpoint.control(first={"422": 1}, error_message=message)
    adapted = ask(settings(), ledger, requests(3))
    fake_endpoint.control(share={"422": 1.0})
    asked = ask(settings(), ledger, requests(100, system="other"))

    assert len(adapted.of(Answered)) == 3
    assert {remedy in failed.remedy for failed in asked.of(Failed)} == {True}
    assert remedy in str(asked.error)
