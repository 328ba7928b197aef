"""Comparing at each batch: when it last showed that both sites hold the same, and since when that is in doubt"""

import sqlalchemy as sa
from alembic import op

revision = "c1f4a09d6e27"
down_revision = "8d5b21c7e403"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("holding", sa.Column("equal_at", TIME, nullable=True))
    op.add_column("holding", sa.Column("doubted_at", TIME, nullable=True))


def downgrade() -> None:
    op.drop_column("holding", "doubted_at")
    op.drop_column("holding", "equal_at")
