import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.text.fold import clean, fold


@pytest.mark.parametrize(
    "text", ["- Foo bar", "1. Foo bar", '"Foo bar"', "**Foo bar**", "Foo  bar.", "a) Foo bar", "* `Foo bar`"]
)
def test_bullets_numbers_quotes_and_full_stops_go(text: str) -> None:
    assert clean(text) == "Foo bar"


@pytest.mark.parametrize("text", ["C++", "3D printing", "*", "U.S. history", "1.5 litres"])
def test_what_belongs_to_the_name_stays(text: str) -> None:
    assert clean(text) == text


def test_spelling_makes_no_difference_and_signs_with_a_meaning_do() -> None:
    assert fold("Mathematical  Domains") == fold("mathematical domain.") == fold("Mathematical-Domain")
    assert fold("Counting & Probability") == fold("counting and probability")
    assert len({fold(name) for name in ("C", "C++", "C#")}) == 3


@given(st.text())
def test_cleaning_and_folding_end_on_one_line_and_are_stable(text: str) -> None:
    assert "\n" not in clean(text)
    assert clean(clean(text)) == clean(clean(clean(text)))
    assert fold(text) == fold(text.strip())
