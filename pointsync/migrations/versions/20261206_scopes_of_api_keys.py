"""API keys get scopes, an expiry time, a rate limit and the time of their last use; existing keys keep their rights"""

import sqlalchemy as sa
from alembic import op

revision = "5c09e5a91ca7"
down_revision = "b0c4e7500001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("api_key") as table:
        table.add_column(sa.Column("scopes", sa.String(length=64), nullable=False, server_default="record read admin"))
        table.add_column(sa.Column("per_minute", sa.Integer(), nullable=True))
        table.add_column(sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("api_key") as table:
        table.alter_column("scopes", server_default=None)
    op.create_table(
        "key_use",
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"], name=op.f("fk_key_use_key_id_api_key")),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_key_use")),
    )


def downgrade() -> None:
    op.drop_table("key_use")
    with op.batch_alter_table("api_key") as table:
        for column in ("expires_at", "per_minute", "scopes"):
            table.drop_column(column)
