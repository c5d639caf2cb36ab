"""What is shown of an asking: never more than its total, and what it waits for."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.host.progress import Advance
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Engine, conversation, showing
from evergrow.resources.llm.requests import Failed, Request
from evergrow.resources.llm.tallies import Pace, Tallies
from tests.conftest import FakeEndpoint
from tests.resources.llm.support import WHO, question, requests, settings


class Seen:
    """Progress that keeps what is shown: done, total, note."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int, str]] = []

    @contextmanager
    def track(self, label: str, total: int) -> Iterator[Advance]:
        done, of = 0, total

        def advance(steps: int = 1, note: str = "", total: int | None = None) -> None:
            nonlocal done, of
            done, of = done + steps, of if total is None else total
            self.shown.append((done, of, note))

        yield advance


async def converse(ledger: Ledger, seen: Seen, expected: int, asked: int) -> None:
    async with (
        Engine.open(settings(), ledger, WHO, seen) as engine,
        conversation(engine, "level 1", expected) as talk,
    ):
        await asyncio.gather(*(talk.ask(request, question) for request in requests(asked)))


@pytest.mark.parametrize(("expected", "asked"), [(19, 22), (22, 19)])
def test_a_total_that_was_guessed_becomes_what_there_was(
    ledger: Ledger, fake_endpoint: FakeEndpoint, expected: int, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "SHOW_S", 0.0)
    seen = Seen()

    asyncio.run(converse(ledger, seen, expected, asked))

    assert all(done <= total for done, total, _ in seen.shown)
    assert seen.shown[-1][:2] == (asked, asked)
    assert seen.shown[-1][2].startswith(f"{asked} answered")
    assert "left" not in seen.shown[-1][2]


def test_what_was_asked_before_of_the_same_engine_is_not_counted_again(
    ledger: Ledger, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "SHOW_S", 0.0)
    seen = Seen()

    async def two() -> None:
        async with Engine.open(settings(), ledger, WHO, seen) as engine:
            for asked in (3, 5):
                async for _ in engine.ask(requests(asked), question, label="level 1", total=asked):
                    pass

    asyncio.run(two())

    assert seen.shown[-1][:2] == (5, 5)
    assert seen.shown[-1][2].startswith("5 answered, 3 reused, ")


def test_what_is_waited_for_is_said_while_nothing_comes(
    ledger: Ledger, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "QUIET_S", 0.1)
    fake_endpoint.control(first={"429": 1}, retry_after=1, latency=0.3)
    seen = Seen()

    asyncio.run(converse(ledger, seen, 2, 2))

    notes = "\n".join(note for _, _, note in seen.shown)
    assert "waiting: 2 asked" in notes
    assert "left" not in "".join(note for _, _, note in seen.shown if "waiting" in note)
    assert "1 to be asked again after a pause" in notes
    assert not seen.shown[-1][2].count("waiting")
    assert not any("0 answered" in note or "0.0/s" in note for _, _, note in seen.shown)


@pytest.mark.parametrize(
    ("usd", "unpriced", "words"),
    [
        (0.0, 0, "$0.00"),
        (1.5, 0, "$1.50"),
        (1.5, 1, "$1.50 and 1 reply of unknown price"),
        (0.0, 1_200, "1,200 replies of unknown price"),
    ],
)
def test_cost_is_told_as_far_as_it_is_known(usd: float, unpriced: int, words: str) -> None:
    tallies = Tallies()
    pace = Pace(tallies, 1)
    tallies.settle(Failed(Request("", "judge", "", "", None), "", "transient", "", ""))
    tallies.usd, tallies.unpriced = usd, unpriced
    assert pace.note(left=False).split("/s, ")[1] == words


def test_time_is_left_only_while_requests_are() -> None:
    tallies = Tallies()
    pace = Pace(tallies, 2)
    failed = Failed(Request("", "judge", "", "", None), "", "transient", "", "")

    tallies.settle(failed)
    assert pace.note().endswith(" left")

    tallies.settle(failed)
    assert "left" not in pace.note()


@dataclass
class Pass:
    """A pass that takes requests in and settles them as it is told."""

    taken: int = 0
    settled: int = 0

    def waits(self) -> str:
        return f"waiting: {self.taken - self.settled} asked" if self.taken > self.settled else ""


async def got_on(seen: Seen, expected: int, events: list[int], fault: bool, of_others: int) -> Pass:
    """A pass through `events`, of which those above 0 take in so many requests and 0 settles one, if any is asked."""
    one, tallies = Pass(), Tallies()
    with seen.track("children", expected) as advance:
        pace = Pace(tallies, expected)
        async with showing.shown(advance, pace, one) as count:
            for event in events:
                one.taken += event
                if event == 0 and one.settled < one.taken:
                    one.settled += 1
                    tallies.settle(Failed(Request("", "judge", "", "", None), "", "transient", "", ""))
                    count()
            for _ in range(of_others):  # another pass of the same engine
                tallies.settle(Failed(Request("", "judge", "", "", None), "", "transient", "", ""))
            if fault:
                raise ConnectionError
    return one


@given(
    expected=st.integers(0, 9),
    events=st.lists(st.integers(0, 3), max_size=30),
    fault=st.booleans(),
    often=st.booleans(),
    of_others=st.integers(0, 3),
)
def test_whatever_comes_no_more_is_shown_than_the_total_and_each_outcome_once(
    expected: int, events: list[int], fault: bool, often: bool, of_others: int
) -> None:
    seen, asked = Seen(), Pass()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(showing, "SHOW_S", 0.0 if often else 1e9)
        try:
            asked = asyncio.run(got_on(seen, expected, events, fault, of_others))
        except ConnectionError:
            assert fault
    done = [done for done, _, _ in seen.shown]
    assert all(done <= total for done, total, _ in seen.shown)
    assert done == sorted(done)
    if not fault:
        assert seen.shown[-1][:2] == (asked.settled, asked.taken)
    else:
        assert seen.shown[-1][1] >= expected
    assert "waiting" not in seen.shown[-1][2]
    assert "left" not in seen.shown[-1][2]
