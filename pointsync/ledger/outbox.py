"""Movements of this site: their ids, and what is owed to the remotes for them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, insert, literal, select, update
from sqlalchemy.orm import Session

from pointsync.ids import lowest_id_at
from pointsync.ledger.balances import CHUNK_SIZE
from pointsync.models import Delivery, DeliveryState, Movement, Remote, Site
from pointsync.models.movement import SENT_KINDS


def allocate_ids(session: Session, count: int, now: datetime) -> tuple[str, list[str]]:
    """This site's Auth and `count` ids never used before, above every one made or heard of.

    Takes the site's row for the rest of the transaction: movements of this site become visible in the
    order of their ids, and a remote that is being listed sees either a movement or its delivery.
    """
    floor = lowest_id_at(now) - 1
    auth, last = session.execute(
        update(Site)
        .values(last_id=case((Site.last_id >= floor, Site.last_id), else_=literal(floor)) + count)
        .returning(Site.auth, Site.last_id)
    ).one()
    return auth, [str(number) for number in range(last - count + 1, last + 1)]


def get_local_auth(session: Session) -> str:
    """This site's Auth."""
    return session.scalars(select(Site.auth)).one()


def enqueue_deliveries(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write a delivery of each new movement for each remote that observes its reserve."""
    rows_to_send = [row for row in rows if row["kind"] in SENT_KINDS and row["points"]]
    if not rows_to_send:
        return
    conditions = (
        Remote.reserve_id.in_({row["reserve_id"] for row in rows_to_send}),
        Remote.deleted_at.is_(None),
        Remote.closing_at.is_(None),
    )
    if not session.scalar(select(Remote.id).where(*conditions).limit(1)):
        return
    for start in range(0, len(rows_to_send), CHUNK_SIZE):
        ids = [row["id"] for row in rows_to_send[start : start + CHUNK_SIZE]]
        session.execute(
            insert(Delivery).from_select(
                ["movement_seq", "remote_id", "state", "attempts", "is_history"],
                select(Movement.seq, Remote.id, literal(DeliveryState.PENDING.value), literal(0), literal(False))
                .join(Remote, Remote.reserve_id == Movement.reserve_id)
                .where(Movement.origin == rows_to_send[0]["origin"], Movement.id.in_(ids), *conditions)
                .order_by(Movement.seq, Remote.id),
            )
        )
