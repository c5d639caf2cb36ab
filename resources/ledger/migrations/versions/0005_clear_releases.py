"""Which version of a release was looked through for what is banned, and holds nothing of it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nothing is known of the releases that there are."""
    op.add_column("releases", sa.Column("clear", sa.Text()))
