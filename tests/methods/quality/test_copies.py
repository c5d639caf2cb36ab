import polars as pl
import pytest

from evergrow.methods.quality.copies import share_of_copies


@pytest.mark.parametrize(
    ("texts", "share"),
    [
        ([], 0.0),
        ([None, None], 0.0),
        (["Add two numbers.", "add  TWO numbers", "Add 2 numbers."], 1 / 3),
        (["same"] * 18, 17 / 18),
        (["?!", "!?", "?!", None], 1 / 3),
        (["3 + 4", "3 - 4"], 0.0),
    ],
)
def test_a_copy_has_the_words_of_an_earlier_text(texts: list[str | None], share: float) -> None:
    assert share_of_copies(pl.Series(texts, dtype=pl.String)) == pytest.approx(share)
