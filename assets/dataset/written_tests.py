"""Tests for programs, as a tester writes them: asked for again until the wanted number is there."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from evergrow.assets.dataset.requests import tester_requests
from evergrow.assets.outcomes import gather
from evergrow.methods.verification.code_tests import read_tests
from evergrow.resources.llm.engine import Engine
from evergrow.resources.settings import dataset

NO_MORE = "no further test"  # stands where dropped tests do: those that were missing were asked for, in vain
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
        own = pl.element().filter(~pl.element().str.starts_with(NO_MORE))
        short = short.with_columns(pl.col("dropped").list.eval(own))
        asked = await _asked(engine, short, rules, packages)
        more = asked.select("id", more="tests", also="dropped", again="reason")
        nothing = pl.when(pl.col("again").is_not_null()).then(pl.concat_list(pl.format(f"{NO_MORE}: {{}}", "again")))
        written = written.join(more, on="id", how="left", maintain_order="left").select(
            *(name for name in written.columns if name not in TESTS),
            tests=_both("tests", "more").list.unique(maintain_order=True),
            dropped=pl.concat_list(_both("dropped", "also"), nothing.fill_null([])),
        )
    return written


def reasons(written: pl.DataFrame) -> pl.DataFrame:
    """The `reason` for which tests are missing of each row that `written_tests` gave; null where none are, or where a
    tester could write no more of them: what nobody answered is owed, however many tests were there before.
    """
    again = written["dropped"].list.eval(pl.element().str.extract(rf"^{NO_MORE}: (failed: .*)$")).list.drop_nulls()
    return written.select(reason=pl.coalesce("reason", again.list.first()))


async def _asked(
    engine: Engine, programs: pl.DataFrame, rules: dataset.Verification, packages: Sequence[str]
) -> pl.DataFrame:
    requests = tester_requests(programs, rules, packages)
    outcomes = engine.ask(requests, partial(read_tests, most=rules.tests), label="tests", total=programs.height)
    return await gather(outcomes, lambda read: {"tests": list(read.usable), "dropped": list(read.dropped)}, TESTS)


def _both(first: str, second: str) -> pl.Expr:
    """Two lists as one; null where the first is, which no answer was found for."""
    return pl.concat_list(first, pl.col(second).fill_null([]))
