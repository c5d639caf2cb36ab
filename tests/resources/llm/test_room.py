from typing import Any

import pytest

from evergrow.resources.ledger import Ledger, State, Submission, SubmissionLine
from evergrow.resources.llm import BudgetReached
from evergrow.resources.llm.budget import room
from evergrow.resources.settings import SettingsError
from tests.conftest import FakeEndpoint
from tests.resources.llm.support import WHO, ask, requests, settings

ROLES = {"generator": {"max_tokens": 300}, "judge": {"max_tokens": 300}}
PRICES = {"model-1": {"input": 2.5, "output": 10.0}}


@pytest.mark.parametrize("limit", [{"max_tokens": 10_000}, {"max_usd": 0.02}])
@pytest.mark.parametrize("scope", ["batch", "month"])
def test_a_limit_that_ended_a_run_leaves_no_room_for_the_next(
    fake_endpoint: FakeEndpoint, ledger: Ledger, scope: str, limit: dict[str, Any]
) -> None:
    chosen = settings(roles=ROLES, prices=PRICES, budget=limit if scope == "batch" else {"month": limit})
    assert room(chosen, ledger, WHO.batch) is None

    # The same prompt at ever new slots: every request is as large as the next.
    ended = ask(chosen, ledger, requests(1000, system=""))
    assert isinstance(ended.error, BudgetReached)
    tight = settings(
        roles={name: {"max_tokens": 1000} for name in ROLES}, prices=PRICES,
        budget=limit if scope == "batch" else {"month": limit},
    )  # fmt: skip

    why = room(tight, ledger, WHO.batch)
    assert why is not None
    assert f"budget{'.month' if scope == 'month' else ''}.{next(iter(limit))}" in why
    assert (room(tight, ledger, "another batch") is None) == (scope == "batch")


def test_room_for_the_cheapest_role_is_room(ledger: Ledger) -> None:
    roles = {"generator": {"max_tokens": 5000}, "judge": {"max_tokens": 100}}

    assert room(settings(roles=roles, budget={"max_tokens": 1000}), ledger, "b") is None
    assert "budget.max_tokens is 100 tokens" in str(
        room(settings(roles=roles, budget={"max_tokens": 100}), ledger, "b")
    )


def test_the_limit_of_a_run_closes_only_where_no_run_could_ever_begin(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    chosen = settings(roles=ROLES, budget={"run": {"max_tokens": 3000}})

    assert isinstance(ask(chosen, ledger, requests(1000)).error, BudgetReached)

    assert room(chosen, ledger, WHO.batch) is None


def test_what_is_handed_in_and_not_answered_takes_room(ledger: Ledger) -> None:
    chosen = settings(roles=ROLES, budget={"max_tokens": 5000})
    draft = Submission("s", State.DRAFT, "default", "generator", "model-1", "run-1", "a", "p", "b", created_at=0.0)
    ledger.submissions.begin(draft)
    assert room(chosen, ledger, "b") is None

    ledger.submissions.add("s", [SubmissionLine("call", "key", 0, 0, 0, "v1", "{}", tokens=4900, usd=0.0)])

    assert "4,900 is spent" in str(room(chosen, ledger, "b"))


def test_without_limits_there_is_room_and_without_prices_a_clear_error(ledger: Ledger) -> None:
    assert room(settings(), ledger, "b") is None
    with pytest.raises(SettingsError, match="has no price"):
        room(settings(budget={"max_usd": 5}), ledger, "b")
