"""Very many movements in a stopped SQLite site: copies of the only one that it has recorded."""

from contextlib import closing
from typing import Any

from pointsync import digests
from pointsync.models import Delivery, Movement
from tests.bench.databases import Database

NUMBERS_SQL = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count) "
EMAIL_SQL = "'c' || ((n - 1) % :customers) || '@many.example'"


def copy_movement(database: Database, count: int, customers: int) -> None:
    """Add `count` movements of new customers, each with a delivery if the recorded one has a delivery.

    The recorded movement gives one point. `verify` finds no difference afterwards.
    """
    with closing(database.connect()) as connection:
        connection.create_function("digest_of", 3, _digest, deterministic=True)
        [last_id] = connection.execute("SELECT last_id FROM site").fetchone()
        [first] = connection.execute("SELECT max(id) + 1 FROM customer").fetchone()
        values = {"count": count, "customers": customers, "last_id": last_id, "first": first}
        connection.execute("BEGIN IMMEDIATE")
        for statement in _statements():
            connection.execute(statement, values)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _statements() -> list[str]:
    """The site has one movement, one customer and one hourly total before."""
    return [
        "INSERT INTO customer (id, email, created_at) "
        f"{NUMBERS_SQL}SELECT :first + n - 1, {EMAIL_SQL}, created_at FROM number, (SELECT created_at FROM customer) "
        "WHERE n <= :customers",
        _copy(
            Movement,
            seq="sample.seq + n",
            id="CAST(:last_id + n AS TEXT)",
            customer_id=":first + (n - 1) % :customers",
            balance="(n - 1) / :customers + 1",
            digest=f"digest_of(:last_id + n, 1, {EMAIL_SQL})",
        ),
        "INSERT INTO balance (customer_id, reserve_id, points) SELECT customer_id, reserve_id, sum(points) "
        "FROM movement WHERE customer_id >= :first GROUP BY 1, 2",
        _copy(Delivery, id="sample.id + n", movement_seq="sample.movement_seq + n"),
        "UPDATE flow SET movements = movements + :count, given = given + :count",
        "UPDATE site SET last_id = last_id + :count",
    ]


def _copy(model: Any, **values: str) -> str:
    """A statement that copies the only row of a table, with other values in these columns."""
    names = [column.name for column in model.__table__.columns]
    chosen = ", ".join(values.get(name, f"sample.{name}") for name in names)
    table = model.__tablename__
    return (
        f"INSERT INTO {table} ({', '.join(names)}) {NUMBERS_SQL}SELECT {chosen} FROM number, "
        f"(SELECT * FROM {table} LIMIT 1) AS sample"
    )


def _digest(movement_id: int, points: int, email: str) -> bytes:
    return digests.digest(str(movement_id), points, email).to_bytes(16)
