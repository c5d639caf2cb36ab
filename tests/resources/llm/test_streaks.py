from evergrow.resources.llm import Answered, Failed, Invalid, Refused, Request
from evergrow.resources.llm.streaks import ALIKE, UNREADABLE, Streak

ASKED = Request("row", "judge", "", "", None)
ANSWER = Answered(ASKED, 1, "c", "m", "r", cached=False)


def failed(message: str = "HTTP 400: 'x' is not supported", kind: str = "rejected") -> Failed:
    return Failed(ASKED, "c-0", kind, message, "set this")


def streak(*outcomes: Answered[int] | Failed | Invalid | Refused) -> Streak:
    found = Streak()
    for outcome in outcomes:
        found.note(outcome)
    return found


def test_ten_like_failures_in_a_row_are_hopeless_whatever_they_quote() -> None:
    alike = [failed(f"HTTP 400: row {n} says 'thing {n}'") for n in range(ALIKE)]

    assert not streak(*alike[1:]).hopeless
    assert streak(*alike).hopeless
    assert not streak(*alike[:5], ANSWER, *alike[5:]).hopeless
    assert not streak(*alike[:5], failed("HTTP 400: another matter"), *alike[5:]).hopeless


def test_what_is_wrong_with_one_request_says_nothing_of_the_next() -> None:
    assert not streak(*[failed(kind="context_too_long")] * 50).hopeless
    assert not streak(*[failed(kind="limit")] * 50).hopeless


def test_a_model_that_errs_often_goes_on_once_an_answer_was_of_use() -> None:
    bad = [Invalid(ASKED, "c", reason) for reason in ("no JSON", "no score") for _ in range(1)]

    assert streak(*[bad[0]] * ALIKE).hopeless
    assert not streak(*bad * (ALIKE - 1)).hopeless
    assert streak(*bad * (UNREADABLE // 2)).hopeless
    assert not streak(ANSWER, *bad * UNREADABLE).hopeless


def test_answers_that_an_earlier_run_got_say_nothing_of_this_one() -> None:
    told_again = Invalid(ASKED, "c", "no JSON", replayed=True, futile=True)
    found = streak(*[told_again] * UNREADABLE)

    assert found.total == 0
    assert not found.hopeless


def test_a_pass_that_failed_whole_says_why_and_what_helps() -> None:
    found = streak(failed(), failed())

    assert found.barren
    assert "none of the last 2 requests to model 'm' got an answer: HTTP 400" in found.sentence("m")
    assert "; set this" in found.sentence("m")
    assert not streak(ANSWER, failed()).barren
    assert not streak(Refused(ASKED, "c", "no")).barren
    assert not streak(Invalid(ASKED, "c", "no JSON")).barren
