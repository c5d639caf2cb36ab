"""A role in batch mode: handed in, waited for without a process, fetched, and the same as live."""

from pathlib import Path

import pytest

from evergrow.resources.ledger import Ledger, State
from evergrow.resources.llm import Answered, EndpointError, Failed, Invalid, Refused
from evergrow.resources.settings import SettingsError
from tests.conftest import FakeEndpoint
from tests.resources.llm.batch_api.support import batch_settings, goes_on, look, step, waits
from tests.resources.llm.support import ask, ledger_at, requests, settings

PRICES = {"model-1": {"input": 2.0, "output": 8.0, "as_of": "2026-01-01"}}


def test_answers_are_those_of_the_live_mode_at_half_the_price(
    fake_endpoint: FakeEndpoint, ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "live").mkdir()
    live_ledger = ledger_at(tmp_path / "live")
    live = ask(settings(prices=PRICES), live_ledger, requests(12))
    chosen = batch_settings(prices=PRICES)

    waiting = waits(chosen, ledger, 12)
    assert [s.requests for s in waiting.submissions] == [12]
    assert "batch-0" in str(waiting)
    assert "evergrow run --batch batch-1" in str(waiting)
    assert ledger.costs.spent().calls == 0
    (seen,) = look(chosen, ledger)
    assert (seen.submission.state, seen.submission.completed, seen.fault) == (State.FETCHED, 12, "")
    asked = goes_on(chosen, ledger, 12)

    def rows(found: object) -> list[tuple[object, ...]]:
        return sorted((a.request.key, a.value, a.call_id, a.model, a.run_id) for a in found.of(Answered))  # type: ignore[attr-defined]

    assert rows(asked) == rows(live)
    assert ledger.costs.spent().tokens == live_ledger.costs.spent().tokens > 0
    assert ledger.costs.spent().usd == pytest.approx(live_ledger.costs.spent().usd / 2)
    call, live_call = (held.call(rows(live)[0][2]) for held in (ledger, live_ledger))  # type: ignore[arg-type]
    assert call is not None
    assert live_call is not None
    assert (call.request, call.reply is not None, call.run_id) == (live_call.request, True, live_call.run_id)
    assert call.price_version == "1/4 @ 2026-01-01, Batch API"
    assert asked.summary["batch_requests"] == asked.summary["batch_answered"] == 12
    assert asked.summary["batch_usd"] == pytest.approx(ledger.costs.spent().usd, abs=1e-6)
    live_ledger.close()


