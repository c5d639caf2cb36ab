"""A source of requests that is filled while it is read."""

import asyncio
from collections import deque

from evergrow.resources.llm.requests import Request


class Inbox:
    """Requests in the order they were put in, until it is closed."""

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
