import asyncio
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evergrow.resources.ledger import Ledger, LedgerError
from evergrow.resources.llm import Answered, Attribution, BudgetReached
from evergrow.resources.settings import SettingsError
from tests.conftest import FakeEndpoint
from tests.resources.llm.support import WHO, Asked, ask, ask_async, requests, settings

PRICES = {"model-1": {"input": 2.5, "output": 10.0}}
ROLES = {"generator": {"max_tokens": 300}}


def with_budget(**budget: Any) -> Any:
    return settings(roles=ROLES, prices=PRICES, budget=budget)


@pytest.mark.parametrize("scope", ["batch", "run", "month"])
def test_a_limit_in_tokens_ends_the_run_cleanly_and_is_never_overrun(
    fake_endpoint: FakeEndpoint, ledger: Ledger, scope: str
) -> None:
    limit = {"max_tokens": 20_000}

    asked = ask(with_budget(**(limit if scope == "batch" else {scope: limit})), ledger, requests(1000))

    assert isinstance(asked.error, BudgetReached)
    assert "20,000 tokens" in str(asked.error)
    spent = ledger.costs.spent()
    assert spent.calls == len(asked.of(Answered)) == fake_endpoint.stats()["requests"]
    assert 20_000 - 2000 < spent.tokens == fake_endpoint.stats()["tokens"] <= 20_000


def test_a_limit_in_money_counts_what_replies_really_cost(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    asked = ask(with_budget(max_usd=0.05), ledger, requests(1000))

    assert isinstance(asked.error, BudgetReached)
    assert 0.04 < ledger.costs.spent().usd <= 0.05
    assert asked.summary["usd"] == pytest.approx(ledger.costs.spent().usd, abs=1e-6)


def test_a_run_that_reached_its_budget_resumes_when_the_limit_is_raised(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    first = ask(with_budget(max_tokens=10_000), ledger, requests(60))
    blocked = ask(with_budget(max_tokens=10_000), ledger, requests(60))

    second = ask(with_budget(max_tokens=1_000_000), ledger, requests(60))

    assert isinstance(first.error, BudgetReached)
    assert len(blocked.of(Answered)) == len(first.of(Answered))
    assert second.error is None
    assert len(second.of(Answered)) == 60
    assert fake_endpoint.stats()["requests"] == 60


def test_limits_of_a_batch_and_of_a_run_count_their_own_rows(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    other = Attribution(run_id="run-2", asset=WHO.asset, partition="batch-2", batch="batch-2")
    ask(with_budget(max_tokens=10_000), ledger, requests(1000))

    asked = ask(with_budget(max_tokens=10_000), ledger, requests(1000, system="other"), who=other)

    assert len(asked.of(Answered)) > 5
    assert ledger.costs.spent(batch="batch-1").tokens <= 10_000
    assert ledger.costs.spent(batch="batch-2").tokens <= 10_000


def test_requests_in_flight_when_the_budget_is_reached_are_kept(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(latency=0.1)

    asked = ask(with_budget(max_tokens=15_000), ledger, requests(1000))

    assert len(asked.of(Answered)) == fake_endpoint.stats()["requests"] == ledger.costs.spent().calls


def test_a_limit_in_money_without_a_price_is_refused_before_anything_is_sent(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    with pytest.raises(SettingsError, match=r"model 'model-1' has no price.*prices\.model-1\.input"):
        ask(settings(budget={"max_usd": 5}), ledger, requests(3))

    assert fake_endpoint.stats()["requests"] == 0


def test_replies_of_unknown_cost_count_at_todays_price_or_not_silently_at_all(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    ask(settings(), ledger, requests(50))

    asked = ask(with_budget(max_usd=0.01), ledger, requests(50, system="more"))

    assert ledger.costs.spent().unpriced_calls == 50
    assert isinstance(asked.error, BudgetReached)
    assert not asked.of(Answered)
    with pytest.raises(SettingsError, match="whose cost is unknown"):
        ask(settings(budget={"max_usd": 5}, prices={"model-2": PRICES["model-1"]}), ledger, requests(1))


def test_a_reply_that_tells_no_usage_is_charged_its_worst_case(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(share={"no_usage": 1.0})

    asked = ask(with_budget(max_tokens=10_000), ledger, requests(1000))

    assert isinstance(asked.error, BudgetReached)
    assert 5 < len(asked.of(Answered)) < 20


def test_a_request_whose_fate_is_unknown_is_charged_its_worst_case(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(share={"truncate": 1.0})

    asked = ask(with_budget(max_tokens=10_000), ledger, requests(1000))

    assert isinstance(asked.error, BudgetReached)
    assert fake_endpoint.stats()["tokens"] <= 10_000


def test_what_may_have_been_charged_counts_in_later_runs_too(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(first={"truncate": 2})
    chosen = with_budget(max_tokens=10_000)

    first = ask(chosen, ledger, requests(3))
    later = ask(chosen, ledger, requests(1000, system="other"), who=replace(WHO, run_id="run-2"))

    assert len(first.of(Answered)) == 3
    lost = ledger.costs.grouped(["batch"])["failed"].sum()
    assert lost == 2
    assert isinstance(later.error, BudgetReached)
    spent = ledger.costs.spent(batch=WHO.batch)
    assert spent.tokens <= 10_000
    assert spent.tokens - fake_endpoint.stats()["tokens"] > 2 * 300  # the answers' limit, twice
    assert spent.usd > 2 * 300 * 10e-6


def test_runs_side_by_side_never_exceed_a_limit_together(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(latency=0.2)
    chosen = settings({"concurrency": 2}, roles=ROLES, budget={"month": {"max_tokens": 24_000}})

    async def both() -> list[Asked]:
        runs = [Attribution(run_id=f"run-{i}", asset="a", partition=f"p-{i}", batch=f"b-{i}") for i in range(2)]
        return list(
            await asyncio.gather(
                *(ask_async(chosen, ledger, requests(1000, system=who.batch), who=who) for who in runs)
            )
        )

    asked = asyncio.run(both())

    assert all(isinstance(one.error, BudgetReached) for one in asked)
    assert 24_000 - 2_000 < ledger.costs.spent().tokens <= 24_000


def test_a_run_that_can_no_longer_draw_on_its_budget_ends(
    fake_endpoint: FakeEndpoint, ledger: Ledger, tmp_path: Path
) -> None:
    fake_endpoint.control(share={"hang": 1.0})

    def take_the_table_away() -> None:
        while not fake_endpoint.stats()["in_flight"]:
            time.sleep(0.02)
        with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
            connection.execute("ALTER TABLE reservations RENAME TO elsewhere")
        connection.close()

    thread = threading.Thread(target=take_the_table_away)
    thread.start()
    with pytest.raises(LedgerError, match="no such table"):
        ask(settings({"timeout_s": 3.0, "attempts": 1000}, budget={"max_tokens": 10**7}), ledger, requests(5))
    thread.join()
