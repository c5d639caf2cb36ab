"""Many tasks at once, a bounded number at a time, their results in the order of the work."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")
WIDTH = 512


async def each(items: Iterable[S], work: Callable[[S], Awaitable[T]], width: int = WIDTH) -> list[T]:
    """What `work` makes of each item, `width` of them at a time, in the order of `items`, which is read lazily.

    After the first error nothing new is begun, what has begun is waited for, and then the error is raised: a task that
    waits for an answer that is paid for gets it.
    """
    source: Iterator[tuple[int, S]] = iter(enumerate(items))
    results: dict[int, T] = {}
    failed = False

    async def worker() -> None:
        nonlocal failed
        for place, item in source:
            try:
                results[place] = await work(item)
            except BaseException:
                failed = True
                raise
            if failed:
                return

    ends = await asyncio.gather(*(worker() for _ in range(width)), return_exceptions=True)
    if error := next((end for end in ends if isinstance(end, BaseException)), None):
        raise error
    return [results[place] for place in range(len(results))]
