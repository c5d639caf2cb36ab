import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.verification.finals import boxed, final_answer


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
        ("2 + 3 = 5 #### 5", "5"),
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


@given(st.text(alphabet=r"\{}boxedtfrac0123456789,./ $%^ *#answer:-=\n") | st.text())
def test_any_text_is_read_without_an_exception(text: str) -> None:
    for final in (boxed(text), final_answer(text, last_number=True)):
        assert final is None or final


@given(st.text(alphabet="0123456789ab+-*/^() {}", max_size=40))
def test_what_a_box_holds_comes_back(inner: str) -> None:
    balanced = inner.replace("{", "").replace("}", "")

    assert boxed(f"text {{ \\boxed{{{balanced}}} more") == (balanced.strip() or None)
