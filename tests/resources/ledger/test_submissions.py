"""What is handed to Batch APIs, in the ledger: on SQLite and PostgreSQL alike."""

import time
from dataclasses import replace

import pytest

from evergrow.resources.ledger import (
    NOTHING,
    Amount,
    Ledger,
    Owner,
    Pending,
    Rows,
    Settled,
    State,
    Submission,
    SubmissionLine,
)
from tests.resources.ledger.support import reply

OWNER = Owner("asset-1", "p", "b")
DRAFT = Submission(
    "s1", State.DRAFT, "default", "generator", "model-1", "run-1", "asset-1", "p", "b", created_at=time.time()
)


def line(number: int) -> SubmissionLine:
    return SubmissionLine(f"key-{number:03}-0", f"key-{number:03}", 0, 0, 0, "v1", '{"n": 1}', tokens=100, usd=0.5)


def test_a_submission_is_read_back_as_far_as_it_has_got(ledger: Ledger) -> None:
    store = ledger.submissions
    store.begin(DRAFT)
    store.add("s1", [line(n) for n in range(700)])
    store.add("s1", [line(700)])
    assert store.find((State.DRAFT,), batch="b") == [replace(DRAFT, requests=701)]
    assert [len(page) for page in store.pages("s1")] == [500, 201]
    assert next(store.pages("s1"))[0] == line(0)

    store.change("s1", state=State.SUBMITTED, batch_id="batch-1", completed=3)
    assert store.get("s1") == replace(
        DRAFT, state=State.SUBMITTED, requests=701, batch_id="batch-1", completed=3
    )  # fmt: skip
    assert store.find((State.DRAFT,)) == store.find((State.SUBMITTED,), batch="other") == []
    assert store.find((State.SUBMITTED,), owner=OWNER) != []
    assert store.get("s2") is None


def test_only_drafts_of_their_owner_are_forgotten(ledger: Ledger) -> None:
    store = ledger.submissions
    for submission in (
        DRAFT,
        replace(DRAFT, submission_id="s2", state=State.UPLOADED),
        replace(DRAFT, submission_id="s3", asset="asset-2"),
    ):
        store.begin(submission)
        store.add(submission.submission_id, [line(1)])
    store.discard_drafts(OWNER)
    assert {s.submission_id for s in store.find(tuple(State))} == {"s2", "s3"}
    assert store.set_aside(Rows()) == Amount(200, 1.0)


def test_lines_are_set_aside_until_they_are_settled_and_failures_are_counted_until_closed(ledger: Ledger) -> None:
    store = ledger.submissions
    store.begin(DRAFT)
    store.add("s1", [line(1), line(2), line(3)])
    assert store.set_aside(Rows(batch="b")) == Amount(300, 1.5)
    assert store.set_aside(Rows(run_id="run-2")) == store.set_aside(Rows(batch="other")) == NOTHING

    store.settle("s1", [Settled(line(1).call_id), Settled(line(2).call_id, "transient", "expired")])
    assert store.set_aside(Rows(run_id="run-1")) == Amount(100, 0.5)
    assert set(store.open_lines("s1", [line(n).call_id for n in (1, 2, 3)])) == {line(3).call_id}
    ids = [line(n).call_id for n in (1, 2, 3, 4)]
    assert store.pending(OWNER, ids) == {
        line(2).call_id: Pending(open=False, failures=1, error_class="transient", error_message="expired"),
        line(3).call_id: Pending(open=True, failures=0, error_class="", error_message=""),
    }
    store.begin(replace(DRAFT, submission_id="s2", created_at=DRAFT.created_at + 1))
    store.add("s2", [line(2)])
    assert store.pending(OWNER, ids)[line(2).call_id].open
    store.settle("s2", [Settled(line(2).call_id, "limit", "HTTP 429")])
    assert store.pending(OWNER, ids)[line(2).call_id] == Pending(
        open=False, failures=2, error_class="limit", error_message="HTTP 429"
    )
    store.change("s1", state=State.FETCHED)
    store.go_on(OWNER, {"s1"}, close_failures=True)
    assert set(store.pending(OWNER, ids)) == {line(3).call_id}
    assert store.find((State.TAKEN,))[0].submission_id == "s1"


@pytest.mark.parametrize("usd", [0.25, None])
def test_figures_count_what_was_handed_in_and_paid(ledger: Ledger, usd: float | None) -> None:
    store = ledger.submissions
    store.begin(DRAFT)
    store.add("s1", [line(1), line(2)])
    ledger.record([replace(reply(1, usd=usd), call_id=line(1).call_id)])
    store.settle("s1", [Settled(line(1).call_id), Settled(line(2).call_id, "context_too_long", "HTTP 400")])
    assert store.figures(OWNER) == {
        "batch_submissions": 1, "batch_requests": 2, "batch_answered": 1, "batch_failed": 1, "batch_usd": usd,
    }  # fmt: skip
