"""Holds: points that a shop holds for a checkout"""

import sqlalchemy as sa
from alembic import op

revision = "8d5b21c7e403"
down_revision = "b7d2f0c4a918"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "hold",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("source", sa.String(191), nullable=False),
        sa.Column("ref", sa.String(191), nullable=False),
        sa.Column("customer_id", ROW_NUMBER, nullable=False),
        sa.Column("reserve_id", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("held_at", TIME, nullable=False),
        sa.Column("until_at", TIME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("movement_seq", ROW_NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_hold_customer_id")),
        sa.ForeignKeyConstraint(["reserve_id"], ["reserve.id"], name=op.f("fk_hold_reserve_id")),
        sa.ForeignKeyConstraint(["movement_seq"], ["movement.seq"], name=op.f("fk_hold_movement_seq")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
        sa.UniqueConstraint("source", "ref", name=op.f("uq_hold_source_ref")),
    )
    op.create_index(
        "ix_hold_balance",
        "hold",
        ["customer_id", "reserve_id", "until_at"],
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index("ix_hold_until_at", "hold", ["until_at"])


def downgrade() -> None:
    op.drop_table("hold")
