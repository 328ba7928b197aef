"""Recording the movements that remotes have returned, in chunks: each once, under its old id.

The result depends only on what the remotes returned and what is recorded here, not on the order of either.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, distinct, func, select
from sqlalchemy.orm import Session

from pointsync.ledger.fetch_back import repeats
from pointsync.ledger.fetch_back.insert_returned import insert_returned, lock_remotes
from pointsync.ledger.fetch_back.merge import MergedMovement, merge
from pointsync.ledger.fetch_back.placement import NotPlaced, Placement, load_own, place
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import ReturnedMovement, ReturnProblem

CHUNK_SIZE = 200
"""Movements per transaction: few enough that the shop's own movements do not wait for it."""


def is_waiting(session: Session) -> bool:
    """Whether returned movements wait to be recorded; not those that an admin must decide about."""
    return session.scalar(select(ReturnedMovement.id).where(ReturnedMovement.problem.is_(None)).limit(1)) is not None


def count_waiting(session: Session) -> int:
    """How many returned movements wait to be recorded."""
    return count_movements(session, ReturnedMovement.problem.is_(None))


def count_movements(session: Session, condition: ColumnElement[bool]) -> int:
    """How many movements the remotes have returned for which `condition` holds, each counted once."""
    query = select(func.count(distinct(ReturnedMovement.movement_id))).where(condition)
    return session.scalar(query) or 0


def record_next_chunk(session: Session, now: datetime) -> bool:
    """Record the next returned movements, or mark why an admin must decide. Return whether it got any further.

    False with movements that are still waiting: the next one waits until a running call has ended.
    """
    waiting_ids = session.scalars(
        select(ReturnedMovement.movement_id)
        .where(ReturnedMovement.problem.is_(None))
        .distinct()
        .order_by(ReturnedMovement.movement_id)
        .limit(CHUNK_SIZE)
    ).all()
    if not waiting_ids:
        return False
    lock_remotes(session)
    rows_by_id, own = load_rows(session, waiting_ids), load_own(session, waiting_ids)
    merged_by_id = {movement_id: merge(rows) for movement_id, rows in rows_by_id.items()}
    readable = [each for each in merged_by_id.values() if isinstance(each, MergedMovement)]
    repeated = repeats.find_all(session, get_local_auth(session), readable)
    placements: list[Placement] = []
    handled_ids: list[int] = []
    problems: dict[int, ReturnProblem] = {}
    for movement_id, merged in merged_by_id.items():
        outcome: Placement | NotPlaced | ReturnProblem
        if isinstance(merged, MergedMovement):
            if any(each.merged.ref == merged.ref for each in placements if merged.ref):
                break  # it may repeat a movement of this chunk, which must be recorded first
            outcome = place(session, own.get(movement_id), merged, now, repeated[movement_id])
        else:
            outcome = merged
        if outcome is NotPlaced.IN_A_CALL:
            break
        handled_ids.append(movement_id)
        if isinstance(outcome, Placement):
            placements.append(outcome)
        elif isinstance(outcome, ReturnProblem):
            problems[movement_id] = outcome
    if placements:
        problems |= dict.fromkeys(insert_returned(session, placements, now), ReturnProblem.OUT_OF_BOUNDS)
    for movement_id, problem in problems.items():
        set_problem(rows_by_id[movement_id], problem)
    forget(session, [each for each in handled_ids if each not in problems])
    return bool(handled_ids)


def load_rows(session: Session, movement_ids: Sequence[int]) -> dict[int, list[ReturnedMovement]]:
    """What the remotes returned under these ids, in the order of the ids."""
    query = (
        select(ReturnedMovement)
        .where(ReturnedMovement.movement_id.in_(movement_ids))
        .order_by(ReturnedMovement.movement_id, ReturnedMovement.remote_id)
        .execution_options(populate_existing=True)
    )
    rows_by_id: dict[int, list[ReturnedMovement]] = {}
    for row in session.scalars(query):
        rows_by_id.setdefault(row.movement_id, []).append(row)
    return rows_by_id


def set_problem(rows: Sequence[ReturnedMovement], problem: ReturnProblem) -> None:
    """Mark that an admin must decide about a movement, whose rows these are."""
    for row in rows:
        row.problem = problem


def forget(session: Session, movement_ids: Sequence[int]) -> None:
    """Delete what was returned under these ids, after it was recorded or decided."""
    session.flush()
    session.execute(delete(ReturnedMovement).where(ReturnedMovement.movement_id.in_(movement_ids)))
    session.flush()
