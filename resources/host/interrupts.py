"""Interruptions of a step that runs an event loop: Ctrl-C, a stop in the UI, a shutdown."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dagster as dg

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@asynccontextmanager
async def interruptible() -> AsyncIterator[None]:
    """Let a signal cancel the current task, so that what it holds is closed in order; a second one ends it at once.

    Dagster's handler raises wherever the process happens to be, in the middle of the event loop too, which then can
    neither close connections nor generators.

    Raises:
        DagsterExecutionInterruptedError: a signal came; Dagster then ends the run.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is told of signals
        return
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    came = False

    def restore() -> None:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

    def stop() -> None:
        nonlocal came
        came = True
        restore()
        if task is not None:
            task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    except asyncio.CancelledError:
        if came:
            raise dg.DagsterExecutionInterruptedError from None
        raise
    finally:
        restore()
