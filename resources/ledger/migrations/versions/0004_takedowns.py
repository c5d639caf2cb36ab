"""Takedowns that are ordered and not yet finished."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "takedowns",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bans", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
