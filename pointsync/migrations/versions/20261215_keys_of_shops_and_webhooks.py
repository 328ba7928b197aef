"""API keys belong to shops and can be rotated; shops report orders by the API; webhooks"""

import sqlalchemy as sa
from alembic import op

revision = "c41e7a90d5b2"
down_revision = "c41e7a90d2f6"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    # Tables are not copied here: others refer to them. So a column that cannot be null has a default.
    op.add_column("api_key", sa.Column("shop", sa.String(64), nullable=False, server_default=sa.text("''")))
    op.add_column("api_key", sa.Column("old_digest", sa.String(64), nullable=True))
    op.add_column("api_key", sa.Column("old_ends_at", TIME, nullable=True))
    op.create_index("ix_api_key_old_digest", "api_key", ["old_digest"], unique=True)
    op.execute("UPDATE api_key SET shop = name")
    op.add_column("hook", sa.Column("key_shop", sa.String(64), nullable=True))
    op.add_column("hook", sa.Column("seen_until", TIME, nullable=True))
    op.create_table(
        "webhook",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop", sa.String(64), nullable=True),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("sealed_secret", sa.String(1000), nullable=False),
        sa.Column("cursor", sa.String(100), nullable=False),
        sa.Column("is_restarted", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", TIME, nullable=True),
        sa.Column("last_failure_at", TIME, nullable=True),
        sa.Column("next_attempt_at", TIME, nullable=True),
        sa.Column("last_error", sa.String(500), nullable=True),
        sa.Column("last_success_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("disabled_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )


def downgrade() -> None:
    op.drop_table("webhook")
    op.drop_column("hook", "seen_until")
    op.drop_column("hook", "key_shop")
    op.drop_index("ix_api_key_old_digest", "api_key")
    for column in ("old_ends_at", "old_digest", "shop"):
        op.drop_column("api_key", column)
