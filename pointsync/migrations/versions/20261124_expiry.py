"""Expiry rules"""

import sqlalchemy as sa
from alembic import op

revision = "8e21f60a7b34"
down_revision = "5b0c7d41e9a2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "expiry",
        sa.Column("reserve_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("unit", sa.String(length=8), nullable=True),
        sa.Column("month", sa.Integer(), nullable=True),
        sa.Column("day", sa.Integer(), nullable=True),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("done_day", sa.Date(), nullable=True),
        sa.Column("seen_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["reserve_id"], ["reserve.id"], name=op.f("fk_expiry_reserve_id")),
        sa.PrimaryKeyConstraint("reserve_id", name=op.f("pk_expiry")),
    )


def downgrade() -> None:
    op.drop_table("expiry")
