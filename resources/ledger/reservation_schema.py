"""The ledger's table of reservations: what a running engine may still spend of a limit that others share."""

from sqlalchemy import BigInteger, Column, Double, Integer, String, Table, Text

from evergrow.resources.ledger.schema import metadata

# A holder lowers its rows in the very transaction that writes what it has spent: at every moment the rows of a scope
# and what is spent of it add up to no more than its limit.
reservations = Table(
    "reservations",
    metadata,
    Column("holder", String(32), primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Text, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("usd", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)
