import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.verification.maths import equal, told_apart, verify_maths


def refuse(first: str, second: str) -> bool:
    raise AssertionError(f"needs no algebra: {first!r}, {second!r}")


def test_numbers_and_words_are_compared_without_algebra() -> None:
    decision = verify_maths([r"\frac{1}{2}", "0.5", "3", "one half", "1/2"], refuse, 0.5)

    assert (decision.verdict, decision.chosen, decision.agreement) == ("pass", 0, 0.6)


def test_expressions_agree_symbolically() -> None:
    decision = verify_maths(["3", "(x+1)^2", "x^2+2x+1", r"2x + x^2 + 1"], equal, 0.5)

    assert (decision.verdict, decision.chosen, decision.agreement) == ("pass", 1, 0.75)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (r"\text{Tuesday}", "tuesday", True),
        ("Tuesday", "Tuedsay", False),
        ("1/3", "0.333", False),
        ("50\\%", "0.5", False),
        ("2^3", "8", None),
        ("A", "a", None),
        ("x" + "+x" * 200, "y", False),
    ],
)
def test_spelling_tells_what_it_can(first: str, second: str, same: bool | None) -> None:
    assert told_apart(first, second) is same
    assert told_apart(second, first) is same


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (r"2\sqrt{3}", r"\sqrt{12}", True),
        ("2^3", "8", True),
        ("2,3", "3,2", True),
        (r"\{1,2\}", r"\{2,1\}", True),
        ("(1,2)", "(2,1)", False),
        ("[0,1]", "(0,1)", False),
        ("5", "x=5", True),
        ("a", "b", False),
        ("", "1", False),
    ],
)
def test_algebra_tells_the_rest(first: str, second: str, same: bool) -> None:
    assert equal(first, second) is same
    assert equal(second, first) is same


def test_text_is_never_evaluated_as_python(tmp_path: object) -> None:
    target = f"{tmp_path}/made"

    assert not equal(f"open('{target}','w')", "1")
    assert not equal(f"__import__('pathlib').Path('{target}').touch()", "1")
    with pytest.raises(FileNotFoundError), open(target):  # noqa: PTH123 - whether it exists
        pass


FINALS = st.lists(st.sampled_from(["1", "2/4", "0.5", r"\frac12", "1.0", "Monday", "monday", None]), max_size=16)


@given(FINALS)
def test_votes_count_every_answer_once_whatever_the_order(finals: list[str | None]) -> None:
    forward, backward = (verify_maths(list(order), refuse, 0.5) for order in (finals, finals[::-1]))

    assert (forward.verdict, forward.agreement) == (backward.verdict, backward.agreement)
    if forward.chosen is not None and backward.chosen is not None:
        chosen = str(finals[forward.chosen])
        assert told_apart(chosen, str(finals[::-1][backward.chosen]))
        assert not any(told_apart(chosen, final) for final in finals[: forward.chosen] if final is not None)
