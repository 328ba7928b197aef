"""Erasures that are not finished are found by an index, and say which changes they did not count; sites are asked less
often about them; addresses that were told apart are compared with the others"""

import sqlalchemy as sa
from alembic import op

revision = "7d1e5b90c2fa"
down_revision = "c4e81f0a7d35"
branch_labels = None
depends_on = None

IS_UNFINISHED = sa.text("carried_out_at IS NOT NULL AND (cleaned_at IS NULL OR sealed_addresses IS NOT NULL)")


def upgrade() -> None:
    op.add_column("erasure", sa.Column("not_seen", sa.JSON(), nullable=True))
    op.add_column("erasure_receipt", sa.Column("ask_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_erasure_unfinished", "erasure", ["id"], sqlite_where=IS_UNFINISHED, postgresql_where=IS_UNFINISHED
    )
    for column in ("first_id", "second_id"):
        op.execute(
            "UPDATE customer SET loose_key = NULL WHERE loose_key <> 0 AND id IN "  # noqa: S608
            f"(SELECT {column} FROM customer_pair WHERE dismissed_at IS NOT NULL)"
        )


def downgrade() -> None:
    op.drop_index("ix_erasure_unfinished", "erasure")
    op.drop_column("erasure_receipt", "ask_at")
    op.drop_column("erasure", "not_seen")