def test_a_step_that_runs_again_while_it_waits_hands_in_nothing_more(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(batch_polls=2)
    chosen = batch_settings()
    waits(chosen, ledger, 5)
    waits(chosen, ledger, 5)
    statuses = [look(chosen, ledger)[0].submission.status for _ in range(2)]
    assert statuses == ["in_progress", "finalizing"]
    assert "finalizing" in str(waits(chosen, ledger, 5))
    look(chosen, ledger)
    assert look(chosen, ledger) == []
    assert len(goes_on(chosen, ledger, 5).of(Answered)) == 5
    assert fake_endpoint.stats()["batch"] == {
        "uploads": 1, "orphans": 0, "batches": 1, "sizes": [5], "lines": 5, "repeated_lines": 0,
    }  # fmt: skip


def test_equal_requests_are_handed_in_once(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    chosen = batch_settings()
    twice = [*requests(3), *requests(3)]
    waits(chosen, ledger, twice)
    look(chosen, ledger)
    assert len(goes_on(chosen, ledger, twice).of(Answered)) == 6
    assert fake_endpoint.stats()["batch"]["sizes"] == [3]


def test_a_submission_is_split_at_the_endpoints_limits(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    chosen = batch_settings({"batch_requests": 4})
    assert sorted(s.requests for s in waits(chosen, ledger, 10).submissions) == [2, 4, 4]
    look(chosen, ledger)
    assert len(goes_on(chosen, ledger, 10).of(Answered)) == 10

    large = [*requests(6, system="x" * 40_000)]
    assert [s.requests for s in waits(batch_settings({"batch_bytes": 100_000}), ledger, large).submissions] == [2, 2, 2]


def test_an_answer_that_cannot_be_read_is_mended_then_drawn_anew_by_later_submissions(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    chosen = batch_settings()
    fake_endpoint.control(first={"prose": 3})
    sizes = []
    for _ in range(10):
        found = step(chosen, ledger, 3)
        if not isinstance(found, Exception):
            break
        sizes.append([s.requests for s in found.submissions])
        look(chosen, ledger)
    assert sizes == [[3], [3]]
    assert len(found.of(Answered)) == 3  # type: ignore[union-attr]
    turns = [ledger.calls([f"{k}-0", f"{k}-0r"]) for k in {a.call_id.split("-")[0] for a in found.of(Answered)}]  # type: ignore[union-attr]
    assert all(sorted((c.turn, c.error_class) for c in both.values()) == [(0, "invalid"), (1, None)] for both in turns)


def test_a_model_that_never_answers_as_asked_is_given_up_within_its_draws(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    chosen = batch_settings(role={"draws": 2})
    fake_endpoint.control(share={"prose": 1.0})
    for _ in range(3):
        waits(chosen, ledger, 2)
        look(chosen, ledger)
    assert len(goes_on(chosen, ledger, 2).of(Invalid)) == 2
    assert fake_endpoint.stats()["batch"]["sizes"] == [2, 2, 2]


def test_a_declined_request_is_refused(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    chosen = batch_settings()
    fake_endpoint.control(first={"refuse": 1, "blocked": 1, "context": 1})
    waits(chosen, ledger, 5)
    look(chosen, ledger)
    asked = goes_on(chosen, ledger, 5)
    assert [len(asked.of(kind)) for kind in (Answered, Refused, Failed)] == [2, 2, 1]
    assert asked.of(Failed)[0].error_class == "context_too_long"


def test_an_endpoint_that_knows_no_schemas_is_asked_in_a_weaker_way(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    chosen = batch_settings({"model": "deployment-1"})
    fake_endpoint.control(answers="json_object")
    waits(chosen, ledger, 3)
    look(chosen, ledger)
    waits(chosen, ledger, 3)
    look(chosen, ledger)
    assert len(goes_on(chosen, ledger, 3).of(Answered)) == 3


def test_fresh_answers_are_drawn_anew_and_waited_for(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    chosen = batch_settings()
    waits(chosen, ledger, 2)
    look(chosen, ledger)
    first = goes_on(chosen, ledger, 2)
    since = max(ledger.call(a.call_id).answered_at for a in first.of(Answered)) + 1e-6  # type: ignore[union-attr]
    waits(chosen, ledger, 2, not_before=since)
    look(chosen, ledger)
    again = goes_on(chosen, ledger, 2, not_before=since)
    assert {a.call_id.rpartition("-")[2] for a in again.of(Answered)} == {"1"}


def test_azure_is_handed_its_own_path(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    endpoint = {"kind": "azure", "base_url": fake_endpoint.root, "model": "deployment-1"}
    chosen = batch_settings(endpoint)
    waits(chosen, ledger, 2)
    look(chosen, ledger)
    assert len(goes_on(chosen, ledger, 2).of(Answered)) == 2


def test_an_endpoint_without_a_batch_api_is_one_clear_error(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(batches=False)
    error = goes_on(batch_settings(), ledger, 3).error
    assert isinstance(error, EndpointError)
    assert "has no Batch API for model 'model-1' (HTTP 404" in str(error)
    assert "set roles.generator.mode to live" in str(error)
    assert ledger.submissions.find(tuple(State)) == []
    assert len(ask(settings(), ledger, requests(3)).of(Answered)) == 3


def test_batch_mode_is_refused_where_there_can_be_none() -> None:
    with pytest.raises(SettingsError, match=r"roles\.judge\.mode: the embedded model \(small\) has no Batch API"):
        settings(
            endpoints={"default": {}, "small": {"kind": "embedded"}},
            roles={"judge": {"endpoint": "small", "mode": "batch"}},
        )
    with pytest.raises(SettingsError, match=r"roles\.judge\.mode: `batch` takes one endpoint"):
        settings(endpoints={"default": {}, "b": {}}, roles={"judge": {"endpoint": ["default", "b"], "mode": "batch"}})
