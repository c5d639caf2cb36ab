"""Many tasks that ask one question after another, over one asking of the engine."""

import asyncio
import logging
from dataclasses import replace

import pytest

from evergrow.resources.host.progress import LogProgress
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Answered, Conversation, EndpointError, Engine, Failed, Invalid, conversation
from tests.conftest import FakeEndpoint
from tests.resources.llm.support import WHO, question, requests, settings

PROGRESS = LogProgress(logging.getLogger("tests"))


async def chain(talk: Conversation, number: int, length: int) -> list[str]:
    """A chain of questions, each made from the answer before."""
    said: list[str] = []
    (first,) = requests(1)
    for step in range(length):
        outcome = await talk.ask(replace(first, user=f"{number} {step} {said[-1:]}"), question)
        assert isinstance(outcome, Answered)
        said.append(outcome.value)
    return said


async def chains(ledger: Ledger, count: int, length: int) -> tuple[list[list[str]], dict[str, object]]:
    async with Engine.open(settings(), ledger, WHO, PROGRESS) as engine:
        async with conversation(engine, "chains", count * length) as talk:
            found = await asyncio.gather(*(chain(talk, number, length) for number in range(count)))
        return found, dict(engine.summary())


def test_chains_run_side_by_side_and_each_waits_for_its_own_answers(
    ledger: Ledger, fake_endpoint: FakeEndpoint
) -> None:
    fake_endpoint.control(latency=0.05)

    found, summary = asyncio.run(chains(ledger, 40, 3))

    assert len({tuple(said) for said in found}) == 40
    assert summary["answered"] == 120
    assert fake_endpoint.stats()["peak"] > 8


def test_chains_that_were_asked_before_are_answered_from_the_ledger(
    ledger: Ledger, fake_endpoint: FakeEndpoint
) -> None:
    once, _ = asyncio.run(chains(ledger, 10, 3))
    again, summary = asyncio.run(chains(ledger, 10, 3))

    assert again == once
    assert summary["reused"] == 30
    assert fake_endpoint.stats()["requests"] == 30


def test_each_question_is_read_by_its_own_parser(ledger: Ledger, fake_endpoint: FakeEndpoint) -> None:
    def refuse(_: object) -> str:
        raise ValueError("not this one")

    async def ask_both() -> tuple[object, object]:
        first, second = requests(2)
        async with Engine.open(settings(), ledger, WHO, PROGRESS) as engine, conversation(engine, "two", 2) as talk:
            return tuple(await asyncio.gather(talk.ask(first, question), talk.ask(second, refuse)))  # type: ignore[return-value]

    good, bad = asyncio.run(ask_both())

    assert isinstance(good, Answered)
    assert good.request.key == "row-0"
    assert isinstance(bad, Invalid)
    assert bad.reason == "not this one"


def test_a_request_that_fails_is_an_outcome_and_the_others_go_on(ledger: Ledger, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.control(share={"500": 1.0}, only="task number 1.")

    async def ask_all() -> list[object]:
        chosen = settings({"attempts": 1})
        async with Engine.open(chosen, ledger, WHO, PROGRESS) as engine, conversation(engine, "some", 3) as talk:
            return list(await asyncio.gather(*(talk.ask(request, question) for request in requests(3))))

    kinds = [type(outcome) for outcome in asyncio.run(ask_all())]

    assert kinds == [Answered, Failed, Answered]


def test_an_endpoint_that_cannot_be_used_ends_every_chain(ledger: Ledger, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.control(key="another")

    with pytest.raises(EndpointError, match="401"):
        asyncio.run(chains(ledger, 5, 2))
