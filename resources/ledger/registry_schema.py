"""Tables of what users have registered, beside the ledger's: batches, trees, recipes, bans, exports, releases, leases.

Texts that users wrote freely are kept as ASCII JSON: neither database takes every text that Python can hold.
"""

from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, String, Table, Text

from evergrow.resources.ledger.schema import metadata

# One row, whose value every change raises: whoever writes holds it until the end of the transaction.
sequence = Table("registry_sequence", metadata, Column("value", BigInteger, nullable=False))

changes = Table(
    "registry_changes",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("number", BigInteger, nullable=False, index=True),
)

batches = Table(
    "batches",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("file", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("origin", Text, nullable=False),
    Column("staged_at", Double, nullable=False),
    Column("as_is", Boolean, nullable=False),
    Column("fresh_since", Double),
)

trees = Table(
    "trees",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("spec", Text, nullable=False),
    Column("imported", Text),
    Column("domain", Text),
    Column("balance", Text),
    Column("dataset", Text),
)

recipes = Table(
    "recipes",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("recipe", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Double, nullable=False),
)

bans = Table("bans", metadata, Column("kind", String(16), primary_key=True), Column("value", Text, primary_key=True))

# Ordered and not yet finished; `number` is that of the change that ordered it.
takedowns = Table(
    "takedowns",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("bans", Text, nullable=False),
)

exports = Table(
    "exports",
    metadata,
    Column("folder", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("export", Text, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("wish", Text, nullable=False),
    Column("clear", Text),  # the version that was looked through and holds nothing of what is banned, and of what bans
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token", String(32), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("renewed_at", Double, nullable=False),
)
