"""Fills a database with many rows, written by SQL statements; `verify` finds no differences in them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.orm import Session

from pointsync.models import Attempt, Customer, Movement, Origin, Remote, Reserve, Site, StatusChange
from pointsync.runtime import get_runtime
from tests.support.moving_clock import START

NUMBERS_SQL = "WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < :count) "
ATTEMPTS_PER_REMOTE = 50

# In each balance every fourth movement takes 15 points, and the others give 10.
POINTS_SQL = "CASE WHEN visit % 4 = 3 THEN -15 ELSE 10 END"
BALANCE_SQL = "(visit + 1) / 4 * 15 + (visit + 1) % 4 * 10"

TIME_SQL = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', :begins, '+' || (n * :seconds / :count) || ' seconds') || '000'",
    "postgresql": "CAST(:begins AS timestamptz) + (CAST(n AS BIGINT) * :seconds / :count) * interval '1 second'",
}
HOUR_SQL = {
    "sqlite": "substr(at, 1, 13) || ':00:00.000000'",
    "postgresql": "date_trunc('hour', at, 'UTC')",
}


def insert_rows(
    session: Session,
    *,
    customers: int = 0,
    movements: int = 0,
    remotes: int = 0,
    now: datetime = START,
    days: int = 31,
) -> None:
    """Insert rows, with the balances, hourly totals, summaries, deliveries and attempts that belong to them.

    The new movements are spread over `days` before `now`, over all reserves and over the new customers (over all, if
    there are none). A fifth of them come from the remotes' sites. Their deliveries are delivered, except the newest
    1 %, which are pending, and a few in each other state.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":  # the foreign keys are correct here, and slow to check
        connection.execute(text("SET LOCAL session_replication_role = replica"))
    _insert_customers(connection, customers, now)
    for _ in range(remotes):
        _insert_remote(session, now)
    if movements:
        _insert_movements(session, connection, customers, movements, now - timedelta(days=days), days)


def _insert_customers(connection: Connection, count: int, now: datetime) -> None:
    if not count:
        return
    last = connection.scalar(select(func.coalesce(func.max(Customer.id), 0)))
    connection.execute(
        text(
            f"INSERT INTO customer (id, email, created_at) {NUMBERS_SQL}"
            "SELECT :last + n + 1, substr('abcdefghijklmnopqrstuvwxyz', (:last + n) % 26 + 1, 1) "
            "|| CAST(:last + n + 1 AS VARCHAR(9)) || '@many.example', "
            f"{_timestamp_literal(connection, now)} FROM number"
        ),
        {"last": last, "count": count},
    )
    _advance_sequence(connection, "customer", "id")


def _insert_remote(session: Session, now: datetime) -> None:
    number = (session.scalar(select(func.max(Remote.id))) or 0) + 1
    reserves = session.scalars(select(Reserve.id).order_by(Reserve.id)).all()
    auth = f"wrk_{number:016x}"
    session.add(Origin(auth=auth, first_seen_at=now))
    remote = Remote(
        url=f"https://shop-{number}.example",
        auth=auth,
        sealed_pass=get_runtime().vault.encrypt("wrs_AbCdEf0123456789"),
        target="default",
        reserve_id=reserves[(number - 1) % len(reserves)],
        query_template="/",
        created_at=now,
        dialect="pointsync",
        name=f"Shop {number}",
        facts={},
    )
    session.add(remote)
    session.flush()
    at = {"remote_id": remote.id, "started_at": now, "ended_at": now, "first_delivery_id": 1, "deliveries": 1}
    codes = ["timeout" if each % 10 == 0 else "ok" for each in range(ATTEMPTS_PER_REMOTE)]
    session.execute(insert(Attempt), [at | {"code": code, "message": code} for code in codes])
    change = {
        "remote_id": remote.id,
        "at": now,
        "before": "green",
        "after": "warning",
        "words": "The last check failed.",
    }
    session.execute(insert(StatusChange), [change] * ATTEMPTS_PER_REMOTE)


