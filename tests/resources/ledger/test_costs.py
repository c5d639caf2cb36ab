import time

import pytest

from evergrow.resources.ledger import Amount, Ledger, Rows, Usage
from tests.resources.ledger.support import failure, reply


def test_costs_are_sums_over_rows_and_an_unknown_price_stays_unknown(ledger: Ledger) -> None:
    rows = [
        reply(0), reply(1), failure(2), reply(3, error_class="invalid"), reply(4, error_class="refused"),
        reply(5, batch="c", usd=None), reply(6, batch="c"),
    ]  # fmt: skip
    ledger.record(rows)

    costs = ledger.costs.grouped()

    assert costs.select("batch", "calls", "answered", "failed", "tokens_in", "tokens_out").rows() == [
        ("b", 5, 2, 3, 40, 20),
        ("c", 2, 2, 0, 20, 10),
    ]
    assert costs["usd"].to_list() == [1.0, None]
    assert costs["usd_known"].to_list() == [1.0, 0.25]
    assert ledger.costs.grouped(["model"])["calls"].to_list() == [7]
    assert ledger.costs.spent(batch="c").unpriced_calls == 1
    assert ledger.costs.spent(run_id="run-1").calls == 7
    assert ledger.costs.spent_on(Rows(run_id="run-2")).calls == 0
    assert ledger.costs.spent_on(Rows(since=time.time() + 60)).calls == 0


def test_what_may_have_been_charged_stands_apart_from_what_was_spent_and_counts_for_budgets(ledger: Ledger) -> None:
    lost = {"error_class": "lost", "tokens_in": 100, "tokens_out": 300}
    ledger.record([reply(0), failure(1, usd=2.0, **lost)])
    costs = ledger.costs.grouped().select("calls", "tokens_in", "usd", "usd_known", "unsettled_tokens", "unsettled_usd")

    assert costs.rows() == [(2, 10, 0.25, 0.25, 400, 2.0)]
    assert ledger.costs.spent().amount == Amount(415, 2.25)
    assert ledger.costs.unpriced(Rows()).is_empty()

    ledger.record([failure(2, **lost)])
    costs = ledger.costs.grouped().select("tokens_in", "usd", "unsettled_tokens", "unsettled_usd")

    assert costs.rows() == [(10, 0.25, 800, None)]
    assert ledger.costs.unpriced(Rows()).rows() == [("model-1", 1, 100, 300, 0, 0)]


def test_costs_of_an_empty_ledger_have_the_same_columns(ledger: Ledger) -> None:
    empty, nothing = ledger.costs.grouped(), ledger.costs.spent()
    ledger.record([reply()])

    assert empty.is_empty()
    assert empty.schema == ledger.costs.grouped().schema
    assert (nothing.calls, nothing.tokens, nothing.usd) == (0, 0, 0)


def test_replies_of_unknown_cost_are_counted_with_and_without_usage(ledger: Ledger) -> None:
    ledger.record([reply(0, usd=None), reply(1, usd=None, tokens_in=None, request="12345", reply="123"), failure(2)])

    assert ledger.costs.unpriced(Rows()).rows() == [("model-1", 2, 10, 5, 5, 3)]


def test_usage_is_what_a_request_took_with_all_its_draws(ledger: Ledger) -> None:
    """Two requests, one of which took two draws; one answer is of no use."""
    rows = [
        reply(0, asset="evolution/round_01/x"), reply(1, asset="evolution/round_01/x", error_class="invalid"),
        reply(1, call_id="again", draw=1, asset="evolution/round_02/x", error_class="invalid", latency_s=0.2),
        failure(2), reply(3, asset="treesynth/samples"), reply(4, role="judge"),
    ]  # fmt: skip
    ledger.record(rows)

    usage = ledger.costs.usage("generator", "model-1", "evolution/")

    assert (usage.requests, usage.usable, usage.tokens_in, usage.tokens_out) == (2, 1, 15.0, 7.5)
    assert usage.latency_s == pytest.approx(0.4)
    assert ledger.costs.usage("generator", "model-1", "treesynth/").requests == 1
    assert ledger.costs.usage("judge", "model-2") == Usage(0, 0, 0.0, 0.0, 0.0)
