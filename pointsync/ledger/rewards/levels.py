"""Levels: reached once, by any movement that brings a balance to their points; they never cost any."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, null, select
from sqlalchemy.orm import Session

from pointsync.db import UtcDateTime
from pointsync.db.upsert import dialect_insert, insert_or_ignore
from pointsync.ledger import mail_queue
from pointsync.ledger.balances import CHUNK_SIZE
from pointsync.ledger.rewards import common
from pointsync.models import Balance, Customer, Level, LevelUnlock, Movement, Reserve
from pointsync.models.movement import is_quiet

BATCH_SIZE = 5000
"""Customers looked at in one transaction for a level that is new: short enough that the shop does not wait."""

Row = dict[str, Any]


def list_all(session: Session, reserve: Reserve) -> list[Level]:
    """The levels of a reserve, inactive ones too; the lowest first."""
    query = select(Level).where(Level.reserve_id == reserve.id).order_by(Level.points, Level.title)
    return list(session.scalars(query))


def get(session: Session, reserve: Reserve, level_id: int) -> Level:
    """The reserve's level of that id. Raises NotFound."""
    return common.get(session, Level, reserve, level_id)


def create(session: Session, reserve: Reserve, title: str, description: str, points: int, now: datetime) -> Level:
    """A new level; who has its points already has reached it, and that is written bit by bit, by `step`.

    Raises Invalid for what cannot be, Conflict for a title that is taken.
    """
    texts = common.validate(title, description, points, "points")
    common.lock_reserve(session, reserve.id)
    common.check_title_and_count(list_all(session, reserve), texts.title, reserve)
    level = Level(
        reserve_id=reserve.id,
        title=texts.title,
        description=texts.description,
        points=points,
        is_active=True,
        created_at=now,
        next_customer_id=1,
    )
    session.add(level)
    session.flush()
    return level


def update(
    session: Session, reserve: Reserve, level_id: int, title: str, description: str, points: int, is_active: bool
) -> Level:
    """Change a level; who has reached it keeps it. Where it is now easier to reach, all are looked at again.

    Raises NotFound, Invalid or Conflict.
    """
    texts = common.validate(title, description, points, "points")
    common.lock_reserve(session, reserve.id)
    level = get(session, reserve, level_id)
    common.check_title_and_count(list_all(session, reserve), texts.title, reserve, level.id)
    if is_active and (points < level.points or not level.is_active):
        level.next_customer_id = 1
    level.title, level.description = texts.title, texts.description
    level.points, level.is_active = points, is_active
    session.flush()
    return level


def record_unlocks(session: Session, rows: Sequence[Row]) -> None:
    """Write who reaches a level by these movements, which were just stored, all of one origin.

    One query where their reserves have no levels, or nobody comes up to one. After the movements, not before:
    see `offers.lock`.
    """
    gaining_rows = [row for row in rows if row["points"] > 0]
    if not gaining_rows:
        return
    thresholds: dict[int, list[tuple[int, int]]] = {}
    for level_id, reserve_id, points in session.execute(
        select(Level.id, Level.reserve_id, Level.points)
        .where(Level.reserve_id.in_({row["reserve_id"] for row in gaining_rows}), Level.is_active)
        .order_by(Level.points)
    ):
        thresholds.setdefault(reserve_id, []).append((points, level_id))
    if thresholds:
        _write_unlocks(session, gaining_rows, thresholds)


def _write_unlocks(session: Session, gaining_rows: list[Row], thresholds: dict[int, list[tuple[int, int]]]) -> None:
    points_by_reserve = {reserve_id: [points for points, _ in found] for reserve_id, found in thresholds.items()}
    reached_rows: dict[tuple[int, int], Row] = {}
    for row in gaining_rows:
        reserve_points = points_by_reserve.get(row["reserve_id"], [])
        low, high = (
            bisect_right(reserve_points, points) for points in (row["balance"] - row["points"], row["balance"])
        )
        for _, level_id in thresholds.get(row["reserve_id"], [])[low:high]:
            reached_rows.setdefault((row["customer_id"], level_id), row)
    if not reached_rows:
        return
    seqs = _movement_seqs(session, [row["id"] for row in reached_rows.values()], gaining_rows[0]["origin"])
    # In one order, whoever writes: two transactions that wait for each other's unlocks would end in a deadlock.
    insert_or_ignore(
        session,
        LevelUnlock,
        [
            {
                "customer_id": customer_id,
                "level_id": level_id,
                "at": row["recorded_at"],
                "movement_seq": seqs[row["id"]],
                "is_quiet": is_quiet(row["kind"], row.get("source"), row["is_history"]),
            }
            for (customer_id, level_id), row in sorted(reached_rows.items(), key=lambda each: each[0])
        ],
    )
    mail_queue.enqueue_unlock_mails(session, reached_rows, seqs)


def _movement_seqs(session: Session, ids: list[str], origin: str) -> dict[str, int]:
    unique_ids = sorted(set(ids))
    found: dict[str, int] = {}
    for start in range(0, len(unique_ids), CHUNK_SIZE):
        rows = session.execute(
            select(Movement.id, Movement.seq).where(
                Movement.origin == origin, Movement.id.in_(unique_ids[start : start + CHUNK_SIZE])
            )
        )
        found |= {row.id: row.seq for row in rows}
    return found


def list_unfinished(session: Session) -> list[int]:
    """The levels that customers may have had the points of before they were there."""
    return list(session.scalars(select(Level.id).where(Level.next_customer_id.is_not(None)).order_by(Level.id)))


def process_batch(session: Session, level_id: int, now: datetime) -> bool:
    """Write for the next customers that they have a level's points already; whether more are left.

    Nobody is mailed about these. Harmless when done twice.
    """
    lock_options: Any = {"key_share": True}  # leaves the shop free to write unlocks that refer to it meanwhile
    level = session.get(Level, level_id, with_for_update=lock_options, populate_existing=True)
    if level is None or level.next_customer_id is None:
        return False
    first_id, last_id = level.next_customer_id, level.next_customer_id + BATCH_SIZE - 1
    if level.is_active:
        _unlock_existing_customers(session, level, first_id, last_id, now)
    last_customer_id = session.scalar(select(func.max(Customer.id))) or 0
    level.next_customer_id = last_id + 1 if level.is_active and last_id < last_customer_id else None
    session.flush()
    return level.next_customer_id is not None


def _unlock_existing_customers(session: Session, level: Level, first: int, last: int, now: datetime) -> None:
    above = (
        select(Balance.customer_id, literal(level.id), literal(now, UtcDateTime), null(), literal(True))
        .where(
            Balance.customer_id.between(first, last),
            # The sum keeps SQLite from the index by points, which leads past all that were looked at before.
            Balance.reserve_id + 0 == level.reserve_id,
            Balance.points >= level.points,
        )
        .order_by(Balance.customer_id)
    )
    columns = ["customer_id", "level_id", "at", "movement_seq", "is_quiet"]
    session.connection().execute(
        dialect_insert(session, LevelUnlock).from_select(columns, above).on_conflict_do_nothing()
    )


def list_reached(session: Session, customer: Customer) -> list[tuple[LevelUnlock, Level, Reserve]]:
    """What levels a customer has reached, by reserve, the lowest first."""
    query = (
        select(LevelUnlock, Level, Reserve)
        .join(Level, Level.id == LevelUnlock.level_id)
        .join(Reserve, Reserve.id == Level.reserve_id)
        .where(LevelUnlock.customer_id == customer.id)
        .order_by(Reserve.key, Level.points, Level.title)
    )
    return [(unlock, level, reserve) for unlock, level, reserve in session.execute(query)]
