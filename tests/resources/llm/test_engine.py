import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from evergrow.resources.host.progress import LogProgress
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Answered, Engine, Invalid, Refused, Request
from tests.conftest import FakeEndpoint
from tests.resources.llm.support import SCHEMA, WHO, ask, question, requests, settings


def test_every_request_has_one_outcome_that_the_ledger_can_show(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    asked = ask(settings(), ledger, requests(300))

    answers = asked.of(Answered)
    assert {a.request.key for a in answers} == {f"row-{i}" for i in range(300)}
    assert len({a.value for a in answers}) == 300
    call = ledger.call(answers[0].call_id)
    assert call is not None
    assert answers[0].value in (call.reply or "").replace('\\"', '"')
    assert answers[0].request.user in call.request
    assert (call.batch, call.asset, call.run_id, call.attempts) == (WHO.batch, WHO.asset, WHO.run_id, 1)
    assert call.model_returned == "model-1-fake"
    assert asked.summary["answered"] == 300


def test_an_answer_is_in_the_ledger_before_it_is_handed_out(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    async def check() -> int:
        seen = 0
        async with Engine.open(settings(), ledger, WHO, LogProgress(logging.getLogger())) as engine:
            async for outcome in engine.ask(requests(50), question, label="x", total=50):
                call = ledger.call(outcome.call_id)
                assert call is not None
                assert call.reply
                seen += 1
        return seen

    assert asyncio.run(check()) == 50


def test_a_finished_run_repeated_asks_nothing_and_needs_no_endpoint(
    fake_endpoint: FakeEndpoint, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(settings(), ledger, requests(200))
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")

    second = ask(settings(), ledger, requests(200))

    assert {a.value for a in second.of(Answered)} == {a.value for a in first.of(Answered)}
    assert all(a.cached for a in second.of(Answered))
    assert second.summary["attempts"] == 0
    assert fake_endpoint.stats()["requests"] == 200


def test_equal_requests_are_asked_once_and_slots_are_different_requests(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    twins = [Request(f"row-{i}", "generator", "s", "the same prompt", SCHEMA, slot=i % 3) for i in range(30)]

    asked = ask(settings(), ledger, twins)

    assert len(asked.of(Answered)) == 30
    assert len({a.value for a in asked.of(Answered)}) == 3
    assert fake_endpoint.stats()["requests"] == 3
    assert asked.summary["requests"] == 30


def test_requests_are_taken_a_bounded_window_ahead_of_the_outcomes(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    taken = 0

    def endless() -> Iterator[Request]:
        nonlocal taken
        while True:
            taken += 1
            yield Request(f"row-{taken}", "generator", "s", f"prompt {taken}", SCHEMA)

    async def take_ten() -> None:
        async with Engine.open(settings(), ledger, WHO, LogProgress(logging.getLogger())) as engine:
            seen = 0
            async with aclosing(engine.ask(endless(), question, label="x", total=10)) as outcomes:
                async for _ in outcomes:
                    seen += 1
                    if seen == 10:
                        await asyncio.sleep(0.3)
                        break

    asyncio.run(take_ten())

    assert taken <= 1024
    assert ledger.costs.spent().calls >= 10


def test_an_error_of_the_requests_own_iterator_reaches_the_caller(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    def broken() -> Iterator[Request]:
        yield from requests(3)
        raise RuntimeError("the prompt cannot be rendered")

    with pytest.raises(RuntimeError, match="cannot be rendered"):
        ask(settings(), ledger, broken())


def test_an_invalid_answer_is_mended_once_with_the_fault_quoted(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(first={"prose": 1})

    asked = ask(settings(), ledger, requests(1))

    (answer,) = asked.of(Answered)
    assert answer.call_id.endswith("-0r")
    repair = ledger.call(answer.call_id)
    assert repair is not None
    assert "no JSON object or array" in repair.request
    bad = ledger.call(answer.call_id.removesuffix("r"))
    assert bad is not None
    assert bad.error_class == "invalid"
    assert "weather" in (bad.reply or "")


def test_then_a_fresh_draw_is_asked_and_then_the_request_is_invalid(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(first={"prose": 2})
    assert len(ask(settings(), ledger, requests(1)).of(Answered)) == 1

    fake_endpoint.control(reset=True, first={"prose": 99})
    asked = ask(settings(), ledger, requests(1, system="other"))

    (invalid,) = asked.of(Invalid)
    assert "no JSON" in invalid.reason
    assert fake_endpoint.stats()["requests"] == 3


def test_a_rerun_reads_stored_replies_with_todays_parser_and_asks_nothing(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    few = 8  # after ten such answers one behind the other a run ends

    def strict(answer: Any) -> str:
        raise ValueError(f"no score above 10, but {answer['score']}")

    assert len(ask(settings(), ledger, requests(few), strict).of(Invalid)) == few
    before = fake_endpoint.stats()["requests"]

    again = ask(settings(), ledger, requests(few), strict)
    mended = ask(settings(), ledger, requests(few))

    assert len(again.of(Invalid)) == few
    assert len(mended.of(Answered)) == few
    assert fake_endpoint.stats()["requests"] == before == 3 * few
    assert ledger.costs.grouped()["answered"].sum() == few


def test_what_no_answer_settled_is_drawn_anew_by_each_run_within_its_draws(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(share={"prose": 1.0}, only="number 1.")
    runs = [replace(WHO, run_id=f"run-{number}") for number in range(4)]
    chosen = settings(roles={"generator": {"draws": 2, "repair": True}})

    first = ask(chosen, ledger, requests(3), who=runs[0])
    sent = [fake_endpoint.stats()["requests"]]
    for run in runs[1:3]:
        again = ask(chosen, ledger, requests(3), who=run)
        assert [o.request.key for o in again.of(Invalid)] == ["row-1"]
        sent.append(fake_endpoint.stats()["requests"])
    fake_endpoint.control(share={})
    mended = ask(chosen, ledger, requests(3), who=runs[3])

    assert [i.remedy for i in first.of(Invalid)] == [
        "take a more capable model for the role 'generator', or set endpoints.default.answers"
    ]
    assert sent == [2 + 3, 2 + 6, 2 + 9]  # two draws and a repair turn each time; the good ones are asked once
    assert fake_endpoint.stats()["requests"] == sent[-1] + 1
    assert len(mended.of(Answered)) == 3
    assert sum(a.cached for a in mended.of(Answered)) == 2


def test_an_asker_that_goes_on_by_itself_is_told_an_unusable_answer_again(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(first={"prose": 99})
    (first,) = ask(settings(), ledger, requests(1, redraw=False)).of(Invalid)
    sent = fake_endpoint.stats()["requests"]

    (again,) = ask(settings(), ledger, requests(1, redraw=False), who=replace(WHO, run_id="run-2")).of(Invalid)

    assert (first.replayed, again.replayed) == (False, True)
    assert again.call_id == first.call_id
    assert fake_endpoint.stats()["requests"] == sent


def test_a_run_that_was_killed_between_draws_goes_on_with_the_turn_that_is_left(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(first={"prose": 1})
    ask(settings(roles={"generator": {"draws": 1, "repair": False}}), ledger, requests(1))

    (answer,) = ask(settings(), ledger, requests(1), who=replace(WHO, run_id="run-2")).of(Answered)

    assert answer.call_id.endswith("-0r")


def test_a_parser_that_trusts_answers_too_much_makes_them_invalid(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    asked = ask(settings(), ledger, requests(2), lambda answer: answer["nowhere"])

    assert [i.reason for i in asked.of(Invalid)] == ["KeyError: 'nowhere'"] * 2


@pytest.mark.parametrize(("fault", "requests_sent"), [("cut", 2), ("empty", 2)])
def test_a_cut_off_or_empty_answer_is_drawn_anew_without_a_repair(
    fake_endpoint: FakeEndpoint, ledger: Ledger, fault: str, requests_sent: int
) -> None:
    fake_endpoint.control(first={fault: 1})

    asked = ask(settings(), ledger, requests(1))

    assert asked.of(Answered)[0].call_id.endswith("-1")
    assert fake_endpoint.stats()["requests"] == requests_sent


@pytest.mark.parametrize("fault", ["refuse", "filter"])
def test_a_refusal_is_an_outcome_and_is_not_asked_again(
    fake_endpoint: FakeEndpoint, ledger: Ledger, fault: str
) -> None:
    fake_endpoint.control(share={fault: 1.0})

    first, second = ask(settings(), ledger, requests(3)), ask(settings(), ledger, requests(3))

    assert len(first.of(Refused)) == len(second.of(Refused)) == 3
    assert fake_endpoint.stats()["requests"] == 3


def test_fresh_answers_replace_older_ones_from_then_on(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    old = ask(settings(), ledger, requests(5))

    fresh = ask(settings(), ledger, requests(5), not_before=time.time())
    later = ask(settings(), ledger, requests(5))

    assert {a.value for a in fresh.of(Answered)}.isdisjoint(a.value for a in old.of(Answered))
    assert {a.call_id for a in later.of(Answered)} == {a.call_id for a in fresh.of(Answered)}
    assert fake_endpoint.stats()["requests"] == 10


@pytest.mark.parametrize("mode", ["json_object", "text"])
def test_the_way_of_structured_answers_is_found_out_once(
    fake_endpoint: FakeEndpoint, ledger: Ledger, mode: str
) -> None:
    fake_endpoint.control(answers=mode)

    first = ask(settings(), ledger, requests(5))
    refusals = fake_endpoint.stats()["outcomes"]["400"]
    second = ask(settings(), ledger, requests(5, system="another run"))

    assert len(first.of(Answered)) == len(second.of(Answered)) == 5
    assert fake_endpoint.stats()["outcomes"]["400"] == refusals


def test_a_server_that_passes_over_schemas_in_silence_is_found_out_too(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(answers="ignored")

    first = ask(settings({"concurrency": 4}), ledger, requests(30))
    fake_endpoint.control(reset=True)
    second = ask(settings(), ledger, requests(5, system="another run"))

    assert len(first.of(Answered)) == 30
    assert len(second.of(Answered)) == fake_endpoint.stats()["requests"] == 5


def test_plain_text_is_given_to_the_parser_as_it_is(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    asked = ask(settings(), ledger, requests(2, schema=None), lambda text: str(text).upper())

    assert all(a.value.isupper() for a in asked.of(Answered))


def test_a_model_that_answers_nothing_readable_ends_the_run_early(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(share={"prose": 1.0})

    asked = ask(settings(), ledger, requests(5000))

    assert "requests to model 'model-1' got an answer of use: no JSON" in str(asked.error)
    assert fake_endpoint.stats()["requests"] < 1000


def test_usage_that_is_not_told_leaves_the_cost_unknown(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(first={"no_usage": 1})

    asked = ask(settings(prices={"model-1": {"input": 1, "output": 2}}), ledger, requests(3))

    costs = ledger.costs.grouped()
    assert asked.summary["usd"] is None
    assert costs["usd"].to_list() == [None]
    assert costs["usd_known"][0] > 0


def test_characters_that_no_database_takes_do_not_end_the_run(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(share={"odd": 1.0})

    asked = ask(settings(), ledger, requests(3))

    assert {a.value for a in asked.of(Answered)} == {"NUL \ufffd and half \ufffd a pair"}
    assert {a.model for a in asked.of(Answered)} == {"m\ufffd\ufffd"}


def test_an_asking_that_is_left_early_ends_with_the_engine(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(latency=0.05)

    async def leave() -> None:
        async with Engine.open(settings(), ledger, WHO, LogProgress(logging.getLogger())) as engine:
            outcomes = engine.ask(requests(1000), question, label="x", total=1000)
            await anext(outcomes)
        await outcomes.aclose()

    asyncio.run(leave())

    assert 1 <= ledger.costs.spent().calls <= 200


def test_two_askings_of_one_engine_share_its_endpoint(
    start_endpoint: Callable[..., FakeEndpoint], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = start_endpoint(latency=0.02)  # one of its own: requests that an earlier test left would be counted too
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")

    async def both() -> int:
        async with Engine.open(settings({"concurrency": 8}), ledger, WHO, LogProgress(logging.getLogger())) as engine:

            async def count(system: str) -> int:
                wanted = requests(100, system=system)
                return len([o async for o in engine.ask(wanted, question, label=system, total=100)])

            return sum(await asyncio.gather(count("one"), count("two")))

    assert asyncio.run(both()) == 200
    assert endpoint.stats()["peak"] <= 8


def test_a_ledger_on_postgresql_serves_as_well(fake_endpoint: FakeEndpoint, postgres_url: str) -> None:
    fake_endpoint.control(share={"prose": 0.2, "429": 0.1}, retry_after=0.05)
    ledger = Ledger.open(postgres_url)

    first = ask(settings(), ledger, requests(200, system="on PostgreSQL"))
    sent = fake_endpoint.stats()["requests"]
    second = ask(settings(), ledger, requests(200, system="on PostgreSQL"))

    assert {o.call_id for o in second.outcomes} == {o.call_id for o in first.outcomes}
    assert len(second.of(Answered)) > 150
    assert fake_endpoint.stats()["requests"] == sent
    ledger.close()
