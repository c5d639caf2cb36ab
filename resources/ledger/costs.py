"""What was asked and spent, summed over the ledger's rows."""

from collections.abc import Collection, Sequence
from typing import Any, Literal

import polars as pl
from sqlalchemy import ColumnElement, Engine, case, func, select

from evergrow.resources.ledger import sums
from evergrow.resources.ledger.database import in_parts, read
from evergrow.resources.ledger.owner_kinds import MEASURED, OwnerKind, kind_column, kind_of
from evergrow.resources.ledger.records import OwnerCost, Spent, Usage
from evergrow.resources.ledger.schema import calls

Grouping = Literal["batch", "kind", "asset", "model", "role", "endpoint", "run_id", "call_id"]


class Costs:
    """Sums over the table of calls."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def grouped(self, group_by: Sequence[Grouping] = ("batch", "asset", "model")) -> pl.DataFrame:
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

    def by_owner(self) -> dict[tuple[OwnerKind, str], OwnerCost]:
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
            for some in in_parts(measured):
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
        pieces = (sums.spent(rows, sets=False), sums.spent_on_sets(rows))
        return sum((sums.spent_sum(read(self._engine, piece)[0]) for piece in pieces), Spent(0, 0, 0, 0.0, 0))

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


def _sum(condition: ColumnElement[bool], value: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a column or a number
    """The sum of `value` over the rows that fulfil `condition`."""
    return func.coalesce(func.sum(case((condition, value), else_=0)), 0)
