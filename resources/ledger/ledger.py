"""Writes to the ledger in groups and reads from it."""

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter, itemgetter
from typing import Any, Literal, Self
from uuid import uuid4

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import sqlite

from evergrow.resources.ledger import sums
from evergrow.resources.ledger.checksum import checksum
from evergrow.resources.ledger.database import connect, database_url, read, write, writing
from evergrow.resources.ledger.intents import Intents
from evergrow.resources.ledger.owner_kinds import MEASURED, OwnerKind, kind_column, kind_of, tree_origin
from evergrow.resources.ledger.records import Call, OwnerCost, Spent, StoredReply, Usage
from evergrow.resources.ledger.registry_schema import batches
from evergrow.resources.ledger.reservations import Charge, Reservations, lowered
from evergrow.resources.ledger.schema import calls, capabilities
from evergrow.resources.ledger.submissions import Submissions
from evergrow.resources.settings import Settings

Grouping = Literal["batch", "kind", "asset", "model", "role", "endpoint", "run_id", "call_id"]
LOOKED_UP = 500  # keys that one query names
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
        for some in _parts(request_keys):
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
        for some in _parts(call_ids):
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

    def costs(self, group_by: Sequence[Grouping] = ("batch", "asset", "model")) -> pl.DataFrame:
        """What was asked and spent, one row per group.

        Columns: the groups (String), calls, answered, failed (no reply, or one that could not be used), tokens_in,
        tokens_out (Int64), usd (Float64, US dollars; null if the cost of any reply is unknown), usd_known (Float64, the
        sum of the known costs), estimated_tokens (Int64: of replies that told none, four characters a token; not among
        tokens_in and tokens_out), unsettled_tokens (Int64) and unsettled_usd (Float64): the worst case of attempts
        whose reply was lost (null if any is unknown), which budgets count as spent, and tokens_in to usd_known do not.
        """
        lost = calls.c.error_class == sums.LOST
        kind = kind_column(calls.c.asset, calls.c.partition).label("kind")
        groups = [kind if name == "kind" else calls.c[name] for name in group_by]
        columns = {
            "calls": func.count(),
            "answered": _sum(calls.c.error_class.is_(None), 1),
            "tokens_in": _sum(sums.settled(), calls.c.tokens_in),
            "tokens_out": _sum(sums.settled(), calls.c.tokens_out),
            "usd_known": _sum(sums.settled(), calls.c.usd),
            "unpriced": _sum(sums.unpriced_replies(), 1),
            "estimated_tokens": _sum(sums.uncounted(), sums.estimate()),
            "unsettled_tokens": _sum(lost, calls.c.tokens_in) + _sum(lost, calls.c.tokens_out),
            "unsettled_known": _sum(lost, calls.c.usd),
            "unpriced_lost": _sum(sums.unpriced_lost(), 1),
        }
        found = read(self._engine, select(*groups, *columns.values()).group_by(*group_by).order_by(*group_by))
        money = ("usd_known", "unsettled_known")
        schema: dict[str, Any] = dict.fromkeys(group_by, pl.String)
        schema |= {name: pl.Float64 if name in money else pl.Int64 for name in columns}
        return pl.DataFrame(list(map(tuple, found)), schema=schema, orient="row").select(
            *group_by,
            *("calls", "answered"),
            (pl.col("calls") - pl.col("answered")).alias("failed"),
            *("tokens_in", "tokens_out"),
            pl.when(pl.col("unpriced") == 0).then("usd_known").alias("usd"),
            *("usd_known", "estimated_tokens", "unsettled_tokens"),
            pl.when(pl.col("unpriced_lost") == 0).then("unsettled_known").alias("unsettled_usd"),
        )

    def costs_by_owner(self) -> dict[tuple[OwnerKind, str], OwnerCost]:
        """What was asked and spent, by kind and name of the owner; read from the index alone, but for measured sets."""
        columns = (
            func.count(),
            _sum(sums.settled(), calls.c.tokens_in) + _sum(sums.settled(), calls.c.tokens_out),
            _sum(sums.settled(), calls.c.usd),
            _sum(sums.unpriced_replies(), 1),
        )
        owners = (calls.c.batch, calls.c.asset)
        rows = [(*row[:2], "", *row[2:]) for row in read(self._engine, select(*owners, *columns).group_by(*owners))]
        # Only of a set its partition, which the index does not hold, tells whose it is.
        if measured := sorted({name for name, asset, *_ in rows if asset.startswith(MEASURED)}):
            rows = [row for row in rows if not row[1].startswith(MEASURED)]
            sets = (*owners, calls.c.partition)
            for some in _parts(measured):
                of_sets = (calls.c.batch.in_(some), calls.c.asset.startswith(MEASURED))
                rows += map(tuple, read(self._engine, select(*sets, *columns).where(*of_sets).group_by(*sets)))
        found: dict[tuple[OwnerKind, str], OwnerCost] = {}
        for name, asset, part, count, tokens, usd, unpriced in rows:
            owner, cost = (kind_of(asset, part), name), OwnerCost(count, int(tokens), float(usd), int(unpriced))
            found[owner] = found.get(owner, OwnerCost()) + cost
        return found

    def spent(self, batch: str | None = None, run_id: str | None = None, kind: OwnerKind | None = None) -> Spent:
        """The sum over the rows of an owner of a kind, or of a run; over all rows if none is given."""
        return self.spent_on(sums.Rows(batch=batch, kind=kind, run_id=run_id))

    def spent_on(self, rows: sums.Rows) -> Spent:
        """The sum over `rows`."""
        (row,) = read(self._engine, sums.spent(rows))
        if not row[-1]:
            return sums.spent_sum(row)
        parts = (sums.spent(rows, sets=False), sums.spent_on_sets(rows))
        return sum((sums.spent_sum(read(self._engine, part)[0]) for part in parts), Spent(0, 0, 0, 0.0, 0))

    def holds_tree(self, batch: str) -> bool:
        """Whether a batch is the samples of the tree of its name, registered to be answered as they are."""
        samples = batches.c.origin == json.dumps(tree_origin(batch))
        query = select(batches.c.as_is).where(batches.c.name == batch, samples)
        return any(row[0] for row in read(self._engine, query))

    def replies_of(self, owner: sums.Rows, asked: Collection[tuple[str, str]]) -> list[sums.Replies]:
        """Of each table of an owner, the replies of use by models in the roles that they are `asked` in."""
        found = read(self._engine, sums.replies_of(owner, asked))
        return [sums.Replies(row[0], row[1], int(row[2]), int(row[3]), row[4], float(row[5])) for row in found]

    def usage(self, role: str, model: str, asset: str = "", last: int = 1000) -> Usage:
        """What the `last` replies of a role's model took, by request; those that told no tokens are left out.

        asset: how the key of the asset begins that they were asked for.
        """
        return sums.usage(read(self._engine, sums.recent_usage(role, model, asset, last))[0])

    def unpriced(self, rows: sums.Rows) -> pl.DataFrame:
        """Replies of unknown cost, by model.

        Columns: model (String), calls, tokens_in, tokens_out (of the replies that told them), chars_in, chars_out
        (length of the texts of those that did not; Int64).
        """
        uncounted = calls.c.tokens_in.is_(None) | calls.c.tokens_out.is_(None)
        query = (
            select(
                calls.c.model,
                func.count(),
                func.coalesce(func.sum(case((uncounted, 0), else_=calls.c.tokens_in)), 0),
                func.coalesce(func.sum(case((uncounted, 0), else_=calls.c.tokens_out)), 0),
                func.coalesce(func.sum(case((uncounted, func.length(calls.c.request)), else_=0)), 0),
                func.coalesce(func.sum(case((uncounted, func.length(calls.c.reply)), else_=0)), 0),
            )
            .where(sums.unpriced(), *rows.conditions())
            .group_by(calls.c.model)
        )
        found = [(row[0], *map(int, row[1:])) for row in read(self._engine, query)]
        schema: dict[str, Any] = {"model": pl.String}
        schema |= dict.fromkeys(("calls", "tokens_in", "tokens_out", "chars_in", "chars_out"), pl.Int64)
        return pl.DataFrame(found, schema=schema, orient="row")

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


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many of them together as one query names."""
    return (keys[start : start + LOOKED_UP] for start in range(0, len(keys), LOOKED_UP))


def _row(call: Call) -> dict[str, Any]:
    kept = None if call.reply is None else checksum(call.request_key, call.reply)
    return {**dict(zip(CALL_COLUMNS, _values(call), strict=True)), "checksum": kept}


def _sum(condition: ColumnElement[bool], value: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a column or a number
    """The sum of `value` over the rows that fulfil `condition`."""
    return func.coalesce(func.sum(case((condition, value), else_=0)), 0)
