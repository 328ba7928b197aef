"""Blocked origins, refused origins, and reversals with the movements that they reversed"""

import sqlalchemy as sa
from alembic import op

revision = "b10c4ed0a7e2"
down_revision = "b81e6d20f4a7"
branch_labels = None
depends_on = None

COLUMNS = {
    "blocked_at": sa.DateTime(timezone=True),
    "blocked_reason": sa.String(length=500),
    "blocked_by": sa.String(length=191),
}
ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("origin", sa.Column(name, kind, nullable=True))
    op.create_table(
        "turned_away",
        sa.Column("auth", sa.String(length=191), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("auth", name=op.f("pk_turned_away")),
    )
    op.create_table(
        "reversal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=191), nullable=False),
        sa.Column("reserve_id", sa.Integer(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seq", ROW_NUMBER, nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("corrections", sa.Integer(), nullable=False),
        sa.Column("out_of_bounds", sa.Integer(), nullable=False),
        sa.Column("after_customer_id", ROW_NUMBER, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["origin"], ["origin.auth"], name=op.f("fk_reversal_origin_origin")),
        sa.ForeignKeyConstraint(["reserve_id"], ["reserve.id"], name=op.f("fk_reversal_reserve_id_reserve")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reversal")),
    )
    op.create_index(op.f("ix_reversal_origin"), "reversal", ["origin"])
    op.create_table(
        "reversed_movement",
        sa.Column("movement_seq", ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("reversal_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["movement_seq"], ["movement.seq"], name=op.f("fk_reversed_movement_movement_seq_movement")
        ),
        sa.ForeignKeyConstraint(
            ["reversal_id"], ["reversal.id"], name=op.f("fk_reversed_movement_reversal_id_reversal")
        ),
        sa.PrimaryKeyConstraint("movement_seq", name=op.f("pk_reversed_movement")),
    )


def downgrade() -> None:
    op.drop_table("reversed_movement")
    op.drop_index(op.f("ix_reversal_origin"), table_name="reversal")
    op.drop_table("reversal")
    op.drop_table("turned_away")
    for name in reversed(COLUMNS):
        op.drop_column("origin", name)
