"""What all who wait for room share: the news that there may be some, or that nothing more can be done."""

import asyncio


class Changes:
    """A condition of one engine. Whoever waits joins, and looks again each time its event is set."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self._waiting: set[asyncio.Event] = set()

    def join(self) -> asyncio.Event:
        """An event that is set at every change, until `part`."""
        event = asyncio.Event()
        self._waiting.add(event)
        if self.error is not None:
            event.set()
        return event

    def part(self, event: asyncio.Event) -> None:
        """Wait no more."""
        self._waiting.discard(event)

    def notify(self) -> None:
        """A place or money has come back."""
        for event in self._waiting:
            event.set()

    def fail(self, error: Exception) -> None:
        """Whatever is asked now or later ends with `error`."""
        self.error = self.error or error
        self.notify()
