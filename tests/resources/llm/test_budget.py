import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.ledger import Rows
from evergrow.resources.llm.budget import Budget, BudgetReached, Purse, Reservation
from evergrow.resources.settings.models import Limits


def purse(tokens: int = 0, usd: float = 0.0, **limits: float) -> Purse:
    return Purse("budget.run", "this run", Limits(**limits), Rows(), tokens, usd)


@given(
    st.integers(1, 5000),
    st.lists(st.tuples(st.integers(1, 900), st.floats(0, 1), st.booleans()), max_size=60),
)
def test_what_is_spent_and_set_aside_never_exceeds_the_limit(limit: int, steps: list[tuple[int, float, bool]]) -> None:
    held_purse = purse(max_tokens=limit)
    budget, held = Budget([held_purse]), list[Reservation]()

    for worst, share, settle_first in steps:
        if settle_first and held:
            reservation = held.pop(0)
            budget.settle(reservation, int(reservation.tokens * share), 0.0)
        want = Reservation(worst, 0.0)
        try:
            if budget.reserve(want):
                held.append(want)
            else:
                assert held
        except BudgetReached:
            assert not held
        assert held_purse.tokens + held_purse.held_tokens <= limit


def test_a_request_that_does_not_fit_waits_while_another_may_make_room() -> None:
    budget = Budget([purse(max_tokens=100)])
    assert budget.reserve(Reservation(80, 0.0))
    assert not budget.reserve(Reservation(80, 0.0))

    budget.settle(Reservation(80, 0.0), 10, 0.0)

    assert budget.reserve(Reservation(80, 0.0))


def test_the_message_names_limit_scope_and_what_is_spent() -> None:
    budget = Budget([purse(tokens=1, max_tokens=10_000), purse(usd=1.25, max_usd=1.5)])

    with pytest.raises(BudgetReached) as reached:
        budget.reserve(Reservation(10, 0.3))

    assert "budget.run.max_usd is $1.5000 for this run, $1.2500 is spent" in str(reached.value)


def test_nothing_is_held_when_one_of_several_purses_has_no_room() -> None:
    roomy, tight = purse(max_tokens=1000), purse(tokens=95, max_tokens=100)
    budget = Budget([roomy, tight])

    with pytest.raises(BudgetReached):
        budget.reserve(Reservation(10, 0.0))

    assert roomy.held_tokens == 0


def test_without_limits_everything_fits() -> None:
    budget = Budget([purse(tokens=10**12)])

    assert budget.reserve(Reservation(10**9, 0.0))
    assert not budget.in_money
