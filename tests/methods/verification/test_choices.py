from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.verification.choices import options, stated_letter, verify_choice


@pytest.mark.parametrize(
    ("content", "letters"),
    [
        ("What now?\n(A) run\n(B) stay", "AB"),
        ("What now?\nA) run\nB) stay\nC) ask", "ABC"),
        ("Pick.\n A. one\n B. two\n", "AB"),
        ("- A: one\n- B: two", "AB"),
        ("A. Smith is here.\nWhat now?\n(A) run\n(B) stay", "AB"),
        ("(A) run\n(B) stay\nA. N. Other", "AB"),
        ("(A) only one", ""),
        ("(B) not\n(C) the first", ""),
        ("no options", ""),
    ],
)
def test_options_are_read_where_lines_begin_with_letters(content: str, letters: str) -> None:
    assert "".join(options(content)) == letters


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("Because.\nAnswer: A", "A"),
        ("Because.\n**Answer: (B)**", "B"),
        ("The correct answer is (A).", "A"),
        ("Answer: A, no.\nAnswer: B", "B"),
        (r"The answer is $\boxed{\text{B}}$.", "B"),
        ("Because.\n(B)", "B"),
        ("ANSWER:B", "B"),
        ('The answer is "B".', "B"),
        ("Answer: B) she opens it", "B"),
    ],
)
def test_the_letter_is_the_last_that_is_stated(text: str, letter: str) -> None:
    assert stated_letter(text, ("A", "B")) == letter


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Because.\nAnswer: C", "'C'.*A, B"),
        ("A man walks. The answer is a riddle.", "does not end"),
        ("The answer is As expected.", "does not end"),
        ("Answer: A or B", "does not end"),
        ("", "does not end"),
    ],
)
def test_an_answer_without_an_option_is_unusable(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stated_letter(text, ("A", "B"))


@given(st.text(alphabet="ABCanswer: ()\n*$`\\boxed{}") | st.text())
def test_whatever_is_stated_is_an_option(text: str) -> None:
    with suppress(ValueError):
        assert stated_letter(text, ("A", "B")) in ("A", "B")


def test_a_majority_must_be_right_where_that_is_known() -> None:
    draws = ["A", "B", "B", "B", None]

    right = verify_choice(draws, tuple("AB"), "B", 0.5)
    wrong = verify_choice(draws, tuple("AB"), "A", 0.5)

    assert (right.verdict, right.chosen, right.agreement) == ("pass", 1, 0.6)
    assert (wrong.verdict, wrong.chosen) == ("fail", None)
    assert wrong.detail.startswith("most draws say B, but A is right")
    assert verify_choice(draws, tuple("AB"), None, 0.5).verdict == "pass"


def test_ties_letters_of_no_option_and_small_majorities_fail() -> None:
    assert verify_choice(["A", "B"], tuple("AB"), "A", 0.0).verdict == "fail"
    assert verify_choice(["C", "C"], tuple("AB"), None, 0.0).verdict == "fail"
    assert verify_choice(["A", "A", "B", "C"], tuple("ABC"), "A", 0.5).verdict == "fail"
