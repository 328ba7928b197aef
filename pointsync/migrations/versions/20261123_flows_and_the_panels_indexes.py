"""Hourly totals (table `flow`), and indexes for the panel's lists"""

import sqlalchemy as sa
from alembic import op

revision = "5b0c7d41e9a2"
down_revision = "da1ae12bb3e8"
branch_labels = None
depends_on = None

DELIVERIES = {
    "ix_delivery_delivered": "delivered",
    "ix_delivery_aside": "aside",
    "ix_delivery_unknown_id": "unknown",
}

# The hour in UTC, in the format in which each database stores times.
HOUR = {
    "sqlite": "substr(recorded_at, 1, 13) || ':00:00.000000'",
    "postgresql": "date_trunc('hour', recorded_at, 'UTC')",
}


def upgrade() -> None:
    op.create_table(
        "flow",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin", sa.String(length=191), nullable=False),
        sa.Column("reserve_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("movements", sa.BigInteger(), nullable=False),
        sa.Column("given", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["reserve_id"], ["reserve.id"], name=op.f("fk_flow_reserve_id")),
        sa.PrimaryKeyConstraint("hour", "origin", "reserve_id", "kind", name=op.f("pk_flow")),
    )
    dialect = op.get_bind().dialect.name
    op.execute(
        "INSERT INTO flow (hour, origin, reserve_id, kind, movements, given, taken) "  # noqa: S608 no user input
        f"SELECT {HOUR[dialect]} AS hour, origin, reserve_id, kind, count(*), "
        "sum(CASE WHEN points > 0 THEN points ELSE 0 END), sum(CASE WHEN points < 0 THEN -points ELSE 0 END) "
        "FROM movement GROUP BY 1, 2, 3, 4"
    )
    op.drop_index("ix_balance_reserve_id", table_name="balance")
    op.create_index("ix_balance_points", "balance", ["reserve_id", "points", "customer_id"], unique=False)
    for name, state in DELIVERIES.items():
        where = sa.text(f"state = '{state}'")
        op.create_index(name, "delivery", ["remote_id", "id"], sqlite_where=where, postgresql_where=where)
    where = sa.text("code <> 'ok'")
    op.create_index("ix_attempt_failed", "attempt", ["remote_id", "id"], sqlite_where=where, postgresql_where=where)
    if dialect == "postgresql":  # SQLite sorts text by code points by default
        op.alter_column("customer", "email", type_=sa.String(length=320, collation="C"), existing_nullable=False)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("customer", "email", type_=sa.String(length=320, collation="default"), existing_nullable=False)
    op.drop_index("ix_attempt_failed", table_name="attempt")
    for name in DELIVERIES:
        op.drop_index(name, table_name="delivery")
    op.drop_index("ix_balance_points", table_name="balance")
    op.create_index("ix_balance_reserve_id", "balance", ["reserve_id"], unique=False)
    op.drop_table("flow")
