"""Very many movements that one stopped site has delivered to another, written by SQL into both SQLite databases.

They have no digests, like movements from before digests existed: both sites digest them when they run. The balances,
hourly totals and received summaries that belong to them are right.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from pointsync import ids
from tests.support.process import SiteProcess

NUMBERS_SQL = "WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < :count) "
MILLISECOND = 1 << ids.COUNTER_BITS
"""How far the ids of two movements are apart that are recorded one millisecond after the other."""


def insert_delivered(sender: SiteProcess, receiver: SiteProcess, count: int, customers: int) -> None:
    """Insert `count` movements of `sender`, one for each millisecond of the past, delivered to its only remote.

    Both sites are stopped and have no movements yet. Each movement gives its customer one point.
    """
    first_at = datetime.now(UTC) - timedelta(milliseconds=count) - timedelta(minutes=1)
    values = {
        "count": count,
        "customers": customers,
        "at": first_at.strftime("%Y-%m-%d %H:%M:%S"),
        "hour": first_at.strftime("%Y-%m-%d %H:00:00.000000"),
        "first_id": ids.lowest_id_at(first_at),
        "step": MILLISECOND,
    }
    for site in (sender, receiver):
        path = f"file:{site.data_dir}/pointsync.db"
        with closing(sqlite3.connect(path, uri=True, isolation_level=None)) as database:
            database.execute("ATTACH ? AS sender", (f"file:{sender.data_dir}/pointsync.db?mode=ro",))
            database.execute("BEGIN IMMEDIATE")
            for statement in (*BOTH, *(SENDER if site is sender else RECEIVER)):
                database.execute(statement, values)
            database.execute("COMMIT")


BOTH = (
    f"INSERT INTO customer (id, email, created_at) {NUMBERS_SQL}"
    "SELECT n + 1, 'c' || n || '@many.example', :at FROM number WHERE n < :customers",
    "INSERT INTO movement (seq, origin, id, customer_id, reserve_id, kind, points, balance, reason, at, recorded_at, "
    f"below_zero, is_history) {NUMBERS_SQL}"
    "SELECT n + 1, (SELECT auth FROM sender.site), CAST(:first_id + n * :step AS TEXT), n % :customers + 1, "
    "reserve.id, 'earn', 1, n / :customers + 1, 'Order ' || n, :at, :at, 0, 0 FROM number, reserve "
    "WHERE reserve.key = 'default'",
    "INSERT INTO balance (customer_id, reserve_id, points) "
    "SELECT customer_id, reserve_id, sum(points) FROM movement GROUP BY 1, 2",
    "INSERT INTO flow (hour, origin, reserve_id, kind, movements, given, taken) "
    "SELECT :hour, origin, reserve_id, kind, count(*), sum(points), 0 FROM movement GROUP BY origin, reserve_id, kind",
    "UPDATE site SET undigested_seq = :count, undigested_total = :count",
)
SENDER = (
    "INSERT INTO delivery (movement_seq, remote_id, state, attempts, delivered_at, is_history) "
    "SELECT seq, remote.id, 'delivered', 1, :at, 0 FROM movement, remote",
    "UPDATE site SET last_id = :first_id + :count * :step",
)
RECEIVER = (
    "INSERT INTO holding (origin, reserve_id, count, max_id) "
    "SELECT origin, reserve_id, count(*), max(CAST(id AS INTEGER)) FROM movement GROUP BY origin, reserve_id",
)
