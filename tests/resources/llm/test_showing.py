"""What is shown of an asking: never more than its total, and what it waits for."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from evergrow.resources.host.progress import Advance
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Engine, conversation, showing
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


def test_what_is_waited_for_is_said_while_nothing_comes(
    ledger: Ledger, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "QUIET_S", 0.1)
    fake_endpoint.control(first={"429": 1}, retry_after=1, latency=0.3)
    seen = Seen()

    asyncio.run(converse(ledger, seen, 2, 2))

    notes = "\n".join(note for _, _, note in seen.shown)
    assert "waiting: 2 asked" in notes
    assert "1 to be asked again after a pause" in notes
    assert not seen.shown[-1][2].count("waiting")
    assert not any("0 answered" in note or "0.0/s" in note for _, _, note in seen.shown)