def _insert_movements(
    session: Session, connection: Connection, customers: int, count: int, begins: datetime, days: int
) -> None:
    dialect = connection.dialect.name
    site = session.get_one(Site, 1, with_for_update=True, populate_existing=True)
    reserves = session.scalars(select(Reserve.id).order_by(Reserve.id)).all()
    auths = session.scalars(select(Remote.auth).where(Remote.deleted_at.is_(None)).order_by(Remote.id)).all()
    last_customer = session.scalar(select(func.max(Customer.id))) or 0
    among = customers or last_customer
    assert among, "movements need customers"
    bounds = {
        "count": count,
        "customers": among,
        "first_customer": last_customer - among + 1,
        "reserves": len(reserves),
        "last_seq": session.scalar(select(func.coalesce(func.max(Movement.seq), 0))),
        "last_id": site.last_id,
        "own": site.auth,
        "seconds": days * 86_400,
        "begins": begins.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S" + ("" if dialect == "sqlite" else "+00")),
    }
    origin_case = " ".join(
        f"WHEN n % 5 = 4 AND n / 5 % {len(auths)} = {at} THEN '{auth}'" for at, auth in enumerate(auths)
    )
    reserve_case = " ".join(f"WHEN n / :customers % :reserves = {at} THEN {key}" for at, key in enumerate(reserves))
    site.last_id += count
    session.flush()
    rows = (
        f"SELECT :last_seq + n + 1 AS seq, {f'CASE {origin_case} ELSE :own END' if origin_case else ':own'} AS origin, "
        "CAST(:last_id + n + 1 AS VARCHAR(20)) AS id, "
        f":first_customer + n % :customers AS customer_id, CASE {reserve_case} END AS reserve_id, "
        f"n / :customers / :reserves AS visit, {TIME_SQL[dialect]} AS at, n FROM number"
    )
    connection.execute(
        text(
            "INSERT INTO movement (seq, origin, id, customer_id, reserve_id, kind, points, balance, reason, at, "
            f"recorded_at, below_zero, is_history) {NUMBERS_SQL}"
            "SELECT seq, origin, id, customer_id, reserve_id, CASE WHEN visit % 4 = 3 THEN 'spend' ELSE 'earn' END, "
            f"{POINTS_SQL}, {BALANCE_SQL} + before, 'Order ' || CAST(n AS VARCHAR(20)), at, at, false, false FROM "
            "(SELECT made.*, coalesce(balance.points, 0) AS before FROM "
            f"({rows}) AS made LEFT JOIN balance ON balance.customer_id = made.customer_id "
            "AND balance.reserve_id = made.reserve_id) AS whole ORDER BY seq"
        ),
        bounds,
    )
    _advance_sequence(connection, "movement", "seq")
    # Like movements from before digests existed: a running site digests them.
    site.undigested_seq = site.undigested_total = bounds["last_seq"] + count
    session.flush()
    since = {"last": bounds["last_seq"]}
    _insert_sums(connection, dialect, site.auth, since)
    _insert_deliveries(connection, site.auth, since | {"waits_from": bounds["last_seq"] + count - count // 100})


def _insert_sums(connection: Connection, dialect: str, own: str, since: dict[str, int]) -> None:
    """Balances, hourly totals and received summaries of the new movements."""
    connection.execute(
        text(
            "INSERT INTO balance (customer_id, reserve_id, points) "
            "SELECT customer_id, reserve_id, sum(points) FROM movement WHERE seq > :last GROUP BY 1, 2 "
            "ON CONFLICT (customer_id, reserve_id) DO UPDATE SET points = balance.points + excluded.points"
        ),
        since,
    )
    more = ", ".join(f"{name} = flow.{name} + excluded.{name}" for name in ("movements", "given", "taken"))
    connection.execute(
        text(
            "INSERT INTO flow (hour, origin, reserve_id, kind, movements, given, taken) "
            f"SELECT {HOUR_SQL[dialect]}, origin, reserve_id, kind, count(*), "
            "sum(CASE WHEN points > 0 THEN points ELSE 0 END), "
            "sum(CASE WHEN points < 0 THEN -points ELSE 0 END) FROM movement WHERE seq > :last GROUP BY 1, 2, 3, 4 "
            f"ON CONFLICT (hour, origin, reserve_id, kind) DO UPDATE SET {more}"
        ),
        since,
    )
    connection.execute(
        text(
            "INSERT INTO holding (origin, reserve_id, count, max_id) "
            "SELECT origin, reserve_id, count(*), max(CAST(id AS BIGINT)) FROM movement "
            "WHERE seq > :last AND origin <> :own GROUP BY 1, 2 "
            "ON CONFLICT (origin, reserve_id) DO UPDATE SET count = holding.count + excluded.count, "
            "max_id = excluded.max_id"
        ),
        since | {"own": own},
    )


def _insert_deliveries(connection: Connection, own: str, bounds: dict[str, int]) -> None:
    connection.execute(
        text(
            "INSERT INTO delivery (movement_seq, remote_id, state, attempts, delivered_at, code, message, is_history) "
            "SELECT seq, remote.id, "
            "CASE WHEN seq > :waits_from THEN 'pending' WHEN seq % 499 = 1 THEN 'failed' WHEN seq % 499 = 2 THEN "
            "'unknown' WHEN seq % 499 = 3 THEN 'aside' ELSE 'delivered' END, 1, "
            "CASE WHEN seq <= :waits_from AND seq % 499 NOT IN (1, 2, 3) THEN recorded_at END, "
            "CASE WHEN seq <= :waits_from AND seq % 499 = 1 THEN 'conflict' END, "
            "CASE WHEN seq <= :waits_from AND seq % 499 = 1 THEN 'It holds this id with other points.' END, false "
            "FROM movement JOIN remote ON remote.reserve_id = movement.reserve_id AND remote.deleted_at IS NULL "
            "WHERE seq > :last AND origin = :own ORDER BY seq, remote.id"
        ),
        bounds | {"own": own},
    )


def _timestamp_literal(connection: Connection, time: datetime) -> str:
    shown = time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return f"'{shown}'" if connection.dialect.name == "sqlite" else f"CAST('{shown}+00' AS timestamptz)"


def _advance_sequence(connection: Connection, table: str, column: str) -> None:
    """Set PostgreSQL's sequence to the highest id that was inserted; SQLite does this by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), (SELECT max({column}) FROM {table}))")
        )
