import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evergrow.methods.verification.maths import equal, told_apart, verify_maths

PAIRS = json.loads(Path("tests/data/final_answers.json").read_text(encoding="utf-8"))


def refuse(first: str, second: str) -> bool:
    raise AssertionError(f"needs no algebra: {first!r}, {second!r}")


def both_ways(first: str, second: str) -> set[bool]:
    return {equal(first, second), equal(second, first)}


def test_no_two_different_answers_are_taken_for_one() -> None:
    pairs = PAIRS["different"]
    assert len(pairs) >= 150
    assert [pair for pair in pairs if both_ways(*pair) != {False}] == []


def test_nearly_all_spellings_of_one_answer_meet() -> None:
    pairs = PAIRS["equal"]
    missed = [pair for pair in pairs if both_ways(*pair) != {True}]
    assert len(missed) <= 0.05 * len(pairs), missed


def test_spelling_tells_the_same_as_algebra_wherever_it_tells_anything() -> None:
    told = [
        (told_apart(*pair), told_apart(*pair[::-1]), kind == "equal") for kind, pairs in PAIRS.items() for pair in pairs
    ]
    assert {(one, two) for one, two, _ in told} <= {(True, True), (False, False), (None, None)}
    assert all(one in (None, label) for one, _, label in told)
    assert sum(one is None for one, _, _ in told) < len(told) / 2


def test_numbers_and_words_are_compared_without_algebra() -> None:
    decision = verify_maths([r"\frac{1}{2}", "0.5", "3", "one half", "50%"], refuse, 0.5)

    assert (decision.verdict, decision.chosen, decision.agreement) == ("pass", 0, 0.6)


def test_expressions_agree_symbolically() -> None:
    decision = verify_maths(["3", "(x+1)^2", "x^2+2x+1", r"2x + x^2 + 1"], equal, 0.5)

    assert (decision.verdict, decision.chosen, decision.agreement) == ("pass", 1, 0.75)


@pytest.mark.parametrize(
    "text", ["", " ", "$", "(", r"\frac{1}{", r"\begin{pmatrix}", "x" + "+x" * 200, "=", "< <", "1" * 5000]
)
def test_what_cannot_be_read_equals_itself_alone(text: str) -> None:
    assert told_apart(text, text) is True
    assert both_ways(text, "y") == {False}


def test_text_is_never_evaluated_as_python(tmp_path: Path) -> None:
    target = tmp_path / "made"

    assert not equal(f"open('{target}','w')", "1")
    assert not equal(f"__import__('pathlib').Path('{target}').touch()", "1")
    assert not target.exists()


FINALS = st.lists(st.sampled_from(["1", "2/4", "0.5", r"\frac12", "1.0", "Monday", "monday", None]), max_size=16)


@given(FINALS)
def test_votes_count_every_answer_once_whatever_the_order(finals: list[str | None]) -> None:
    forward, backward = (verify_maths(list(order), refuse, 0.5) for order in (finals, finals[::-1]))

    assert (forward.verdict, forward.agreement) == (backward.verdict, backward.agreement)
    if forward.chosen is not None and backward.chosen is not None:
        chosen = str(finals[forward.chosen])
        assert told_apart(chosen, str(finals[::-1][backward.chosen]))
        assert not any(told_apart(chosen, final) for final in finals[: forward.chosen] if final is not None)


@example("1,<", "0;0")
@given(st.text(alphabet=r"\{}frac0123456789,./ $%^_()[]<>=|&xy or-", max_size=60), st.text(max_size=30))
def test_any_two_texts_are_told_apart_alike_in_both_orders(first: str, second: str) -> None:
    assert told_apart(first, second) is told_apart(second, first)
    assert told_apart(first, first) is True
