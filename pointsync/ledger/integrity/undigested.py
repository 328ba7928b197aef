"""Digests for the movements from before digests existed, computed in the background after the upgrade."""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from pointsync.digests import DigestSum, digest
from pointsync.ledger import received_summary
from pointsync.ledger.apply import lock_origin
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import Customer, Delivery, Movement, Remote, Site

CHUNK_SIZE = 2000


def progress(session: Session) -> tuple[int, int] | None:
    """How many old movements are digested, and how many there are; None once all are. Both are approximate."""
    undigested_seq, total = session.execute(select(Site.undigested_seq, Site.undigested_total)).one()
    return None if undigested_seq is None else (total - undigested_seq, total)


def digest_next_chunk(session: Session, now: datetime) -> bool:
    """Digest the next old movements, newest first, and add them to the sums. Return whether more remain."""
    undigested_seq = session.scalar(select(Site.undigested_seq))
    if undigested_seq is None:
        return False
    # Locked in the order in which the result of a call is saved: remotes, then origins.
    remotes = {each.id: each for each in session.scalars(select(Remote).order_by(Remote.id).with_for_update(of=Remote))}
    rows = session.execute(
        select(Movement, Customer.email)
        .join(Customer, Customer.id == Movement.customer_id)
        .where(Movement.seq <= undigested_seq, Movement.digest.is_(None))
        .order_by(Movement.seq.desc())
        .limit(CHUNK_SIZE)
    ).all()
    digests = {
        movement.seq: digest(movement.id, movement.points, movement.sent_customer or email) for movement, email in rows
    }
    local_auth = get_local_auth(session)
    received: defaultdict[tuple[str, int], DigestSum] = defaultdict(DigestSum)
    counted_own = {}
    for movement, _ in rows:
        if movement.origin != local_auth:
            # The earlier version has counted them all, also those of 0 points.
            digest_sum = DigestSum(0, digests[movement.seq]) if movement.points else DigestSum(-1, 0)
            received[movement.origin, movement.reserve_id] += digest_sum
        elif movement.points:
            counted_own[movement.seq] = digests[movement.seq]
    for (origin, reserve_id), difference in sorted(received.items(), key=lambda item: item[0]):
        lock_origin(session, origin, now)
        received_summary.change(session, origin, reserve_id, difference)
    deliveries = session.execute(
        select(Delivery.remote_id, Delivery.movement_seq).where(
            Delivery.movement_seq.in_(list(counted_own)), Delivery.counted_condition()
        )
    )
    for remote_id, movement_seq in deliveries:
        remotes[remote_id].delivered += DigestSum(1, counted_own[movement_seq])
    if digests:
        session.connection().execute(
            update(Movement.__table__)  # type: ignore[arg-type]
            .where(Movement.seq == bindparam("row"))
            .values(digest=bindparam("number", type_=Movement.digest.type)),
            [{"row": seq, "number": number} for seq, number in digests.items()],
        )
    remaining_seq = min(digests) - 1 if len(digests) == CHUNK_SIZE else 0
    session.get_one(Site, 1, with_for_update=True, populate_existing=True).undigested_seq = remaining_seq or None
    session.flush()
    return remaining_seq > 0
