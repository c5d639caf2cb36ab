from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.ledger import NOTHING, Amount, Rows
from evergrow.resources.llm.budget import Budget, Limit
from evergrow.resources.settings.spending import Limits


def limit(tokens: int = 0, usd: float = 0.0, **limits: float) -> Limit:
    """One that may spend `tokens` and `usd`."""
    block = Amount(tokens, usd)
    return Limit("budget.run", "this run", "run r", Limits(**limits), Rows, block=block, reach=block)


@given(
    st.integers(1, 5000),
    st.lists(st.tuples(st.integers(1, 900), st.floats(0, 1), st.booleans()), max_size=60),
)
def test_what_is_spent_and_set_aside_never_exceeds_the_block(block: int, steps: list[tuple[int, float, bool]]) -> None:
    held_purse = limit(block, max_tokens=10_000)
    budget, held = Budget([held_purse]), list[Amount]()

    for worst, share, settle_first in steps:
        if settle_first and held:
            amount = held.pop(0)
            budget.settle(amount, Amount(int(amount.tokens * share), 0.0))
        want = Amount(worst, 0.0)
        if budget.reserve(want):
            held.append(want)
        else:
            short = held_purse.short(want).tokens
            assert held_purse.held.tokens + worst - short == held_purse.block.tokens
            assert budget.reached(want)
        assert held_purse.held.tokens == sum(amount.tokens for amount in held) <= held_purse.block.tokens
    assert budget.in_flight == bool(held)


def test_a_request_that_does_not_fit_waits_while_another_may_make_room() -> None:
    budget = Budget([limit(100, max_tokens=100)])
    assert budget.reserve(Amount(80, 0.0))
    assert not budget.reserve(Amount(80, 0.0))

    budget.settle(Amount(80, 0.0), Amount(10, 0.0))

    assert budget.reserve(Amount(80, 0.0))


def test_the_message_names_limit_scope_and_what_is_spent_here_and_elsewhere() -> None:
    tight = limit(usd=1.5, max_usd=2.0)
    budget = Budget([limit(9_999, max_tokens=10_000), tight])
    budget.settle(NOTHING, Amount(0, 1.25))
    tight.others = Amount(0, 0.5)

    reached = budget.reached(Amount(10, 0.3))

    assert (
        "budget.run.max_usd is $2.0000 for this run, $1.2500 is spent (runs beside this one may spend $0.5000 of the "
        "rest), and the next request may take up to $0.3000"
    ) in str(reached)


def test_nothing_is_held_when_one_of_several_purses_has_no_room() -> None:
    roomy, tight = limit(1000, max_tokens=1000), limit(5, max_tokens=100)
    budget = Budget([roomy, tight])

    assert not budget.reserve(Amount(10, 0.0))

    assert roomy.held == NOTHING


def test_without_limits_everything_fits() -> None:
    budget = Budget([])

    assert budget.reserve(Amount(10**9, 0.0))
    assert not budget.in_money
