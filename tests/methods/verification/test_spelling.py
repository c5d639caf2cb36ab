from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.verification.spelling import plain, value


def read(text: str) -> Fraction | None:
    return value(plain(text))


@pytest.mark.parametrize(
    ("spellings", "number"),
    [
        (
            ["1/2", "0.5", ".50", r"\frac12", r"\dfrac{1}{2}", "$1/2$", "**0.5**", r"50\%", "50 percent", "½"],
            Fraction(1, 2),
        ),
        (["5/2", r"2\frac{1}{2}", "2 1/2", "2.5", "2.50", "2½"], Fraction(5, 2)),
        (["1234", "1,234", "1{,}234", r"1\,234", "1 234", "1234.", "1,234.00"], Fraction(1234)),
        (["1234567", "1,234,567", r"1.234567\times 10^6", "1.234567e6"], Fraction(1234567)),
        ([r"0.\overline{3}", "0.(3)", "0.333...", r"0.\dot{3}", "1/3"], Fraction(1, 3)),
        ([r"0.\dot{1}4285\dot{7}", r"0.\overline{142857}"], Fraction(1, 7)),
        (["-3", "\u22123", "- 3", r"-\frac{6}{2}"], Fraction(-3)),
        (["-5/2", r"-2\frac12"], Fraction(-5, 2)),
    ],
)
def test_spellings_of_one_number_meet(spellings: list[str], number: Fraction) -> None:
    assert {text: read(text) for text in spellings} == dict.fromkeys(spellings, number)


@pytest.mark.parametrize(
    "text",
    ["5 am", "5 million", "2 pi", "5x", "5 cm", "(1,234)", "1, 234", "1,23", "5/0", "2^3", r"\frac{\pi}{2}", "3 or 4",
     "0.12...", "", "Tuesday", "1" * 500, "2**3", "1e999999", "7 pm", "12_5"],
)  # fmt: skip
def test_what_is_more_than_a_number_is_no_number(text: str) -> None:
    assert read(text) is None


@given(st.fractions(max_denominator=999), st.integers(0, 10**9))
def test_any_fraction_and_any_number_with_separators_is_read_back(fraction: Fraction, number: int) -> None:
    sign, size = "-" if fraction < 0 else "", abs(fraction)

    assert read(f"{sign}\\frac{{{size.numerator}}}{{{size.denominator}}}") == fraction
    assert read(f"{fraction.numerator}/{fraction.denominator}") == fraction
    assert read(f"{number:,}") == number


@given(st.text(alphabet=r"\{}tfrac0123456789,./ $%^ *-=eE()\n") | st.text())
def test_any_text_is_read_without_an_exception(text: str) -> None:
    read(text)
    assert plain(plain(text)) is not None
