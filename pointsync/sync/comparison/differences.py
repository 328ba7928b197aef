"""Movements that are not the same on both sites and that an admin decides about."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.errors import NotFound
from pointsync.models import Difference, Remote

ALTERED_HERE, ALTERED_THERE, UNKNOWN_HERE = "altered_here", "altered_there", "unknown_here"
SAME_ID = "same_id"
"""Both sides hold a movement with this id, and both are unaltered: the id was used again after a restore."""
MISSING_THERE, NOT_CONFIRMED = "missing_there", "not_confirmed"
"""Differences that a comparison settles by itself: delivered but not there, and there but not known to be delivered."""
MAX_LISTED = 200
MAX_STORED = 10_000
"""A comparison with a remote ends early when so many were found: the rest follows when they are decided."""

# Built once, because each ping that finds both sides equal executes it.
_DELETE_ALL = delete(Difference).where(Difference.remote_id == bindparam("remote_id"))


def count(session: Session, remote_id: int) -> int:
    """How many differences with a remote wait for a decision."""
    query = select(func.count()).select_from(Difference).where(Difference.remote_id == remote_id)
    return session.scalar(query) or 0


def list_all(session: Session, remote_id: int | None = None, limit: int = MAX_LISTED) -> Sequence[Difference]:
    """The differences with a remote, or with all, oldest first."""
    query = select(Difference).join(Remote, Remote.id == Difference.remote_id).where(Remote.deleted_at.is_(None))
    if remote_id is not None:
        query = query.where(Difference.remote_id == remote_id)
    query = query.order_by(Difference.id).limit(limit)
    return session.scalars(query).all()


def to_json(difference: Difference) -> dict[str, Any]:
    """The difference for commands. Values that are not known are None."""
    return {
        "remote": difference.remote_id,
        "movement": difference.movement_id,
        "difference": difference.kind,
        "customer": difference.here_customer,
        "points": difference.here_points,
        "there_customer": difference.there_customer,
        "there_points": difference.there_points,
        "found_at": clock.to_text(difference.found_at),
    }


def get(session: Session, remote_id: int, movement_id: str, *, for_update: bool = False) -> Difference:
    """The difference with a remote in a movement of this site. Raises NotFound."""
    query = select(Difference).where(Difference.remote_id == remote_id, Difference.movement_id == movement_id)
    query = query.limit(1).execution_options(populate_existing=True)
    difference = session.scalar(query.with_for_update() if for_update else query)
    if difference is None:
        raise NotFound(
            "unknown_difference",
            f"Movement {movement_id} is no difference with remote {remote_id} any more. See the list of differences.",
        )
    return difference


def forget(session: Session, remote_id: int) -> None:
    """Forget all differences with a remote, because both sides hold the same."""
    session.execute(_DELETE_ALL, {"remote_id": remote_id})
