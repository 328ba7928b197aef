"""Rewards and levels"""

import sqlalchemy as sa
from alembic import op

revision = "8e41f60b97d3"
down_revision = "8e21f60a7b34"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "reward",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reserve_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["reserve_id"], ["reserve.id"], name=op.f("fk_reward_reserve_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reward")),
        sa.UniqueConstraint("reserve_id", "title", name=op.f("uq_reward_reserve_id_title")),
    )
    op.create_table(
        "level",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reserve_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_customer_id", ROW_NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["reserve_id"], ["reserve.id"], name=op.f("fk_level_reserve_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_level")),
        sa.UniqueConstraint("reserve_id", "title", name=op.f("uq_level_reserve_id_title")),
    )
    op.create_table(
        "redemption",
        sa.Column("movement_seq", ROW_NUMBER, nullable=False),
        sa.Column("reward_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["movement_seq"], ["movement.seq"], name=op.f("fk_redemption_movement_seq")),
        sa.ForeignKeyConstraint(["reward_id"], ["reward.id"], name=op.f("fk_redemption_reward_id")),
        sa.PrimaryKeyConstraint("movement_seq", name=op.f("pk_redemption")),
    )
    op.create_table(
        "unlock",
        sa.Column("customer_id", ROW_NUMBER, nullable=False),
        sa.Column("level_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("movement_seq", ROW_NUMBER, nullable=True),
        sa.Column("is_quiet", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_unlock_customer_id")),
        sa.ForeignKeyConstraint(["level_id"], ["level.id"], name=op.f("fk_unlock_level_id")),
        sa.ForeignKeyConstraint(["movement_seq"], ["movement.seq"], name=op.f("fk_unlock_movement_seq")),
        sa.PrimaryKeyConstraint("customer_id", "level_id", name=op.f("pk_unlock")),
    )


def downgrade() -> None:
    for table in ("unlock", "redemption", "level", "reward"):
        op.drop_table(table)
