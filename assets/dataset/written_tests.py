"""Tests for programs, as a tester writes them: asked for again until the wanted number is there."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from evergrow.assets.dataset.requests import tester_requests
from evergrow.assets.outcomes import gather
from evergrow.methods.verification.code import read_tests
from evergrow.resources.llm.engine import Engine
from evergrow.resources.settings import dataset

TESTS = dict.fromkeys(("tests", "dropped"), pl.List(pl.String()))


async def written_tests(
    engine: Engine, programs: pl.DataFrame, rules: dataset.Verification, packages: Sequence[str]
) -> pl.DataFrame:
    """The tests of `id, content, code`, as `gather` has them; what is missing of their number is asked for again."""
    written = await _asked(engine, programs, rules, packages)
    for _ in range(rules.test_rounds - 1):
        short = programs.join(written.filter(pl.col("tests").list.len() < rules.tests), on="id", maintain_order="left")
        if short.is_empty():
            break
        more = (await _asked(engine, short, rules, packages)).select("id", more="tests", also="dropped")
        written = written.join(more, on="id", how="left", maintain_order="left").select(
            *(name for name in written.columns if name not in TESTS),
            tests=_both("tests", "more").list.unique(maintain_order=True),
            dropped=_both("dropped", "also"),
        )
    return written


async def _asked(
    engine: Engine, programs: pl.DataFrame, rules: dataset.Verification, packages: Sequence[str]
) -> pl.DataFrame:
    requests = tester_requests(programs, rules, packages)
    outcomes = engine.ask(requests, partial(read_tests, most=rules.tests), label="tests", total=programs.height)
    return await gather(outcomes, lambda read: {"tests": list(read.usable), "dropped": list(read.dropped)}, TESTS)


def _both(first: str, second: str) -> pl.Expr:
    """Two lists as one; null where the first is, which no answer was found for."""
    return pl.concat_list(first, pl.col(second).fill_null([]))
