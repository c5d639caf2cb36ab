"""A stage that nothing came to has nothing to find fault with: the stage before said why."""

import polars as pl
import pytest

from evergrow.assets.dataset import clean, verified
from evergrow.assets.gates.check import judge
from evergrow.resources.settings import load_settings

FACTS = {
    "verified": {"requested": 0, "kept_against_settings": pl.lit(0)},
    "clean": {"requested": 0, "pointers_astray": pl.lit(0), "benchmarks": pl.lit(0), "benchmarks_missing": pl.lit(0)},
}
COLUMNS = {"verified": verified.COLUMNS, "clean": clean.COLUMNS}


@pytest.mark.parametrize("stage", FACTS)
def test_an_empty_table_passes_the_gates_between_answers_and_release(stage: str) -> None:
    empty = pl.DataFrame(schema=dict.fromkeys(COLUMNS[stage], pl.String))

    assert judge(stage, empty, load_settings(), FACTS[stage]).passed
