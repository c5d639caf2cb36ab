from operator import eq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.verification.agreement import agree, decide

DRAWS = st.lists(st.sampled_from(["1", "2", "3", None]), max_size=64)


def test_the_most_frequent_answer_wins_and_its_first_draw_stands_for_it() -> None:
    found = agree(["2", "1", "1", None, "1"], eq)

    assert (found.winner, found.first, found.share) == ("1", 1, 0.6)
    assert found.votes == (("1", 3), ("2", 1))


def test_a_tie_has_no_winner() -> None:
    assert agree(["1", "2"], eq).winner is None
    assert "no answer has most votes" in decide(agree(["1", "2", "1", "2", None], eq), 0.1).detail


@pytest.mark.parametrize(("finals", "verdict"), [(["1", "1", "2", "3"], "fail"), (["1", "1", "1", "2"], "pass")])
def test_the_share_must_be_more_than_the_least(finals: list[str], verdict: str) -> None:
    assert decide(agree(finals, eq), 0.5).verdict == verdict


def test_draws_without_an_answer_agree_with_none() -> None:
    assert agree(["1", None, None], eq).share == pytest.approx(1 / 3)
    assert decide(agree([None, None], eq), 0.0).verdict == "fail"
    assert decide(agree([], eq), 0.0).verdict == "fail"


@given(DRAWS, st.floats(0, 1))
def test_a_decision_names_the_first_draw_of_a_true_majority(finals: list[str | None], least: float) -> None:
    decision = decide(agree(finals, eq), least)

    if decision.chosen is None:
        assert decision.verdict == "fail"
    else:
        winner = finals[decision.chosen]
        assert finals.index(winner) == decision.chosen
        assert decision.agreement == finals.count(winner) / len(finals) > least
        assert all(finals.count(other) < finals.count(winner) for other in {*finals} - {winner, None})


@given(DRAWS)
def test_comparisons_stay_within_draws_times_classes(finals: list[str | None]) -> None:
    asked = []

    def counting(first: str, second: str) -> bool:
        asked.append((first, second))
        return first == second

    found = agree(finals, counting)

    assert sum(count for _, count in found.votes) == len(finals) - finals.count(None)
    assert len(asked) <= len(finals) * max(len(found.votes), 1)
