"""Writes and reads what is handed to Batch APIs: every step of a submission is durable before the next is taken."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Engine, bindparam, delete, func, insert, select, update

from evergrow.resources.ledger.database import read, write
from evergrow.resources.ledger.owner_kinds import OwnerKind, kind_column
from evergrow.resources.ledger.records import Amount
from evergrow.resources.ledger.reservations import Charge, lowered
from evergrow.resources.ledger.schema import calls
from evergrow.resources.ledger.submission_records import Owner, Pending, Settled, State, Submission, SubmissionLine
from evergrow.resources.ledger.submission_schema import lines, submissions
from evergrow.resources.ledger.sums import Rows

OPEN, ANSWERED, FAILED = "open", "answered", "failed"
PASSED, CLOSED = "passed", "closed"  # answered, failed: in a pass that is over, so that a later one asks anew
PAGE = 500
_LINE_COLUMNS = tuple(field.name for field in fields(SubmissionLine))
_SUBMISSION_COLUMNS = tuple(field.name for field in fields(Submission))


class Submissions:
    """The tables of submissions and their lines, in the ledger's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, submission: Submission) -> None:
        """Write down a new draft."""
        write(self._engine, (insert(submissions), [asdict(submission)]))

    def add(self, submission_id: str, new: Sequence[SubmissionLine], holder: str | None = None) -> None:
        """Add requests to a draft; what they may cost is taken off the blocks of limits that `holder` holds."""
        count = update(submissions).where(submissions.c.submission_id == submission_id)
        rows = [{**asdict(line), "submission_id": submission_id, "state": OPEN} for line in new]
        cost = Amount(sum(line.tokens for line in new), sum(line.usd for line in new))
        write(
            self._engine,
            *([] if holder is None else [(lowered(Charge(holder, cost)), None)]),
            (insert(lines), rows),
            (count.values(requests=submissions.c.requests + bindparam("added")), {"added": len(rows)}),
        )

    def change(self, submission_id: str, **values: object) -> None:
        """Write what is new of a submission."""
        write(
            self._engine,
            (update(submissions).where(submissions.c.submission_id == submission_id).values(**values), None),
        )

    def discard(self, submission_id: str) -> None:
        """Forget a submission that the endpoint did not take."""
        write(
            self._engine,
            (delete(lines).where(lines.c.submission_id == submission_id), None),
            (delete(submissions).where(submissions.c.submission_id == submission_id), None),
        )

    def discard_drafts(self, owner: Owner) -> None:
        """Forget what was never sent; only whoever holds the partition may say so."""
        mine = select(submissions.c.submission_id).where(submissions.c.state == State.DRAFT, *_owned(owner))
        write(
            self._engine,
            (delete(lines).where(lines.c.submission_id.in_(mine)), None),
            (delete(submissions).where(submissions.c.state == State.DRAFT, *_owned(owner)), None),
        )

    def find(
        self,
        states: Collection[State],
        *,
        batch: str | None = None,
        kind: OwnerKind | None = None,
        owner: Owner | None = None,
    ) -> list[Submission]:
        """Submissions in any of `states`, oldest first; of the owner called `batch`, of a kind, or of all."""
        where = [submissions.c.state.in_(states), *(_owned(owner) if owner else [])]
        where += [] if batch is None else [submissions.c.batch == batch]
        where += [] if kind is None else [kind_column(submissions.c.asset, submissions.c.partition) == kind]
        columns = [submissions.c[name] for name in _SUBMISSION_COLUMNS]
        found = read(
            self._engine, select(*columns).where(*where).order_by(submissions.c.created_at, submissions.c.submission_id)
        )
        return [_submission(row) for row in found]

    def get(self, submission_id: str) -> Submission | None:
        """The submission of that id."""
        columns = [submissions.c[name] for name in _SUBMISSION_COLUMNS]
        rows = read(self._engine, select(*columns).where(submissions.c.submission_id == submission_id))
        return _submission(rows[0]) if rows else None

    def pages(self, submission_id: str) -> Iterator[list[SubmissionLine]]:
        """The open lines of a submission, `PAGE` at a time, by call id; lines may be settled meanwhile."""
        after = ""
        while True:
            where = (lines.c.submission_id == submission_id, lines.c.state == OPEN, lines.c.call_id > after)
            query = select(*[lines.c[n] for n in _LINE_COLUMNS]).where(*where).order_by(lines.c.call_id).limit(PAGE)
            page = [SubmissionLine(*row) for row in read(self._engine, query)]
            if not page:
                return
            yield page
            after = page[-1].call_id

    def open_lines(self, submission_id: str, call_ids: Collection[str]) -> dict[str, SubmissionLine]:
        """Those of `call_ids` that are open in a submission."""
        where = (lines.c.submission_id == submission_id, lines.c.state == OPEN, lines.c.call_id.in_(call_ids))
        return {
            row[0]: SubmissionLine(*row)
            for row in read(self._engine, select(*[lines.c[n] for n in _LINE_COLUMNS]).where(*where))
        }

    def settle(self, submission_id: str, settled: Sequence[Settled]) -> None:
        """Write what became of lines; what was set aside for them is free."""
        statement = (
            update(lines)
            .where(lines.c.submission_id == submission_id, lines.c.call_id == bindparam("key"))
            .values(state=bindparam("became"), body="", error_class=bindparam("fault"), error_message=bindparam("why"))
        )
        rows = [
            {
                "key": line.call_id,
                "became": ANSWERED if line.error_class is None else FAILED,
                "fault": line.error_class,
                "why": line.error_message,
            }
            for line in settled
        ]
        if rows:
            write(self._engine, (statement, rows))

    def pending(self, owner: Owner, call_ids: Collection[str]) -> dict[str, Pending]:
        """What became of those of `call_ids` that `owner` has handed in, since it last went on without waiting."""
        query = (
            select(lines.c.call_id, lines.c.state, lines.c.error_class, lines.c.error_message)
            .join(submissions, submissions.c.submission_id == lines.c.submission_id)
            .where(lines.c.call_id.in_(call_ids), lines.c.state.in_((OPEN, FAILED)), *_owned(owner))
            .order_by(submissions.c.created_at)
        )
        found: dict[str, Pending] = {}
        for call_id, state, error_class, message in read(self._engine, query):
            before = found.get(call_id)
            failures = (before.failures if before else 0) + (state == FAILED)
            found[call_id] = Pending(state == OPEN, failures, error_class or "", message or "")
        return found

    def answered(self, owner: Owner, call_ids: Collection[str]) -> set[str]:
        """Those of `call_ids` that were answered to `owner` since it last went on without waiting."""
        query = (
            select(lines.c.call_id)
            .join(submissions, submissions.c.submission_id == lines.c.submission_id)
            .where(lines.c.call_id.in_(call_ids), lines.c.state == ANSWERED, *_owned(owner))
        )
        return {row[0] for row in read(self._engine, query)}

    def go_on(self, owner: Owner, fetched: Collection[str], *, close_failures: bool) -> None:
        """The step that waited goes on: `fetched` is taken; with `close_failures` a later run may ask anew."""
        taken = update(submissions).where(submissions.c.submission_id.in_(fetched)).values(state=State.TAKEN)
        mine = select(submissions.c.submission_id).where(*_owned(owner))
        over = [
            update(lines).where(lines.c.state == state, lines.c.submission_id.in_(mine)).values(state=then)
            for state, then in ((FAILED, CLOSED), (ANSWERED, PASSED))
        ]
        write(self._engine, (taken, None), *([(closed, None) for closed in over] if close_failures else []))

    def set_aside(self, rows: Rows) -> Amount:
        """The most that open lines may cost still: of an owner, of a run, or of all.

        A moment is passed over: whenever they were handed in, they are paid for from now on.
        """
        given = (
            (submissions.c.batch == rows.batch, rows.batch),
            (kind_column(submissions.c.asset, submissions.c.partition).in_(rows.kinds), rows.kind),
            (submissions.c.run_id == rows.run_id, rows.run_id),
        )
        query = (
            select(func.coalesce(func.sum(lines.c.tokens), 0), func.coalesce(func.sum(lines.c.usd), 0.0))
            .join(submissions, submissions.c.submission_id == lines.c.submission_id)
            .where(lines.c.state == OPEN, *[condition for condition, value in given if value is not None])
        )
        tokens, usd = read(self._engine, query)[0]
        return Amount(int(tokens), float(usd))

    def figures(self, owner: Owner) -> dict[str, int | float | None]:
        """What `owner` has handed in so far, for a materialisation's metadata; `usd` is None if any cost is unknown."""
        mine = select(submissions.c.submission_id).where(*_owned(owner))
        states = select(lines.c.state, func.count()).where(lines.c.submission_id.in_(mine)).group_by(lines.c.state)
        counts = {str(state): int(count) for state, count in read(self._engine, states)}
        paid = (
            select(func.count(), func.count(calls.c.usd), func.coalesce(func.sum(calls.c.usd), 0.0))
            .join(lines, lines.c.call_id == calls.c.call_id)
            .where(lines.c.submission_id.in_(mine), lines.c.state.in_((ANSWERED, PASSED)))
        )
        replies, priced, usd = read(self._engine, paid)[0]
        return {
            "batch_submissions": int(read(self._engine, select(func.count()).select_from(mine.subquery()))[0][0]),
            "batch_requests": sum(counts.values()),
            "batch_answered": counts.get(ANSWERED, 0) + counts.get(PASSED, 0),
            "batch_failed": counts.get(FAILED, 0) + counts.get(CLOSED, 0),
            "batch_usd": round(float(usd), 6) if replies == priced else None,
        }


def _owned(owner: Owner) -> list[Any]:
    return [submissions.c[name] == value for name, value in owner._asdict().items()]


def _submission(row: Sequence[Any]) -> Submission:
    return Submission(row[0], State(row[1]), *row[2:])
