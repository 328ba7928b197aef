"""Levels: reached once, by any movement that brings a balance to their points; they never cost any."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, null, select
from sqlalchemy.orm import Session

from pointsync.db import Moment
from pointsync.db.upsert import insert_into, insert_missing
from pointsync.ledger import mail_queue
from pointsync.ledger.balances import CHUNK
from pointsync.ledger.rewards import common
from pointsync.models import Balance, Customer, Level, Movement, Reserve, Unlock
from pointsync.models.movement import is_quiet

STEP = 5000
"""Customers looked at in one transaction for a level that is new: short enough that the shop does not wait."""

Row = dict[str, Any]


def every(session: Session, reserve: Reserve) -> list[Level]:
    """The levels of a reserve, inactive ones too; the lowest first."""
    query = select(Level).where(Level.reserve_id == reserve.id).order_by(Level.points, Level.title)
    return list(session.scalars(query))


def get(session: Session, reserve: Reserve, level_id: int) -> Level:
    """The reserve's level of that id. Raises NotFound."""
    return common.find(session, Level, reserve, level_id)


def add(session: Session, reserve: Reserve, title: str, description: str, points: int, now: datetime) -> Level:
    """A new level; who has its points already has reached it, and that is written bit by bit, by `step`.

    Raises Invalid for what cannot be, Conflict for a title that is taken.
    """
    texts = common.check(title, description, points, "points")
    common.lock(session, reserve.id)
    common.check_room(every(session, reserve), texts.title, reserve)
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


def change(
    session: Session, reserve: Reserve, level_id: int, title: str, description: str, points: int, is_active: bool
) -> Level:
    """Change a level; who has reached it keeps it. Where it is now easier to reach, all are looked at again.

    Raises NotFound, Invalid or Conflict.
    """
    texts = common.check(title, description, points, "points")
    common.lock(session, reserve.id)
    level = get(session, reserve, level_id)
    common.check_room(every(session, reserve), texts.title, reserve, level.id)
    if is_active and (points < level.points or not level.is_active):
        level.next_customer_id = 1
    level.title, level.description = texts.title, texts.description
    level.points, level.is_active = points, is_active
    session.flush()
    return level


def unlock(session: Session, rows: Sequence[Row]) -> None:
    """Write who reaches a level by these movements, which were just stored, all of one origin.

    One query where their reserves have no levels, or nobody comes up to one. After the movements, not before:
    see `offers.lock`.
    """
    rising = [row for row in rows if row["points"] > 0]
    if not rising:
        return
    steps: dict[int, list[tuple[int, int]]] = {}
    for level_id, reserve_id, points in session.execute(
        select(Level.id, Level.reserve_id, Level.points)
        .where(Level.reserve_id.in_({row["reserve_id"] for row in rising}), Level.is_active)
        .order_by(Level.points)
    ):
        steps.setdefault(reserve_id, []).append((points, level_id))
    if steps:
        _write(session, rising, steps)


def _write(session: Session, rising: list[Row], steps: dict[int, list[tuple[int, int]]]) -> None:
    heights = {reserve_id: [points for points, _ in found] for reserve_id, found in steps.items()}
    reached: dict[tuple[int, int], Row] = {}
    for row in rising:
        of_reserve = heights.get(row["reserve_id"], [])
        low, high = (bisect_right(of_reserve, points) for points in (row["balance"] - row["points"], row["balance"]))
        for _, level_id in steps.get(row["reserve_id"], [])[low:high]:
            reached.setdefault((row["customer_id"], level_id), row)
    if not reached:
        return
    seqs = _seqs(session, [row["id"] for row in reached.values()], rising[0]["origin"])
    # In one order, whoever writes: two transactions that wait for each other's unlocks would end in a deadlock.
    insert_missing(
        session,
        Unlock,
        [
            {
                "customer_id": customer_id,
                "level_id": level_id,
                "at": row["recorded_at"],
                "movement_seq": seqs[row["id"]],
                "is_quiet": is_quiet(row["kind"], row.get("source"), row["is_history"]),
            }
            for (customer_id, level_id), row in sorted(reached.items(), key=lambda each: each[0])
        ],
    )
    mail_queue.tell_unlocked(session, reached, seqs)


def _seqs(session: Session, ids: list[str], origin: str) -> dict[str, int]:
    wanted = sorted(set(ids))
    found: dict[str, int] = {}
    for start in range(0, len(wanted), CHUNK):
        rows = session.execute(
            select(Movement.id, Movement.seq).where(
                Movement.origin == origin, Movement.id.in_(wanted[start : start + CHUNK])
            )
        )
        found |= {row.id: row.seq for row in rows}
    return found


def unfinished(session: Session) -> list[int]:
    """The levels that customers may have had the points of before they were there."""
    return list(session.scalars(select(Level.id).where(Level.next_customer_id.is_not(None)).order_by(Level.id)))


def step(session: Session, level_id: int, now: datetime) -> bool:
    """Write for the next customers that they have a level's points already; whether more are left.

    Nobody is mailed about these. Harmless when done twice.
    """
    lock: Any = {"key_share": True}  # leaves the shop free to write unlocks that refer to it meanwhile
    level = session.get(Level, level_id, with_for_update=lock, populate_existing=True)
    if level is None or level.next_customer_id is None:
        return False
    first, last = level.next_customer_id, level.next_customer_id + STEP - 1
    if level.is_active:
        _write_above(session, level, first, last, now)
    newest = session.scalar(select(func.max(Customer.id))) or 0
    level.next_customer_id = last + 1 if level.is_active and last < newest else None
    session.flush()
    return level.next_customer_id is not None


def _write_above(session: Session, level: Level, first: int, last: int, now: datetime) -> None:
    above = (
        select(Balance.customer_id, literal(level.id), literal(now, Moment), null(), literal(True))
        .where(
            Balance.customer_id.between(first, last),
            # The sum keeps SQLite from the index by points, which leads past all that were looked at before.
            Balance.reserve_id + 0 == level.reserve_id,
            Balance.points >= level.points,
        )
        .order_by(Balance.customer_id)
    )
    columns = ["customer_id", "level_id", "at", "movement_seq", "is_quiet"]
    session.connection().execute(insert_into(session, Unlock).from_select(columns, above).on_conflict_do_nothing())


def reached(session: Session, customer: Customer) -> list[tuple[Unlock, Level, Reserve]]:
    """What levels a customer has reached, by reserve, the lowest first."""
    query = (
        select(Unlock, Level, Reserve)
        .join(Level, Level.id == Unlock.level_id)
        .join(Reserve, Reserve.id == Level.reserve_id)
        .where(Unlock.customer_id == customer.id)
        .order_by(Reserve.key, Level.points, Level.title)
    )
    return [(unlock, level, reserve) for unlock, level, reserve in session.execute(query)]
