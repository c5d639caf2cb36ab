"""What running engines have in flight at most, so that a crash does not make it unspent.

One row an engine, raised before more is sent than it says: a request costs no statement of its own. Whoever takes from
a shared limit next finds the rows of processes that are gone, and makes each a row of class `lost` at its worst case.
"""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Engine,
    Integer,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
)

from evergrow.resources.host.processes import Process
from evergrow.resources.ledger.database import write
from evergrow.resources.ledger.records import Amount
from evergrow.resources.ledger.reservation_schema import reservations
from evergrow.resources.ledger.schema import calls, metadata
from evergrow.resources.ledger.sums import LOST

intents = Table(
    "intents",
    metadata,
    Column("holder", String(32), primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("batch", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("usd", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Intent:
    """What one engine may have in flight, and who pays for it."""

    holder: str
    process: Process
    run_id: str
    asset: str
    partition: str
    batch: str
    model: str


class Intents:
    """The table of intents, in the ledger's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def declare(self, intent: Intent, most: Amount, expires_at: float) -> None:
        """Say that `intent` may have `most` in flight until it says otherwise, or `expires_at`."""
        names = ("holder", "run_id", "asset", "partition", "batch", "model")
        who = {name: getattr(intent, name) for name in names}
        where = {"host": intent.process.host, "pid": intent.process.pid, "started": intent.process.started}
        row = {**who, **where, "tokens": most.tokens, "usd": most.usd, "expires_at": expires_at}
        write(
            self._engine,
            (delete(intents).where(intents.c.holder == intent.holder), None),
            (insert(intents), row),
        )

    def withdraw(self, holder: str) -> None:
        """Nothing is in flight any more."""
        write(self._engine, (delete(intents).where(intents.c.holder == holder), None))


def settle_gone(connection: Connection, now: float) -> None:
    """Count as spent what engines may have had in flight whose process is gone, or has not renewed its blocks."""
    # A write comes first: on SQLite it keeps others out until the end of the transaction.
    connection.execute(delete(intents).where(intents.c.holder == ""))
    for row in connection.execute(select(intents)).mappings().all():
        process = Process(row["host"], row["pid"], row["started"])
        if not (process.gone or row["expires_at"] <= now):
            continue
        most = _within_blocks(connection, row["holder"], Amount(row["tokens"], row["usd"]))
        connection.execute(delete(intents).where(intents.c.holder == row["holder"]))
        if most.tokens > 0:
            connection.execute(insert(calls), _lost(dict(row), most, now))


def _within_blocks(connection: Connection, holder: str, most: Amount) -> Amount:
    """No more than the engine's blocks still hold: what is in flight was set aside from them."""
    columns = reservations.c.tokens, reservations.c.usd
    blocks = connection.execute(select(*columns).where(reservations.c.holder == holder)).all()
    tokens = max((block[0] for block in blocks), default=0)
    usd = max((block[1] for block in blocks), default=0.0)
    return Amount(min(most.tokens, tokens) if tokens > 0 else most.tokens, min(most.usd, usd) if usd > 0 else most.usd)


def _lost(row: dict[str, object], most: Amount, now: float) -> dict[str, object]:
    names = ("run_id", "asset", "partition", "batch", "model")
    nothing = dict.fromkeys(("role", "endpoint", "prompt_version", "request"), "")
    return {
        **{name: row[name] for name in names},
        **nothing,
        "call_id": f"{row['holder']}-{LOST}",
        "request_key": str(row["holder"]),
        **dict.fromkeys(("slot", "draw", "turn", "attempts"), 0),
        "asked_at": now,
        "answered_at": now,
        "latency_s": 0.0,
        "tokens_in": most.tokens,
        "tokens_out": 0,
        "usd": most.usd or None,
        "error_class": LOST,
        "error_message": "in flight at most when its process was killed: counted at its worst case",
    }
