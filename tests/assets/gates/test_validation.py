"""What Great Expectations finds is of the frame that it was asked about, whoever else asks it in the same process."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import great_expectations as gx
import polars as pl

from evergrow.assets.gates.suite import RowRule
from evergrow.assets.gates.validation import validate_rows

RULE = RowRule("scores lie on the scale", "be_between", "score")


def failing(bad: int) -> tuple[str, ...]:
    """Which rows are named of a table whose first `bad` ones are off the scale."""
    frame = pl.DataFrame({"id": [f"{bad}-{n}" for n in range(9)], "score": [99.0] * bad + [5.0] * (9 - bad)})
    (found,) = validate_rows(frame, [(RULE, {"min_value": 1, "max_value": 10})])
    assert found.met is (bad == 0)
    assert found.observed == f"{bad} of 9 rows fail"
    return found.rows


def test_tables_that_are_judged_at_once_are_not_taken_for_one_another() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(failing, range(9)))

    assert found == [tuple(f"{bad}-{n}" for n in range(bad)) for bad in range(9)]


def test_another_context_of_the_library_in_the_same_process_changes_nothing(tmp_path: Path) -> None:
    assert failing(2) == ("2-0", "2-1")
    gx.get_context(mode="file", project_root_dir=tmp_path).data_sources.add_pandas("frames")

    assert failing(3) == ("3-0", "3-1", "3-2")
