"""Each reply gets a checksum, so that one that was damaged on the disk is asked for again and never used."""

import sqlalchemy as sa
from alembic import op

from evergrow.resources.ledger.checksum import checksum

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TOGETHER = 1000


def upgrade() -> None:
    """Add the column, and the checksums of the replies that are there: they are taken to be whole."""
    op.add_column("calls", sa.Column("checksum", sa.String(64)))
    calls = sa.table("calls", *map(sa.column, ("call_id", "request_key", "reply", "checksum")))
    connection, last = op.get_bind(), ""
    change = sa.update(calls).where(calls.c.call_id == sa.bindparam("id")).values(checksum=sa.bindparam("sum"))
    columns = (calls.c.call_id, calls.c.request_key, calls.c.reply)
    query = sa.select(*columns).where(calls.c.reply.is_not(None)).order_by(calls.c.call_id).limit(TOGETHER)
    while rows := connection.execute(query.where(calls.c.call_id > last)).all():
        connection.execute(change, [{"id": row[0], "sum": checksum(row[1], row[2])} for row in rows])
        last = rows[-1][0]
