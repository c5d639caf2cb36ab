import asyncio

import pytest

from evergrow.methods.concurrency import each


def test_results_come_in_the_order_of_the_work_and_few_run_at_once() -> None:
    running = peak = 0

    async def work(number: int) -> int:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0.001 * (5 - number % 5))
        running -= 1
        return number * 2

    assert asyncio.run(each(range(50), work, 8)) == [n * 2 for n in range(50)]
    assert peak == 8


def test_after_an_error_nothing_new_is_begun_and_what_has_begun_ends() -> None:
    begun, ended = [], []

    async def work(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(0.01)
        if number == 1:
            raise ValueError("one is bad")
        ended.append(number)

    with pytest.raises(ValueError, match="one is bad"):
        asyncio.run(each(range(100), work, 4))

    assert sorted(ended) == [n for n in begun if n != 1]
    assert len(begun) <= 8
