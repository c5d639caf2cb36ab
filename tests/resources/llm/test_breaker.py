from evergrow.resources.llm.breaker import FIRST_REST_S, LONGEST_REST_S, TRIP, Breaker


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(TRIP):
        breaker.failed(0.0, probe=False)
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    breaker = Breaker()
    for _ in range(5):
        for _ in range(TRIP - 1):
            assert not breaker.failed(0.0, probe=False)
        breaker.succeeded()
    assert breaker.wait_s(0.0) == 0

    assert [breaker.failed(0.0, probe=False) for _ in range(TRIP)][-1]
    assert breaker.wait_s(0.0) == FIRST_REST_S


def test_after_its_rest_one_probe_passes_and_no_second_beside_it() -> None:
    breaker = opened()

    assert breaker.wait_s(FIRST_REST_S) == 0
    assert breaker.enter()
    assert breaker.wait_s(FIRST_REST_S) is None


def test_a_probe_that_succeeds_closes_it_and_one_that_fails_doubles_the_rest() -> None:
    breaker, now, rests = opened(), 0.0, []
    for _ in range(8):
        rest = breaker.wait_s(now)
        assert rest is not None
        rests.append(rest)
        now += rest
        breaker.enter()
        breaker.failed(now, probe=True)

    assert rests == [1, 2, 4, 8, 16, LONGEST_REST_S, LONGEST_REST_S, LONGEST_REST_S]
    breaker.enter()
    assert breaker.succeeded()
    assert breaker.wait_s(now) == 0
    assert not breaker.enter()


def test_late_failures_of_requests_sent_before_it_opened_do_not_prolong_the_rest() -> None:
    breaker = opened()

    for _ in range(50):
        assert not breaker.failed(0.5, probe=False)

    assert breaker.wait_s(0.5) == FIRST_REST_S - 0.5
