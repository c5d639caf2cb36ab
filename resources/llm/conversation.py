"""Requests that follow from each other's answers: many tasks ask one at a time, and share one asking of the engine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any, TypeVar

from evergrow.resources.llm.engine import Engine
from evergrow.resources.llm.request_source import Inbox
from evergrow.resources.llm.requests import Outcome, Request

T = TypeVar("T")


class Conversation:
    """One asking that any number of tasks put questions to; it begins with the first. Open it with `conversation`."""

    def __init__(self, engine: Engine, label: str, total: int) -> None:
        self._engine, self._label, self._total = engine, label, total
        self._inbox = Inbox()
        self._names = count()
        self._answers: dict[str, asyncio.Future[Outcome[Any]]] = {}
        self._running: asyncio.Task[None] | None = None
        self._error: BaseException | None = None

    async def ask(self, request: Request, parse: Callable[[object], T]) -> Outcome[T]:
        """What becomes of `request`; `parse` as for `Engine.ask`.

        Raises:
            EndpointError, BudgetReached, SettingsError, LedgerError: no further request can be asked.
        """
        if self._error is not None:
            raise self._error
        self._engine.require_live(request.role)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        name = str(next(self._names))
        answer: asyncio.Future[Outcome[T]] = asyncio.get_running_loop().create_future()
        self._answers[name] = answer
        self._inbox.put(replace(request, key=name, parse=parse))
        return replace(await answer, request=request)

    async def finish(self) -> None:
        """Wait until all answers are handed out; no question comes any more."""
        self._inbox.close()
        if self._running is not None:
            await self._running

    async def abandon(self) -> None:
        """End at once, whatever is under way; nothing is done if all is finished."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        try:
            asking = self._engine.ask(self._inbox, _unread, label=self._label, total=self._total)
            async with aclosing(asking) as outcomes:
                async for outcome in outcomes:
                    answer = self._answers.pop(outcome.request.key)
                    if not answer.done():
                        answer.set_result(outcome)
        except BaseException as error:
            self._fail(error)
            raise

    def _fail(self, error: BaseException) -> None:
        self._error = error
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(error)
                answer.exception()  # `finish` raises it as well: whoever no longer waits need not see it
        self._answers.clear()


@asynccontextmanager
async def conversation(engine: Engine, label: str, total: int) -> AsyncIterator[Conversation]:
    """A conversation, for the time of the context; `label` and `total` are for the progress display.

    Raises:
        EndpointError, BudgetReached, SettingsError, LedgerError: after all that was paid for is handed out.
    """
    talk = Conversation(engine, label, total)
    try:
        yield talk
        await talk.finish()
    finally:
        await talk.abandon()


def _unread(_: object) -> None:
    raise LookupError("a question of a conversation comes with its own parser")
