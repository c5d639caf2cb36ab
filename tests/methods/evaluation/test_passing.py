import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.evaluation.passing import compare, mcnemar, pass_at, score


@given(st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_choices_of_k_draws_with_a_right_one(case: tuple[int, int, int]) -> None:
    draws, right, k = case
    chosen = list(itertools.combinations([True] * right + [False] * (draws - right), k))

    assert pass_at(k, draws, right) == pytest.approx(sum(map(any, chosen)) / len(chosen))


def test_too_few_draws_are_refused_rather_than_estimated() -> None:
    with pytest.raises(ValueError, match="pass@10"):
        pass_at(10, 5, 2)
    assert score(10, [(5, 2)]) is None
    assert score(1, []) is None


def test_a_score_has_wilsons_interval() -> None:
    found, perfect = score(1, [(1, 1)] * 8 + [(1, 0)] * 2), score(1, [(1, 1)] * 164)

    assert found is not None
    assert [found.value, found.low, found.high] == pytest.approx([0.8, 0.490, 0.943], abs=1e-3)  # Wilson, 8 of 10
    assert perfect is not None
    assert [perfect.value, perfect.high] == pytest.approx([1.0, 1.0])
    assert 0.97 < perfect.low < 0.98  # all right is not certain


def test_mcnemars_test_is_exact() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(1, 9) == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar(9, 1) == mcnemar(1, 9)


def test_two_models_are_compared_problem_by_problem() -> None:
    first, second = [[True]] * 20 + [[False]] * 5, [[True]] * 10 + [[False]] * 15

    found = compare(first, second)

    assert found is not None
    assert [found.only_first, found.only_second] == [10, 0]
    assert found.difference == pytest.approx(0.4)
    assert found.low > 0.1
    assert found.p_value == pytest.approx(2 / 2**10)
    assert compare([], []) is None
