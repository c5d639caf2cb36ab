"""Divides limits among all processes that share them: each holds a block of what is left, taken under a lock.

A block belongs to one running engine. It expires unless it is renewed, and is free at once when its process, on this
host, is gone; what it has paid for by then stands in the table of calls.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Update, delete, insert, select, text, update

from evergrow.resources.host.processes import Process
from evergrow.resources.ledger.database import clock, now, read, write, writing
from evergrow.resources.ledger.intents import settle_gone
from evergrow.resources.ledger.records import NOTHING, Amount
from evergrow.resources.ledger.reservation_schema import reservations

SHARE = 8  # a block is this part of what is left: few takings, and most is left to others
SLACK_USD = 1e-9  # more than sums of fractions are off by
_TAKE_LOCK = 0x65766573  # on PostgreSQL; any number of our own, the same in every process


@dataclass(frozen=True, slots=True)
class BlockHolder:
    """Who holds blocks: one running engine, by an id of its own."""

    id: str
    process: Process


@dataclass(frozen=True, slots=True)
class Charge:
    """What rows cost, and whose blocks it is taken off."""

    holder: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Claim:
    """What is wanted of one limit.

    Attributes:
        scope: whose limit it is; all that share it use the same.
        max_tokens, max_usd: the limit; None for none.
        short: what is missing for the next request.
        spent: reads what is spent of it and what is set aside in Batch APIs.
    """

    scope: str
    max_tokens: int | None
    max_usd: float | None
    short: Amount
    spent: Callable[[], Amount]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a claim got.

    Attributes:
        added: to the block.
        block: all of it, as it stands in the ledger.
        spent: of the limit, by all who share it.
        others: what others hold of it.
    """

    added: Amount
    block: Amount
    spent: Amount
    others: Amount


@dataclass(frozen=True, slots=True)
class Reserved:
    """What a taking gave. `anew`: there was no block any more, or none yet: what was held before is void."""

    anew: bool
    grants: list[Grant]


class Reservations:
    """The table of reservations, in the ledger's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, holder: BlockHolder, claims: Sequence[Claim], lease_s: float) -> Reserved:
        """Enlarge the holder's blocks by an eighth of what is left, and by what is short if that is more.

        Where less is left, all of it is given. Blocks of processes that are gone count as left. The blocks are then
        good for `lease_s` seconds.

        Raises:
            LedgerError: nothing was taken.
        """
        with self._alone() as connection:  # of its own: the sums below are read beside the transaction of the taking
            settle_gone(connection, now(connection))
        with self._alone() as connection:
            expires = now(connection) + lease_s
            anew = not connection.execute(_renewed(holder, expires)).rowcount
            self._free_what_nobody_holds(connection)
            grants = [_grant(connection, holder, claim) for claim in claims]
            for claim, grant in zip(claims, grants, strict=True):
                _enlarge(connection, holder, claim.scope, grant.added, expires, anew=anew)
        return Reserved(anew, grants)

    def renew(self, holder: BlockHolder, lease_s: float) -> bool:
        """Keep the holder's blocks for another `lease_s` seconds; False if there are none any more."""
        with writing(self._engine) as connection:
            return bool(connection.execute(_renewed(holder, now(connection) + lease_s)).rowcount)

    def release(self, holder: BlockHolder) -> None:
        """Give all of the holder's blocks back."""
        write(self._engine, (delete(reservations).where(reservations.c.holder == holder.id), None))

    def held(self, scope: str) -> Amount:
        """What living engines hold of a limit."""
        columns = reservations.c.host, reservations.c.pid, reservations.c.started
        query = select(*columns, reservations.c.tokens, reservations.c.usd).where(
            reservations.c.scope == scope, reservations.c.expires_at > clock(self._engine)
        )
        blocks = [
            Amount(tokens, usd) for *process, tokens, usd in read(self._engine, query) if not Process(*process).gone
        ]
        return sum(blocks, NOTHING)

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """A transaction while which nobody else takes; on SQLite its first write keeps everybody else out."""
        with writing(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_TAKE_LOCK})"))
            yield connection

    def _free_what_nobody_holds(self, connection: Connection) -> None:
        connection.execute(delete(reservations).where(reservations.c.expires_at <= now(connection)))
        columns = reservations.c.host, reservations.c.pid, reservations.c.started
        for process in connection.execute(select(*columns).distinct()).all():
            if Process(*process).gone:
                of_it = [column == value for column, value in zip(columns, process, strict=True)]
                connection.execute(delete(reservations).where(*of_it))


def lowered(charge: Charge) -> Update:
    """The statement that takes what was spent off its holder's blocks."""
    return (
        update(reservations)
        .where(reservations.c.holder == charge.holder)
        .values(tokens=reservations.c.tokens - charge.amount.tokens, usd=reservations.c.usd - charge.amount.usd)
    )


def _renewed(holder: BlockHolder, expires: float) -> Update:
    return update(reservations).where(reservations.c.holder == holder.id).values(expires_at=expires)


def _grant(connection: Connection, holder: BlockHolder, claim: Claim) -> Grant:
    # Blocks before sums: what is settled between the two reads then counts twice, and not never.
    query = select(reservations.c.holder, reservations.c.tokens, reservations.c.usd).where(
        reservations.c.scope == claim.scope
    )
    blocks = {row[0]: Amount(row[1], row[2]) for row in connection.execute(query)}
    spent, held, short = claim.spent(), sum(blocks.values(), NOTHING), claim.short
    tokens, usd = 0, 0.0
    if claim.max_tokens is not None:
        left = max(0, claim.max_tokens - spent.tokens - held.tokens)
        tokens = min(left, max(short.tokens, left // SHARE))
    if claim.max_usd is not None:
        left_usd = max(0.0, claim.max_usd - spent.usd - held.usd)
        usd = min(left_usd, max(short.usd + SLACK_USD, left_usd / SHARE))
    before, added = blocks.get(holder.id, NOTHING), Amount(tokens, usd)
    return Grant(added, before + added, spent, held - before)


def _enlarge(
    connection: Connection, holder: BlockHolder, scope: str, added: Amount, expires: float, *, anew: bool
) -> None:
    if anew:
        who = {"host": holder.process.host, "pid": holder.process.pid, "started": holder.process.started}
        values = {"holder": holder.id, "scope": scope, **who, "expires_at": expires}
        connection.execute(insert(reservations), {**values, "tokens": added.tokens, "usd": added.usd})
        return
    more = {"tokens": reservations.c.tokens + added.tokens, "usd": reservations.c.usd + added.usd}
    mine = (reservations.c.holder == holder.id, reservations.c.scope == scope)
    connection.execute(update(reservations).where(*mine).values(more))
