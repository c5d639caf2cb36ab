import polars as pl

from evergrow.assets.outcomes import owed, owed_for, reason_of
from evergrow.resources.llm import Failed, Invalid, Refused, Request

ASKED = Request("row", "judge", "", "", None)


def test_what_is_owed_is_counted_by_class_and_told_with_its_commonest_remedy() -> None:
    rejected = reason_of(Failed(ASKED, "c", "rejected", "HTTP 400: max_tokens is\nnot supported", "set this"))
    reasons = [rejected] * 12 + ["invalid: no JSON", "refused: no", *[None] * 4]

    found = owed(pl.DataFrame({"reason": reasons}))

    assert (found.requests, found.total, dict(found.by_class)) == (18, 13, {"rejected": 12, "invalid": 1})
    assert str(found) == (
        "12 of 18 requests failed, 1 got no answer of use: most often HTTP 400: max_tokens is not supported; set this"
    )


def test_nothing_owed_is_nothing_to_say() -> None:
    assert str(owed_for([])) == str(owed_for([None, "refused: failed: no"])) == ""


def test_an_invalid_answers_words_are_not_taken_for_a_class() -> None:
    found = owed_for([reason_of(Invalid(ASKED, "c", "score: none", "take a better model"))])

    assert dict(found.by_class) == {"invalid": 1}
    assert found.commonest == "score: none; take a better model"


def test_a_long_reason_never_loses_what_helps() -> None:
    assert reason_of(Failed(ASKED, "c", "rejected", "x " * 1000, "set this")).endswith("…; set this")
    assert reason_of(Refused(ASKED, "c", "no")) == "refused: no"
