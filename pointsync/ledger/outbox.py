"""Movements of this site: their ids, and what is owed to the remotes for them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, insert, literal, select, update
from sqlalchemy.orm import Session

from pointsync.ids import id_floor
from pointsync.ledger.balances import CHUNK
from pointsync.models import Delivery, Movement, Remote, Site, State
from pointsync.models.movement import SENT_KINDS


def next_ids(session: Session, count: int, now: datetime) -> tuple[str, list[str]]:
    """This site's Auth and `count` ids never used before, above every one made or heard of.

    Takes the site's row for the rest of the transaction: movements of this site become visible in the
    order of their ids, and a remote that is being listed sees either a movement or its delivery.
    """
    floor = id_floor(now) - 1
    auth, last = session.execute(
        update(Site)
        .values(last_id=case((Site.last_id >= floor, Site.last_id), else_=literal(floor)) + count)
        .returning(Site.auth, Site.last_id)
    ).one()
    return auth, [str(number) for number in range(last - count + 1, last + 1)]


def own_auth(session: Session) -> str:
    """This site's Auth."""
    return session.scalars(select(Site.auth)).one()


def owe(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write a delivery of each new movement for each remote that observes its reserve."""
    sent = [row for row in rows if row["kind"] in SENT_KINDS and row["points"]]
    if not sent:
        return
    observing = (
        Remote.reserve_id.in_({row["reserve_id"] for row in sent}),
        Remote.deleted_at.is_(None),
        Remote.closing_at.is_(None),
    )
    if not session.scalar(select(Remote.id).where(*observing).limit(1)):
        return
    for start in range(0, len(sent), CHUNK):
        ids = [row["id"] for row in sent[start : start + CHUNK]]
        session.execute(
            insert(Delivery).from_select(
                ["movement_seq", "remote_id", "state", "attempts", "is_history"],
                select(Movement.seq, Remote.id, literal(State.PENDING.value), literal(0), literal(False))
                .join(Remote, Remote.reserve_id == Movement.reserve_id)
                .where(Movement.origin == sent[0]["origin"], Movement.id.in_(ids), *observing)
                .order_by(Movement.seq, Remote.id),
            )
        )
