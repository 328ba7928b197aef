"""Fetching lost movements back from the remotes, and handing on the movements of a site that is gone"""

import sqlalchemy as sa
from alembic import op

revision = "6f1c0d9b2a47"
down_revision = "e9a1be7eed05"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("movement", sa.Column("ref_source", sa.String(191), nullable=True))
    for name in ("is_fetching_back", "has_open_fetch"):
        op.add_column("site", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("site", sa.Column("restored_at", TIME, nullable=True))
    op.create_table(
        "remote_fetch",
        sa.Column("remote_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        *_counters("after_id", "received", "total", "returned", "unreadable"),
        sa.Column("is_unable", sa.Boolean(), nullable=False),
        sa.Column("message", sa.String(500), nullable=True),
        sa.Column("next_at", TIME, nullable=True),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["remote_id"], ["remote.id"], name=op.f("fk_remote_fetch_remote_id")),
        sa.PrimaryKeyConstraint("remote_id", name=op.f("pk_remote_fetch")),
    )
    op.create_table(
        "returned_movement",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("remote_id", sa.Integer(), nullable=False),
        *_counters("movement_id"),
        sa.Column("reserve_id", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(320), nullable=False),
        *_counters("points"),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("at", TIME, nullable=True),
        sa.Column("ref", sa.String(191), nullable=True),
        sa.Column("source", sa.String(191), nullable=True),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("is_altered", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(["remote_id"], ["remote.id"], name=op.f("fk_returned_movement_remote_id")),
        sa.ForeignKeyConstraint(["reserve_id"], ["reserve.id"], name=op.f("fk_returned_movement_reserve_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_returned_movement")),
    )
    op.create_index("uq_returned_movement", "returned_movement", ["movement_id", "remote_id"], unique=True)
    op.create_table(
        "hand_on_permission",
        sa.Column("origin", sa.String(191), nullable=False),
        sa.Column("sender", sa.String(191), nullable=False),
        sa.Column("allowed_at", TIME, nullable=False),
        sa.Column("allowed_by", sa.String(191), nullable=False),
        sa.PrimaryKeyConstraint("origin", "sender", name=op.f("pk_hand_on_permission")),
    )
    op.create_table(
        "hand_on",
        sa.Column("origin", sa.String(191), nullable=False),
        sa.Column("remote_id", sa.Integer(), nullable=False),
        sa.Column("after_seq", ROW_NUMBER, nullable=False),
        *_counters("sent", "total", "applied", "refused"),
        sa.Column("message", sa.String(500), nullable=True),
        sa.Column("next_at", TIME, nullable=True),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("stopped_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["remote_id"], ["remote.id"], name=op.f("fk_hand_on_remote_id")),
        sa.PrimaryKeyConstraint("origin", "remote_id", name=op.f("pk_hand_on")),
    )


def _counters(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def downgrade() -> None:
    for table in ("hand_on", "hand_on_permission", "returned_movement", "remote_fetch"):
        op.drop_table(table)
    for name in ("is_fetching_back", "has_open_fetch", "restored_at"):
        op.drop_column("site", name)
    op.drop_column("movement", "ref_source")
