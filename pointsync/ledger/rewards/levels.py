"""Levels: a customer unlocks a level once, when a movement raises the balance to its points. Levels cost no points."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, func, literal, null, select
from sqlalchemy.orm import Session

from pointsync.db import UtcDateTime
from pointsync.db.chunking import chunks
from pointsync.db.is_in import is_in_parameter
from pointsync.db.upsert import dialect_insert, insert_or_ignore
from pointsync.ledger import mail_queue
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.movement_row import MovementRow
from pointsync.ledger.people.members import select_members
from pointsync.ledger.rewards import common
from pointsync.models import Balance, Customer, Level, LevelUnlock, Movement, Reserve
from pointsync.models.movement import is_quiet

BATCH_SIZE = 5000
"""Customers per transaction when a new level is unlocked for existing customers; the shop waits only briefly."""


def list_all(session: Session, reserve: Reserve) -> list[Level]:
    """The levels of a reserve, also inactive ones, the lowest first."""
    query = select(Level).where(Level.reserve_id == reserve.id).order_by(Level.points, Level.title)
    return list(session.scalars(query))


def get(session: Session, reserve: Reserve, level_id: int) -> Level:
    """The reserve's level with this id. Raises NotFound."""
    return common.get(session, Level, reserve, level_id)


def create(session: Session, reserve: Reserve, title: str, description: str, points: int, now: datetime) -> Level:
    """Create a level. For customers who have its points already, `process_batch` unlocks it later.

    Raises a DomainError for invalid values, Conflict if the title is in use.
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
    """Change a level. Customers who unlocked it keep it; if it is easier to reach now, all are checked again.

    Raises NotFound, Conflict, or a DomainError for invalid values.
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


def record_unlocks(session: Session, rows: Sequence[MovementRow]) -> None:
    """Record which levels these new movements, all of one origin, unlock.

    None while balances are incomplete: then `process_batch` unlocks them later. One query if no level is reached.
    Must run after the movements are inserted, see `common.lock_reserve`.
    """
    gaining_rows = [row for row in rows if row.points > 0]
    if not gaining_rows:
        return
    thresholds: dict[int, list[tuple[int, int]]] = {}
    parameters = {"reserve_ids": list({row.reserve_id for row in gaining_rows})}
    for level_id, reserve_id, points in session.connection().execute(_select_thresholds(), parameters):
        thresholds.setdefault(reserve_id, []).append((points, level_id))
    if thresholds:
        _write_unlocks(session, gaining_rows, thresholds)


@cache
def _select_thresholds() -> Select[int, int, int]:
    """Built once, because every movement executes it."""
    return (
        select(Level.id, Level.reserve_id, Level.points)
        .where(is_in_parameter(Level.reserve_id, "reserve_ids"), Level.is_active, ~fetch_back.running_condition())
        .order_by(Level.points)
    )


def _write_unlocks(
    session: Session, gaining_rows: list[MovementRow], thresholds: dict[int, list[tuple[int, int]]]
) -> None:
    """`thresholds` are (points, level id) by reserve id, in ascending order."""
    points_by_reserve = {reserve_id: [points for points, _ in found] for reserve_id, found in thresholds.items()}
    reached_rows: dict[tuple[int, int], MovementRow] = {}
    for row in gaining_rows:
        reserve_points = points_by_reserve.get(row.reserve_id, [])
        low, high = (bisect_right(reserve_points, points) for points in (row.balance - row.points, row.balance))
        for _, level_id in thresholds.get(row.reserve_id, [])[low:high]:
            reached_rows.setdefault((row.customer_id, level_id), row)
    if reached_rows:
        for key in _find_unlocked(session, [customer_id for customer_id, _ in reached_rows]):
            reached_rows.pop(key, None)
    if not reached_rows:
        return
    seqs = _movement_seqs(session, [row.id for row in reached_rows.values()], gaining_rows[0].origin)
    # Sorted, so that two transactions that insert the same unlocks do not deadlock.
    insert_or_ignore(
        session,
        LevelUnlock,
        [
            {
                "customer_id": customer_id,
                "level_id": level_id,
                "at": row.recorded_at,
                "movement_seq": seqs[row.id],
                "is_quiet": is_quiet(row.kind, row.source, row.is_history),
            }
            for (customer_id, level_id), row in sorted(reached_rows.items(), key=lambda each: each[0])
        ],
    )
    mail_queue.enqueue_unlock_mails(session, reached_rows, seqs)


def _find_unlocked(session: Session, customer_ids: list[int]) -> set[tuple[int, int]]:
    """The (customer, level) that were unlocked before, under any of the customer's addresses."""
    found: set[tuple[int, int]] = set()
    for part in chunks(sorted(set(customer_ids))):
        query = select(Customer.person_id(), LevelUnlock.level_id).join(
            Customer, Customer.id == LevelUnlock.customer_id
        )
        rows = session.execute(query.where(LevelUnlock.customer_id.in_(select_members(part))))
        found |= {(customer_id, level_id) for customer_id, level_id in rows}
    return found


def unlock_by_sums(session: Session, customer_id: int, now: datetime) -> None:
    """Unlock the levels whose points the customer has after two have become one. Sends no mails."""
    if session.scalar(select(fetch_back.running_condition())):
        return
    query = select(Level).join(Balance, Balance.reserve_id == Level.reserve_id)
    query = query.where(Balance.customer_id == customer_id, Level.is_active, Balance.points >= Level.points)
    unlocked = {level_id for _, level_id in _find_unlocked(session, [customer_id])}
    for level in session.scalars(query.order_by(Level.id)).all():
        if level.id not in unlocked:
            _unlock_existing_customers(session, level, customer_id, customer_id, now)


def _movement_seqs(session: Session, ids: list[str], origin: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in chunks(sorted(set(ids))):
        query = select(Movement.id, Movement.seq).where(Movement.origin == origin, Movement.id.in_(part))
        found |= {row.id: row.seq for row in session.execute(query)}
    return found


def list_unfinished(session: Session) -> list[int]:
    """The ids of the levels that are still to be unlocked for customers who had their points before."""
    return list(session.scalars(select(Level.id).where(Level.next_customer_id.is_not(None)).order_by(Level.id)))


def process_batch(session: Session, level_id: int, now: datetime) -> bool:
    """Unlock a level for the next customers who have its points already; returns whether more customers remain.

    Sends no mails. It does no harm to run this twice.
    """
    lock_options: Any = {"key_share": True}  # does not block new unlocks, whose foreign key refers to the level
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
            # `+ 0` keeps SQLite from using the index by points, which would read all earlier customers again.
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
    """The levels that a customer has unlocked, by reserve, the lowest first. Of several unlocks, the first one."""
    query = (
        select(LevelUnlock, Level, Reserve)
        .join(Level, Level.id == LevelUnlock.level_id)
        .join(Reserve, Reserve.id == Level.reserve_id)
        .where(LevelUnlock.customer_id.in_(select_members([customer.id])))
        .order_by(Reserve.key, Level.points, Level.title, LevelUnlock.at)
    )
    rows = {level.id: (unlock, level, reserve) for unlock, level, reserve in reversed(session.execute(query).all())}
    return list(reversed(rows.values()))
