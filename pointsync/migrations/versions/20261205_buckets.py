"""Rate limits of sign-ins, shared by all processes (table `bucket`)"""

import sqlalchemy as sa
from alembic import op

revision = "b0c4e7500001"
down_revision = "a0d1710c5b3e"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bucket",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("empty_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_bucket")),
    )
    op.create_index(op.f("ix_bucket_empty_at_ms"), "bucket", ["empty_at_ms"])


def downgrade() -> None:
    op.drop_table("bucket")
