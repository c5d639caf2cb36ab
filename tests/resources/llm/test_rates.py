from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.llm.rates import BURST_S, Bucket


@given(st.integers(1, 6000), st.lists(st.floats(0.1, 500), min_size=1, max_size=60))
def test_the_rate_holds_over_time_whatever_is_asked_for(per_minute: int, amounts: list[float]) -> None:
    bucket, now, taken = Bucket(per_minute, 0.0), 0.0, 0.0

    for amount in amounts:
        now += bucket.wait_s(amount, now)
        bucket.take(amount, now)
        taken += amount

    assert taken - amounts[-1] <= per_minute / 60 * (now + BURST_S) + 1 + 1e-6


def test_what_was_estimated_too_high_is_given_back() -> None:
    bucket = Bucket(600, 0.0)
    bucket.take(20, 0.0)

    bucket.take(-20, 0.0)

    assert bucket.wait_s(20, 0.0) == 0


def test_an_amount_larger_than_the_bucket_passes_and_leaves_a_debt() -> None:
    bucket = Bucket(60, 0.0)

    assert bucket.wait_s(100, 0.0) == 0
    bucket.take(100, 0.0)

    assert 98 < bucket.wait_s(1, 0.0) <= 99
