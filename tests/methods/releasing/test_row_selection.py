import pytest

from evergrow.methods.releasing.row_selection import Wanted
from tests.releases import row, table

ROWS = table(
    row(0, round=1, complexity=2.0, domain="maths", verdict="pass", batch="a", split="train", license="MIT"),
    row(1, round=2, complexity=5.0, domain="python", verdict="fail", batch="a", split="test", license="Apache-2.0"),
    row(2, round=3, complexity=9.0, domain=None, verdict=None, batch="b", split="validation", license=None),
    row(3, round=None, complexity=None, domain="maths", verdict="pass", batch="b", split="train", license="MIT"),
)


@pytest.mark.parametrize(
    ("wanted", "found", "described"),
    [
        (Wanted(), [0, 1, 2, 3], "all rows"),
        (Wanted(rounds=(1, 3)), [0, 2], "rounds 1, 3"),
        (Wanted(min_complexity=5), [1, 2], "complexity 5 or more"),
        (Wanted(max_complexity=5), [0, 1], "complexity 5 or less"),
        (Wanted(min_complexity=2.5, max_complexity=8), [1], "complexity 2.5 to 8"),
        (Wanted(domains=("maths",)), [0, 3], "domain maths"),
        (Wanted(domains=("maths", "unknown")), [0, 2, 3], "domain maths, unknown"),
        (Wanted(verdicts=("pass",)), [0, 3], "verdict pass"),
        (Wanted(batches=("b",)), [2, 3], "batch b"),
        (Wanted(splits=("test", "validation")), [1, 2], "split test, validation"),
        (Wanted(licences=("MIT",)), [0, 3], "license MIT"),
        (Wanted(licences=("unknown",)), [2], "license unknown"),
        (Wanted(rounds=(1,), licences=("MIT",), splits=("train",)), [0], "rounds 1; split train; license MIT"),
        (Wanted(domains=("none such",)), [], "domain none such"),
    ],
)
def test_rows_are_chosen_and_the_choice_described(wanted: Wanted, found: list[int], described: str) -> None:
    assert ROWS.filter(wanted.expr())["id"].to_list() == [f"s{number}_0" for number in found]
    assert wanted.describe() == described


def test_a_condition_can_be_turned_round() -> None:
    """Never null: what is not wanted is all the rest, rows that say nothing among them."""
    wanted = Wanted(min_complexity=5)

    assert ROWS.filter(~wanted.expr()).height == 2
