"""WordPress shops are connected by a one-use code, and report their state"""

import sqlalchemy as sa
from alembic import op

revision = "d2b95c60e4f7"
down_revision = "7d1e5b90c2fa"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
IS_LISTED = sa.text("removed_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "connected_shop",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("code_digest", sa.String(64), nullable=True),
        sa.Column("code_ends_at", TIME, nullable=True),
        sa.Column("code_used_at", TIME, nullable=True),
        sa.Column("plugin_id", sa.String(32), nullable=True),
        sa.Column("home_url", sa.String(500), nullable=True),
        sa.Column("title", sa.String(191), nullable=True),
        sa.Column("key_id", sa.Integer(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("connected_at", TIME, nullable=True),
        sa.Column("disconnected_at", TIME, nullable=True),
        sa.Column("removed_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"], name=op.f("fk_connected_shop_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connected_shop")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_connected_shop_code_digest")),
        sa.UniqueConstraint("key_id", name=op.f("uq_connected_shop_key_id")),
    )
    op.create_index("ix_connected_shop_plugin_id", "connected_shop", ["plugin_id"])
    op.create_index(
        "uq_connected_shop_name",
        "connected_shop",
        ["name"],
        unique=True,
        sqlite_where=IS_LISTED,
        postgresql_where=IS_LISTED,
    )
    op.create_table(
        "shop_state",
        sa.Column("connected_shop_id", sa.Integer(), nullable=False),
        sa.Column("reported_at", TIME, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connected_shop_id"], ["connected_shop.id"], name=op.f("fk_shop_state_connected_shop_id")
        ),
        sa.PrimaryKeyConstraint("connected_shop_id", name=op.f("pk_shop_state")),
    )


def downgrade() -> None:
    # A version without these tables would accept the keys from any address, so they end.
    op.execute(
        "UPDATE api_key SET revoked_at = CURRENT_TIMESTAMP WHERE revoked_at IS NULL AND id IN "
        "(SELECT key_id FROM connected_shop WHERE key_id IS NOT NULL)"
    )
    op.drop_table("shop_state")
    op.drop_table("connected_shop")
