from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.verification.finals import boxed, final_answer, has_words, plain, value


def read(text: str) -> Fraction | None:
    return value(plain(text))


@pytest.mark.parametrize(
    ("text", "final"),
    [
        (r"so $\boxed{42}$.", "42"),
        (r"\boxed{3}, no: \boxed{ \frac{1}{\sqrt{2}} }", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed 7", "7"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\fbox{x}", "x"),
        (r"\boxed{}", None),
        (r"\boxed{\frac{1}{2}", None),
        (r"in a box: 42", None),
    ],
)
def test_the_last_box_is_read_with_the_braces_in_it(text: str, final: str | None) -> None:
    assert boxed(text) == final


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("He has 3 + 4 = 7.\n#### 7", "7"),
        ("Steps.\n**Answer:** 1,234 apples", "1,234 apples"),
        ("The answer is 12. Check: yes.\nThe final answer is: $x=3$.", "$x=3$"),
        ("#### 5\nanswer: 6", "5"),
        (r"#### 5 \boxed{6}", "6"),
        ("it is 7, I think", None),
    ],
)
def test_other_ways_to_state_an_answer_come_after_the_box(text: str, final: str | None) -> None:
    assert final_answer(text) == final


def test_the_last_number_is_only_guessed_at_where_that_is_asked_for() -> None:
    assert final_answer("first 3, then 1,250.5 left") is None
    assert final_answer("first 3, then 1,250.5 left", last_number=True) == "1,250.5"
    assert final_answer("no number", last_number=True) is None


@pytest.mark.parametrize(
    ("spellings", "number"),
    [
        (["1/2", "0.5", ".50", r"\frac12", r"\dfrac{1}{2}", "$1/2$", "x = 1/2", "**0.5**"], Fraction(1, 2)),
        (["5/2", r"2\frac{1}{2}", "2 1/2", "2.5", "2.50"], Fraction(5, 2)),
        (["1234", "1,234", "1{,}234", r"1\,234", "1 234", "1234.", "1,234.00"], Fraction(1234)),
        (["1234567", "1,234,567"], Fraction(1234567)),
        (["42", r"\$42", "42 dollars", r"42\text{ cm}", r"42\text{ m}", r"42^\circ", "42°", "42 km/h", "42 cm^2"], 42),
        (["50", r"50\%", "50 %", "50 percent"], Fraction(50)),
        (["-3", "\u22123", "- 3", r"-\frac{6}{2}"], Fraction(-3)),
        (["-5/2", r"-2\frac12"], Fraction(-5, 2)),
    ],
)
def test_spellings_of_one_number_meet(spellings: list[str], number: Fraction | int) -> None:
    assert {text: read(text) for text in spellings} == dict.fromkeys(spellings, number)


@pytest.mark.parametrize(
    "text",
    ["5 am", "5 million", "2 pi", "5x", "5 x", "(1,234)", "1, 234", "1,23", "5/0", "2^3", r"\frac{\pi}{2}", "3 or 4",
     "3 hours 20 minutes", "", "Tuesday", "1" * 500, "2**3", "10 sqrt 2", "5 to 3", "5 north", r"5 \text{ million}"],
)  # fmt: skip
def test_what_is_more_than_a_number_and_its_unit_is_no_number(text: str) -> None:
    assert read(text) is None


def test_words_are_told_from_symbols_and_functions() -> None:
    assert has_words("Tuesday")
    assert not any(map(has_words, ["xy + 2", r"\sqrt{2}", "sin x", r"\frac{\pi}{\alpha}"]))


@given(st.fractions(max_denominator=999), st.integers(0, 10**9))
def test_any_fraction_and_any_number_with_separators_is_read_back(fraction: Fraction, number: int) -> None:
    sign, size = "-" if fraction < 0 else "", abs(fraction)

    assert read(f"{sign}\\frac{{{size.numerator}}}{{{size.denominator}}}") == fraction
    assert read(f"{fraction.numerator}/{fraction.denominator}") == fraction
    assert read(f"\\${number:,}") == number


@given(st.text(alphabet=r"\{}boxedtfrac0123456789,./ $%^ *#answer:-=\n") | st.text())
def test_any_text_is_read_without_an_exception(text: str) -> None:
    for final in (boxed(text), final_answer(text, last_number=True), text):
        if final is not None:
            read(final)
            has_words(final)


@given(st.text(alphabet="0123456789ab+-*/^() {}", max_size=40))
def test_what_a_box_holds_comes_back(inner: str) -> None:
    balanced = inner.replace("{", "").replace("}", "")

    assert boxed(f"text {{ \\boxed{{{balanced}}} more") == (balanced.strip() or None)
