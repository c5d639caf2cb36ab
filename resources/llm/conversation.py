"""Requests that follow from each other's answers: many tasks ask one at a time, and share one asking of the engine."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from evergrow.resources.llm.requests import Outcome, Request

if TYPE_CHECKING:
    from evergrow.resources.llm.engine import Engine

T = TypeVar("T")


class Inbox:
    """A source of requests that is filled while it is read, until it is closed."""

    def __init__(self) -> None:
        self._waiting: deque[Request] = deque()
        self._news = asyncio.Event()
        self._closed = False

    def put(self, request: Request) -> None:
        """Add one to the end."""
        self._waiting.append(request)
        self._news.set()

    def close(self) -> None:
        """There will be no more."""
        self._closed = True
        self._news.set()

    async def take(self, most: int) -> list[Request]:
        """The next requests, one to `most`, as soon as there are any; none once the inbox is closed and empty."""
        while not (self._waiting or self._closed):
            self._news.clear()
            await self._news.wait()
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]


class Conversation:
    """One asking that any number of tasks put their questions to. Open it with `conversation`."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._inbox = Inbox()
        self._names = count()
        self._answers: dict[str, asyncio.Future[Outcome[Any]]] = {}
        self._error: BaseException | None = None

    async def ask(self, request: Request, parse: Callable[[object], T]) -> Outcome[T]:
        """What becomes of `request`; `parse` as for `Engine.ask`.

        Raises:
            EndpointError, BudgetReached, SettingsError, LedgerError: no further request can be asked.
        """
        if self._error is not None:
            raise self._error
        name = str(next(self._names))
        answer: asyncio.Future[Outcome[T]] = asyncio.get_running_loop().create_future()
        self._answers[name] = answer
        self._inbox.put(replace(request, key=name, parse=parse))
        outcome = await answer
        return replace(outcome, request=request)

    async def run(self, label: str, total: int) -> None:
        """Hand out answers until `close` was called and all are handed out."""
        try:
            async with aclosing(self._engine.ask(self._inbox, _unread, label=label, total=total)) as outcomes:
                async for outcome in outcomes:
                    answer = self._answers.pop(outcome.request.key)
                    if not answer.done():
                        answer.set_result(outcome)
        except BaseException as error:
            self._fail(error)
            raise

    def close(self) -> None:
        """No further question comes."""
        self._inbox.close()

    def _fail(self, error: BaseException) -> None:
        self._error = error
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(error)
                answer.exception()  # it is raised by `run` as well: whoever no longer waits need not see it
        self._answers.clear()


@asynccontextmanager
async def conversation(engine: "Engine", label: str, total: int) -> AsyncIterator[Conversation]:
    """A conversation, for the time of the context; `label` and `total` are for the progress display.

    Raises:
        EndpointError, BudgetReached, SettingsError, LedgerError: after all that was paid for is handed out.
    """
    talk = Conversation(engine)
    running = asyncio.create_task(talk.run(label, total))
    try:
        yield talk
        talk.close()
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _unread(_: object) -> None:
    raise LookupError("a question of a conversation comes with its own parser")
