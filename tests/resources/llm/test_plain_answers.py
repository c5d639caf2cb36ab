"""Answers that are plain text, from the prompt to the ledger: drawn, mended, cut off, voted on."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from evergrow.methods.answering.responses import read_response, render_answer
from evergrow.methods.answering.tasks import Task
from evergrow.methods.verification.choices import options, verify_choice
from evergrow.methods.verification.maths import told_apart, verify_maths
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Answered, Invalid, Request
from evergrow.resources.llm.batch_api import AwaitingBatch
from tests.conftest import FakeEndpoint
from tests.fake_endpoint import solutions
from tests.resources.llm.batch_api.support import look
from tests.resources.llm.support import Asked, ask, ledger_at, settings

SAMPLES: dict[Task, str] = {
    "code": "Write a function that places item number {i}.",
    "maths": "Ada has {i} apples and buys 7 more. How many are there?",
    "choice": "Ada has {i} apples. What does she do?\n(A) eats one\n(B) counts them\n(C) sells one",
    "text": "Where is my order number {i}?",
}
ASKED: tuple[Task, ...] = ("code", "maths", "choice", "text")
VOTE_TEMPERATURE = 0.7


def draws(task: Task, samples: int, votes: int = 1) -> list[Request]:
    """The requests for `votes` answers to each of `samples`; all but the first at a temperature of their own."""
    found = []
    for i in range(samples):
        content = SAMPLES[task].format(i=i)
        prompt, parse = render_answer(task, content), partial(read_response, task, letters=options(content))
        for slot in range(votes):
            at = VOTE_TEMPERATURE if slot else None
            drawn = Request(f"{i}/{slot}", "responder", prompt.system, prompt.user, prompt.schema, slot, "", at, parse)
            found.append(drawn)
    return found


def unread(_: object) -> None:
    raise LookupError("every request comes with its own parser")


def ask_all(ledger: Ledger, wanted: list[Request]) -> Asked:
    return ask(settings(), ledger, wanted, unread)


def finals(asked: Asked, samples: int, votes: int) -> list[list[str | None]]:
    """The final answers of each sample, in the order of slots."""
    known = {a.request.key: a.value.final for a in asked.of(Answered)}
    return [[known.get(f"{i}/{slot}") for slot in range(votes)] for i in range(samples)]


@pytest.mark.parametrize("task", ASKED)
def test_answers_are_usable_and_stand_in_the_ledger_as_they_came(
    task: Task, fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    asked = ask_all(ledger, draws(task, 5))

    answers = asked.of(Answered)
    assert len(answers) == 5
    for answer in answers:
        call = ledger.call(answer.call_id)
        assert call is not None
        assert json.loads(call.reply or "")["choices"][0]["message"]["content"].strip() == answer.value.text
        assert "response_format" not in call.request
        assert json.loads(call.request)["temperature"] == 0.0


@pytest.mark.parametrize("task", ["code", "maths", "choice"])
def test_an_answer_that_cannot_be_used_is_mended_with_the_fault_quoted(
    task: Task, fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(first={"prose": 1})

    asked = ask_all(ledger, draws(task, 1))

    (answer,) = asked.of(Answered)
    call = ledger.call(answer.call_id)
    assert call is not None
    assert call.turn == 1
    messages = json.loads(call.request)["messages"]
    assert [message["role"] for message in messages[-2:]] == ["assistant", "user"]
    assert "cannot be used: the answer" in messages[-1]["content"]
    assert "weather" not in answer.value.text


@pytest.mark.parametrize("task", ASKED)
def test_an_answer_that_is_cut_off_is_no_answer(task: Task, fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(share={"cut": 1.0})

    asked = ask_all(ledger, draws(task, 2))

    assert {outcome.reason for outcome in asked.of(Invalid)} == {"the answer was cut off at its token limit"}
    assert len(asked.outcomes) == len(asked.of(Invalid)) == 2


def test_votes_are_drawn_at_their_own_temperature_live_and_in_batches_alike(
    fake_endpoint: FakeEndpoint, ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "batch").mkdir()
    batch_ledger, batch = ledger_at(tmp_path / "batch"), settings(roles={"responder": {"mode": "batch"}})

    live = ask_all(ledger, draws("maths", 3, votes=4))
    with pytest.raises(AwaitingBatch):
        ask(batch, batch_ledger, draws("maths", 3, votes=4), unread)
    look(batch, batch_ledger)
    fetched = ask(batch, batch_ledger, draws("maths", 3, votes=4), unread)

    for asked, held in ((live, ledger), (fetched, batch_ledger)):
        sent = [json.loads(call.request) for a in asked.of(Answered) if (call := held.call(a.call_id))]
        votes = [(body["seed"], body["temperature"]) for body in sent]
        assert sorted(votes) == sorted([(0, 0.0), (1, 0.7), (2, 0.7), (3, 0.7)] * 3)
    assert finals(live, 3, 4) == finals(fetched, 3, 4)
    batch_ledger.close()


def test_most_draws_agree_and_some_questions_find_no_agreement(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    numbers = finals(ask_all(ledger, draws("maths", 60, votes=5)), 60, 5)
    letters = finals(ask_all(ledger, draws("choice", 60, votes=5)), 60, 5)

    def same(first: str, second: str) -> bool:
        told = told_apart(first, second)
        assert told is not None
        return told

    maths = [verify_maths(drawn, same, 0.5) for drawn in numbers]
    choices = [verify_choice(drawn, ("A", "B", "C"), None, 0.5) for drawn in letters]
    for decisions in (maths, choices):
        passed = sum(decision.verdict == "pass" for decision in decisions)
        assert 30 < passed < 60
    assert any(decision.chosen for decision in maths)
    assert any(len(set(drawn)) > 1 and d.verdict == "pass" for drawn, d in zip(numbers, maths, strict=True))


def test_programs_of_the_endpoint_pass_its_own_tests_and_broken_ones_do_not(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    program = ask_all(ledger, draws("code", 1)).of(Answered)[0].value.final
    tests = "\n".join(solutions.tests({"messages": [{"role": "user", "content": program}]})["tests"])

    assert runs(f"{program}\n{tests}")
    assert not runs(f"{program.replace(' * ', ' + ')}\n{tests}")
    assert not runs(f"{program.replace(' % ', ' + ')}\n{tests}")


def runs(program: str) -> bool:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0
