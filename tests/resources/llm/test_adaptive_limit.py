import random

from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.llm.adaptive_limit import START, AdaptiveLimit


def test_the_limit_grows_four_times_each_round_until_it_reaches_the_most() -> None:
    adaptive, limits = AdaptiveLimit(1_000), [START]

    for _ in range(4):
        in_flight = adaptive.limit
        for _ in range(in_flight):
            adaptive.accepted(in_flight)
        limits.append(adaptive.limit)

    assert limits == [16, 64, 256, 1_000, 1_000]


def test_a_limit_that_is_not_used_does_not_grow() -> None:
    adaptive = AdaptiveLimit(100)

    for _ in range(50):
        adaptive.accepted(in_flight=1)

    assert adaptive.limit == START


def test_five_percent_stray_refusals_never_lower_the_limit() -> None:
    adaptive, draw = AdaptiveLimit(128), random.Random(7)

    lowered = []
    for _ in range(20_000):
        if draw.random() < 0.05:
            lowered.append(adaptive.refused(adaptive.limit))
        else:
            adaptive.accepted(adaptive.limit)

    assert not any(lowered)
    assert adaptive.limit == 128


def test_a_server_that_refuses_half_is_given_less_but_never_nothing() -> None:
    adaptive, draw = AdaptiveLimit(128), random.Random(7)
    for _ in range(1000):
        adaptive.accepted(adaptive.limit)

    for _ in range(2000):
        adaptive.refused(adaptive.limit) if draw.random() < 0.5 else adaptive.accepted(adaptive.limit)

    assert 1 <= adaptive.limit < 16


def test_refusals_of_requests_sent_before_a_decrease_do_not_lower_it_again() -> None:
    adaptive = AdaptiveLimit(100)
    refusals = [adaptive.refused(in_flight=16) for _ in range(16)]

    assert refusals.count(True) == 1


@given(st.lists(st.booleans(), max_size=400), st.integers(1, 200))
def test_the_limit_stays_between_one_and_the_most(outcomes: list[bool], most: int) -> None:
    adaptive = AdaptiveLimit(most)

    for accepted in outcomes:
        (adaptive.accepted if accepted else adaptive.refused)(adaptive.limit)
        assert 1 <= adaptive.limit <= most
