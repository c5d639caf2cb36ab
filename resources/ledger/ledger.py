"""Writes to the ledger in groups and reads from it."""

import json
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter, itemgetter
from typing import Any, Self
from uuid import uuid4

import polars as pl
from sqlalchemy import (
    Connection,
    Engine,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import sqlite

from evergrow.resources.ledger import sums
from evergrow.resources.ledger.checksum import checksum
from evergrow.resources.ledger.costs import Costs
from evergrow.resources.ledger.database import connect, database_url, in_parts, read, write, writing
from evergrow.resources.ledger.intents import Intents
from evergrow.resources.ledger.owner_kinds import OwnerKind, tree_origin
from evergrow.resources.ledger.records import Call, StoredReply
from evergrow.resources.ledger.registry_schema import batches
from evergrow.resources.ledger.reservations import Charge, Reservations, lowered
from evergrow.resources.ledger.schema import calls, capabilities
from evergrow.resources.ledger.submissions import Submissions
from evergrow.resources.settings import Settings

CALL_COLUMNS = tuple(field.name for field in fields(Call))
_values = attrgetter(*CALL_COLUMNS)
REPLY_COLUMNS = tuple(field.name for field in fields(StoredReply))


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReplyNote:
    """What today's parser says of a stored reply: no error class if it can be used."""

    call_id: str
    error_class: str | None
    error_message: str | None


class Ledger:
    """The table of calls behind one SQLAlchemy URL. Several threads and processes may use it at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect: Any = _postgresql() if engine.dialect.name == "postgresql" else sqlite
        # Compiled once and given to the driver as it is: the toolkit's own way to it takes as long as the database.
        compiled = self._upsert_call().compile(dialect=engine.dialect)
        self._upsert, self._in_order = str(compiled), itemgetter(*compiled.positiontup) if compiled.positional else None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The ledger that the settings name, by default `HOME/ledger.sqlite`."""
        return cls(connect(database_url(settings)))

    @classmethod
    def open(cls, url: str) -> Self:
        """The ledger at `url` (`sqlite:///FILE` or `postgresql+psycopg://...`), made if it is not there.

        Raises:
            LedgerError: no such database, no permission, no driver, or a ledger of another version.
        """
        return cls(connect(url))

    @property
    def costs(self) -> Costs:
        """What was asked and spent."""
        return Costs(self._engine)

    @property
    def submissions(self) -> Submissions:
        """What was handed to Batch APIs."""
        return Submissions(self._engine)

    @property
    def intents(self) -> Intents:
        """What running engines have in flight at most."""
        return Intents(self._engine)

    @property
    def reservations(self) -> Reservations:
        """What running engines hold of limits that they share."""
        return Reservations(self._engine)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def record(self, group: Sequence[Call], charge: Charge | None = None) -> list[Call]:
        """Write `group` in one transaction and return it as it was written.

        What the rows cost, `charge`, is taken off the block that their run holds of its limits in the same transaction.

        A row without a reply gives way to a later one, which keeps count of its attempts. A row with a reply stays:
        where another process has paid for the same call meanwhile, this one's row gets a call id of its own.

        Raises:
            LedgerError: nothing of the group was written.
        """
        rows: list[Any] = [_row(call) for call in group]
        if self._in_order is not None:
            rows = list(map(self._in_order, rows))
        with writing(self._engine) as connection:
            if charge is not None:
                connection.execute(lowered(charge))
            written = connection.exec_driver_sql(self._upsert, rows).rowcount
            return list(group) if written >= len(group) else self._set_apart(connection, group)

    def annotate(self, notes: Sequence[ReplyNote]) -> None:
        """Write what the parser says of stored replies."""
        statement = (
            update(calls)
            .where(calls.c.call_id == bindparam("key"))
            .values(error_class=bindparam("fault"), error_message=bindparam("message"))
        )
        rows = [{"key": v.call_id, "fault": v.error_class, "message": v.error_message} for v in notes]
        write(self._engine, (statement, rows))

    def replies(self, request_keys: Collection[str], not_before: float = 0.0) -> dict[str, list[StoredReply]]:
        """The replies held for each request, latest draw and turn first; none older than `not_before` (epoch s).

        One that was damaged since it was written counts as not there.
        """
        query = (
            select(*[calls.c[name] for name in REPLY_COLUMNS], calls.c.checksum)
            .where(calls.c.request_key.in_(request_keys), calls.c.reply.is_not(None), calls.c.answered_at >= not_before)
            .order_by(calls.c.draw.desc(), calls.c.turn.desc(), calls.c.call_id)
        )
        found: dict[str, list[StoredReply]] = {}
        for *row, kept in read(self._engine, query):
            stored = StoredReply(*row)
            if kept != checksum(stored.request_key, stored.reply):
                log.warning("the reply of call %s was damaged in the ledger: it is asked for again", stored.call_id)
                continue
            found.setdefault(stored.request_key, []).append(stored)
        return found

    def held(self, request_keys: Sequence[str]) -> int:
        """How many of these requests have a reply that settles them; whether it is whole is seen when it is read."""
        found = 0
        for some in in_parts(request_keys):
            query = select(calls.c.request_key).where(
                calls.c.request_key.in_(some),
                calls.c.reply.is_not(None),
                or_(calls.c.error_class.is_(None), calls.c.error_class == "refused"),  # others are asked for again
            )
            found += len({key for (key,) in read(self._engine, query)})
        return found

    def draws(self, request_keys: Collection[str]) -> dict[str, int]:
        """How many draws are taken, for each request that has a reply of any age."""
        query = (
            select(calls.c.request_key, func.max(calls.c.draw))
            .where(calls.c.request_key.in_(request_keys), calls.c.reply.is_not(None))
            .group_by(calls.c.request_key)
        )
        return {row[0]: row[1] + 1 for row in read(self._engine, query)}

    def call(self, call_id: str) -> Call | None:
        """The row of `call_id`, if there is one."""
        return self.calls([call_id]).get(call_id)

    def calls(self, call_ids: Iterable[str]) -> dict[str, Call]:
        """The rows of `call_ids` that exist, by call id."""
        query = select(*[calls.c[name] for name in CALL_COLUMNS]).where(calls.c.call_id.in_(list(call_ids)))
        return {row[0]: Call(*row) for row in read(self._engine, query)}

    def askings(self, call_ids: Sequence[str]) -> pl.DataFrame:
        """By which run and which version of a prompt each call was asked: `call_id, run_id, prompt_version`."""
        columns = (calls.c.call_id, calls.c.run_id, calls.c.prompt_version)
        found: list[tuple[str, str, str]] = []
        for some in in_parts(call_ids):
            query = select(*columns).where(calls.c.call_id.in_(some))
            found += [(row[0], row[1], row[2]) for row in read(self._engine, query)]
        return pl.DataFrame(found, schema=dict.fromkeys((c.name for c in columns), pl.String), orient="row")

    def latest(
        self,
        batch: str | None = None,
        kind: OwnerKind | None = None,
        *,
        run_id: str | None = None,
        errors: bool = False,
        limit: int = 20,
    ) -> list[Call]:
        """The calls of an owner, of a run, or of all, the latest first; `errors`: without an answer of use."""
        where = sums.Rows(batch=batch, kind=kind, run_id=run_id).conditions()
        where += [calls.c.error_class.is_not(None)] if errors else []
        query = select(*[calls.c[name] for name in CALL_COLUMNS]).where(*where)
        order = (calls.c.answered_at.desc(), calls.c.call_id)
        return [Call(*row) for row in read(self._engine, query.order_by(*order).limit(limit))]

    def answers_as(self, model: str) -> str | None:
        """The name that `model` has told as its own in its latest answer; None if it has not answered yet."""
        returned = calls.c.model_returned
        query = (
            select(returned).where(calls.c.model == model, returned.is_not(None)).order_by(calls.c.answered_at.desc())
        )
        return next((str(row[0]) for row in read(self._engine, query.limit(1))), None)

    def holds_tree(self, batch: str) -> bool:
        """Whether a batch is the samples of the tree of its name, registered to be answered as they are."""
        samples = batches.c.origin == json.dumps(tree_origin(batch))
        query = select(batches.c.as_is).where(batches.c.name == batch, samples)
        return any(row[0] for row in read(self._engine, query))

    def capabilities(self, base_url: str, model: str) -> str | None:
        """What `model` at `base_url` was found to take of a request, as `remember_capabilities` kept it."""
        where = and_(capabilities.c.base_url == base_url, capabilities.c.model == model)
        rows = read(self._engine, select(capabilities.c.answers).where(where))
        return str(rows[0][0]) if rows else None

    def remember_capabilities(self, base_url: str, model: str, found: str) -> None:
        """Keep what a model of an endpoint takes of a request, as JSON."""
        statement = self._dialect.insert(capabilities).on_conflict_do_update(
            index_elements=["base_url", "model"], set_={"answers": found}
        )
        write(self._engine, (statement, {"base_url": base_url, "model": model, "answers": found}))

    def _upsert_call(self) -> Any:  # noqa: ANN401 - each dialect has its own class of statement
        statement = self._dialect.insert(calls)
        changes = {name: statement.excluded[name] for name in CALL_COLUMNS if name != "call_id"}
        changes["checksum"] = statement.excluded["checksum"]
        changes["attempts"] = calls.c.attempts + statement.excluded.attempts
        return statement.on_conflict_do_update(index_elements=["call_id"], set_=changes, where=calls.c.reply.is_(None))

    def _set_apart(self, connection: Connection, group: Sequence[Call]) -> list[Call]:
        stored = select(calls.c.call_id, calls.c.run_id, calls.c.answered_at).where(
            calls.c.call_id.in_([call.call_id for call in group])
        )
        owners = {row.call_id: (row.run_id, row.answered_at) for row in connection.execute(stored)}
        outcome = [
            call
            if call.reply is None or owners[call.call_id] == (call.run_id, call.answered_at)
            else replace(call, call_id=f"{call.call_id}-{uuid4().hex[:8]}")
            for call in group
        ]
        apart = [_row(new) for new, old in zip(outcome, group, strict=True) if new.call_id != old.call_id]
        if apart:
            connection.execute(insert(calls), apart)
        return outcome


def _postgresql() -> Any:  # noqa: ANN401 - a module
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - a ledger is a file, as a rule

    return postgresql


def _row(call: Call) -> dict[str, Any]:
    kept = None if call.reply is None else checksum(call.request_key, call.reply)
    return {**dict(zip(CALL_COLUMNS, _values(call), strict=True)), "checksum": kept}
