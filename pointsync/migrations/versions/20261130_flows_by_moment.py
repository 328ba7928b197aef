"""Hourly totals count a movement in the hour in which it happened, and ignore movements of 0 points"""

from alembic import op

revision = "e4a1b7c05d93"
down_revision = "7c2f64b0a9d1"
branch_labels = None
depends_on = None

# The hour in UTC, in the format in which each database stores times.
HOUR = {
    "sqlite": "substr({moment}, 1, 13) || ':00:00.000000'",
    "postgresql": "date_trunc('hour', {moment}, 'UTC')",
}


def upgrade() -> None:
    _count_again("at", "WHERE points <> 0")


def downgrade() -> None:
    _count_again("recorded_at", "")


def _count_again(moment: str, which: str) -> None:
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":  # so that no movement is recorded meanwhile; in the same order as recording locks them
        op.execute("LOCK TABLE movement, flow IN SHARE ROW EXCLUSIVE MODE")
    op.execute("DELETE FROM flow")
    op.execute(
        "INSERT INTO flow (hour, origin, reserve_id, kind, movements, given, taken) "  # noqa: S608 no user input
        f"SELECT {HOUR[dialect].format(moment=moment)} AS hour, origin, reserve_id, kind, count(*), "
        "sum(CASE WHEN points > 0 THEN points ELSE 0 END), sum(CASE WHEN points < 0 THEN -points ELSE 0 END) "
        f"FROM movement {which} GROUP BY 1, 2, 3, 4"
    )
