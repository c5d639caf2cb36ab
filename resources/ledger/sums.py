"""Sums over the ledger's rows, the same for every report and budget."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select

from evergrow.resources.ledger.owner_kinds import MEASURED, OwnerKind, kind_column, told_by_asset
from evergrow.resources.ledger.records import Spent, Usage
from evergrow.resources.ledger.schema import calls

LOST = "lost"  # class of rows of attempts whose reply was lost: their worst case, which may have been charged or not
CHARS_PER_TOKEN = 4  # English text and code, roughly
UNUSABLE = ("invalid", "refused")  # classes of rows that have a reply nevertheless


def unpriced_replies() -> ColumnElement[bool]:
    """Rows that have a reply, and so were paid for, at a cost that is not known."""
    return and_(calls.c.usd.is_(None), or_(calls.c.error_class.is_(None), calls.c.error_class.in_(UNUSABLE)))


def settled() -> ColumnElement[bool]:
    """Rows whose fate is known."""
    return or_(calls.c.error_class.is_(None), calls.c.error_class != LOST)


def uncounted() -> ColumnElement[bool]:
    """Rows that have a reply which told no tokens, or none that can be."""
    return and_(calls.c.reply.is_not(None), or_(calls.c.tokens_in.is_(None), calls.c.tokens_out.is_(None)))


def estimate() -> ColumnElement[Any]:
    """How many tokens a request and its reply may have had, by their length."""
    return (func.length(calls.c.request) + func.length(func.coalesce(calls.c.reply, ""))) // CHARS_PER_TOKEN


def unpriced_lost() -> ColumnElement[bool]:
    """Rows of lost attempts at a cost that is not known."""
    return and_(calls.c.usd.is_(None), calls.c.error_class == LOST)


def unpriced() -> ColumnElement[bool]:
    """Rows that were paid for, or may have been, at a cost that is not known."""
    return or_(unpriced_replies(), unpriced_lost())


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows are summed: those of an owner, of a run, since a moment (epoch seconds).

    `batch` is the owner's name, `kind` what it is; None: whatever is called so. `also` is of what other kind those of
    its name count as well.
    """

    batch: str | None = None
    kind: OwnerKind | None = None
    also: OwnerKind | None = None
    run_id: str | None = None
    since: float | None = None

    @property
    def kinds(self) -> tuple[OwnerKind, ...]:
        """Of what kinds an owner's rows are; none: of any."""
        return tuple(kind for kind in (self.kind, self.also) if kind is not None)

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions that are given."""
        kinds = [kind_column(calls.c.asset, calls.c.partition).in_(self.kinds)] if self.kinds else []
        return [*self.indexed(), *kinds]

    def indexed(self) -> list[ColumnElement[bool]]:
        """Those that an index answers: all but of what kind the owner is."""
        given = (
            (calls.c.batch == self.batch, self.batch),
            (calls.c.run_id == self.run_id, self.run_id),
            (calls.c.answered_at >= (self.since or 0.0), self.since),
        )
        return [condition for condition, value in given if value is not None]


@dataclass(frozen=True, slots=True)
class Replies:
    """Replies of use to what a table asked: to how many `requests`, their tokens, their cost in US dollars (None if any
    is not known), and when the latest came (epoch seconds)."""

    asset: str
    partition: str
    requests: int
    tokens: int
    usd: float | None
    latest: float

    @property
    def table(self) -> tuple[str, str]:
        """Which table."""
        return self.asset, self.partition


def replies_of(owner: Rows, asked: Collection[tuple[str, str]]) -> Select[Any]:
    """The rows that `Replies` are made of, in order of their tables; `asked`: roles, each with its model.

    A request that was drawn again counts once, with the latest of its replies: no run would take up more than one.
    """
    latest = (calls.c.draw.desc(), calls.c.turn.desc(), calls.c.call_id)
    table = (calls.c.asset, calls.c.partition)
    drawn = (
        select(
            *table,
            (func.coalesce(calls.c.tokens_in, 0) + func.coalesce(calls.c.tokens_out, 0)).label("tokens"),
            calls.c.usd,
            calls.c.answered_at,
            func.row_number().over(partition_by=(*table, calls.c.request_key), order_by=latest).label("place"),
        )
        .where(
            *owner.conditions(),
            or_(false(), *(and_(calls.c.role == role, calls.c.model == model) for role, model in asked)),
            calls.c.reply.is_not(None),
            calls.c.error_class.is_(None),
        )
        .subquery()
    )
    of = (drawn.c.asset, drawn.c.partition)
    return (
        select(
            *of,
            func.count(),
            func.sum(drawn.c.tokens),
            case((func.count() == func.count(drawn.c.usd), func.sum(drawn.c.usd))),
            func.max(drawn.c.answered_at),
        )
        .where(drawn.c.place == 1)
        .group_by(*of)
        .order_by(*of)
    )


def spent(rows: Rows, *, sets: bool = True) -> Select[Any]:
    """The row that `spent_sum` reads, from an index alone; its last column: how many rows of measured sets are in it.

    Of a measured set only its partition, which no index holds, tells whose it is: `spent_on_sets` looks at it.
    """
    measured = calls.c.asset.startswith(MEASURED) if sets and rows.kinds else false()
    told = [or_(measured, told_by_asset(calls.c.asset, rows.kinds))] if rows.kinds else []
    return select(*_spent_columns(), func.count(case((measured, 1)))).where(*rows.indexed(), *told)


def spent_on_sets(rows: Rows) -> Select[Any]:
    """The row that `spent_sum` reads of measured sets."""
    return select(*_spent_columns()).where(*rows.conditions(), calls.c.asset.startswith(MEASURED))


def _spent_columns() -> tuple[ColumnElement[Any], ...]:
    return (
        func.count(),
        func.coalesce(func.sum(calls.c.tokens_in), 0),
        func.coalesce(func.sum(calls.c.tokens_out), 0),
        func.coalesce(func.sum(calls.c.usd), 0.0),
        func.coalesce(func.sum(case((unpriced(), 1), else_=0)), 0),
    )


def spent_sum(row: Sequence[Any]) -> Spent:
    """The sum that a row of `spent` or `spent_on_sets` holds."""
    return Spent(int(row[0]), int(row[1]), int(row[2]), float(row[3]), int(row[4]))


def recent_usage(role: str, model: str, asset: str, last: int) -> Select[Any]:
    """The one row that `usage` reads: of the `last` replies of a role's model that told their tokens."""
    recent = (
        select(calls.c.request_key, calls.c.error_class, calls.c.tokens_in, calls.c.tokens_out, calls.c.latency_s)
        .where(
            calls.c.role == role,
            calls.c.model == model,
            calls.c.asset.startswith(asset, autoescape=True),
            calls.c.reply.is_not(None),
            calls.c.tokens_in.is_not(None),
            calls.c.tokens_out.is_not(None),
        )
        .order_by(calls.c.answered_at.desc())
        .limit(last)
        .subquery()
    )
    usable = case((recent.c.error_class.is_(None), recent.c.request_key))
    keys = (func.count(recent.c.request_key.distinct()), func.count(usable.distinct()))
    tokens = (func.coalesce(func.sum(column), 0) for column in (recent.c.tokens_in, recent.c.tokens_out))
    latency = func.coalesce(func.avg(func.nullif(recent.c.latency_s, 0.0)), 0.0)
    return select(*keys, *tokens, latency).select_from(recent)


def usage(row: Sequence[Any]) -> Usage:
    """A row of `recent_usage` as a mean over its requests."""
    requests = int(row[0])
    each = max(requests, 1)
    return Usage(requests, int(row[1]), float(row[2]) / each, float(row[3]) / each, float(row[4]))
