"""Read-only keys of shops, and times in which this site did not run"""

import sqlalchemy as sa
from alembic import op

revision = "c41e7a90d2f6"
down_revision = "3c9a7e51d6b2"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "shop_key",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("sealed_consumer_key", sa.String(1000), nullable=False),
        sa.Column("sealed_consumer_secret", sa.String(1000), nullable=False),
        sa.Column("key_end", sa.String(8), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("read_until", TIME, nullable=False),
        sa.Column("walk", sa.Text(), nullable=True),
        sa.Column("night_walk", sa.Text(), nullable=True),
        sa.Column("night_done_at", TIME, nullable=True),
        sa.Column("last_success_at", TIME, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", TIME, nullable=True),
        sa.Column("code", sa.String(32), nullable=True),
        sa.Column("message", sa.String(500), nullable=True),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_shop_key_shop_id")),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_shop_key")),
    )
    op.create_table(
        "shop_key_request",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("hook_id", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("asked_by", sa.String(191), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.Column("problem", sa.String(500), nullable=True),
        sa.ForeignKeyConstraint(["hook_id"], ["hook.id"], name=op.f("fk_shop_key_request_hook_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_shop_key_request")),
    )
    op.create_index(op.f("ix_shop_key_request_hook_id"), "shop_key_request", ["hook_id"])
    op.create_table(
        "last_alive",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_last_alive")),
    )
    op.create_table(
        "outage",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("began_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=False),
        sa.Column("dismissed_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outage")),
    )


def downgrade() -> None:
    for table in ("outage", "last_alive", "shop_key_request", "shop_key"):
        op.drop_table(table)
