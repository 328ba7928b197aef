"""Movements that somebody edited or deleted in the database: read again, so that sums show what is there now."""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from pointsync.digests import DigestSum, digest
from pointsync.ledger import received_summary
from pointsync.ledger.integrity.digested_customer import digest_of_row
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.people.erased.tokens import is_token
from pointsync.models import AlteredMovement, Customer, Delivery, LostDelivery, Movement, MovementChange, Origin, Remote

log = logging.getLogger(__name__)

CHUNK_SIZE = 500

_COUNT_ALTERED = select(func.count()).select_from(AlteredMovement)


def are_waiting(session: Session) -> bool:
    """Whether there are changes to process."""
    return session.scalar(select(MovementChange.id).limit(1)) is not None


def process_next_chunk(session: Session, now: datetime) -> bool:
    """Read the movements of the next noted changes again, and correct the sums. Return whether more remain.

    Until they are compared again, which is at once, their remotes count as different.
    """
    _lock_sums(session)
    changes = session.scalars(select(MovementChange).order_by(MovementChange.id).limit(CHUNK_SIZE)).all()
    if not changes:
        return False
    _process_all(session, changes, now)
    _mark_remotes(session, {(change.origin, change.reserve_id) for change in changes}, now)
    session.execute(delete(MovementChange).where(MovementChange.id <= changes[-1].id))
    session.flush()
    return len(changes) == CHUNK_SIZE


def process_movement(session: Session, seq: int, now: datetime, *, has_new_digest: bool = False) -> None:
    """Do the same for one movement at once. Its origin is locked; if it is this site's own, the remotes are.

    `has_new_digest`: this program has given it another digest.
    """
    changes = session.scalars(
        select(MovementChange).where(MovementChange.movement_seq == seq).order_by(MovementChange.id)
    ).all()
    _process_all(session, changes, now, has_new_digest=has_new_digest)
    session.execute(delete(MovementChange).where(MovementChange.id.in_([each.id for each in changes])))
    session.flush()


def _process_all(
    session: Session, changes: Sequence[MovementChange], now: datetime, *, has_new_digest: bool = False
) -> None:
    """Process changes, oldest first. The first one of a movement says how the sums contain it."""
    first_changes: dict[tuple[int, str, str], MovementChange] = {}
    for change in changes:
        first_changes.setdefault((change.movement_seq, change.origin, change.movement_id), change)
    for change in first_changes.values():
        _process(session, change, now, has_new_digest=has_new_digest)


def _lock_sums(session: Session) -> None:
    """Lock the remotes and then the origins: in the order in which the result of a call is saved."""
    session.scalars(select(Remote.id).order_by(Remote.id).with_for_update(key_share=True, of=Remote)).all()
    session.scalars(select(Origin.auth).order_by(Origin.auth).with_for_update()).all()


def _mark_remotes(session: Session, edited: set[tuple[str, int]], now: datetime) -> None:
    """Let the remotes be compared now with which movements of an edited (origin, reserve's id) were exchanged."""
    local_auth = get_local_auth(session)
    for remote in session.scalars(select(Remote).where(Remote.deleted_at.is_(None))):
        is_sent_edited = bool(remote.is_equal_there) and (local_auth, remote.reserve_id) in edited
        is_held_edited = bool(remote.is_equal_here) and (remote.auth, remote.reserve_id) in edited
        if is_sent_edited:
            remote.is_equal_there = False
        if is_held_edited:
            remote.is_equal_here = False
        if is_sent_edited or is_held_edited:
            remote.differs_since = remote.differs_since or now
            remote.checked_at = None
    session.flush()


def _process(session: Session, change: MovementChange, now: datetime, *, has_new_digest: bool) -> None:
    altered = session.get(AlteredMovement, change.movement_seq, populate_existing=True)
    if change.points:
        counted_before = altered.digest if altered else change.digest
        _change_sum(session, change.movement_seq, change.origin, change.reserve_id, counted_before, -1)
    row = session.execute(
        select(Movement, Customer.email)
        .join(Customer, Customer.id == Movement.customer_id, isouter=True)
        .where(Movement.seq == change.movement_seq)
        .execution_options(populate_existing=True)
    ).first()
    if row is None or _is_another(row[0], change):
        log.warning("movement %s of %s was deleted from the database", change.movement_id, change.origin)
        if altered:
            session.delete(altered)
        if row is None or row[0].origin != change.origin:
            for delivery in session.scalars(select(Delivery).where(Delivery.movement_seq == change.movement_seq)):
                session.delete(delivery)
        session.flush()
        session.execute(delete(LostDelivery).where(LostDelivery.movement_seq == change.movement_seq))
        return
    movement, email = row
    if not has_new_digest and movement.id == change.movement_id and movement.digest != change.digest:
        _restore_digest(session, movement, change)
    is_now = digest_of_row(movement.id, movement.points, movement.sent_customer, email, movement.digest)
    is_edited = (movement.id, movement.points) != (change.movement_id, change.points)
    if is_edited and email is not None and is_token(email):
        is_now = digest(movement.id, movement.points, email)  # nothing else shows it for an erased person
    if movement.points:
        _change_sum(session, movement.seq, movement.origin, movement.reserve_id, is_now, 1)
    if is_now == movement.digest:
        if altered:
            session.delete(altered)
    elif altered:
        altered.digest = is_now
    else:
        log.warning("movement %s of %s was changed in the database", movement.id, movement.origin)
        session.add(AlteredMovement(movement_seq=movement.seq, digest=is_now, found_at=now))
    session.flush()


def _restore_digest(session: Session, movement: Movement, change: MovementChange) -> None:
    """Give a movement the digest back that somebody has edited too: it proves what the original was."""
    session.refresh(movement, with_for_update=True)
    movement.digest = change.digest
    session.flush()
    # The movement is read now, so its later notes, of which the last is about this, say nothing more.
    later = (MovementChange.movement_seq == movement.seq, MovementChange.id > change.id)
    session.execute(delete(MovementChange).where(*later), execution_options={"synchronize_session": False})


def _is_another(movement: Movement, change: MovementChange) -> bool:
    """Whether this movement was recorded after the changed one was deleted: SQLite gives it the same `seq`."""
    is_same = (movement.origin, movement.id) == (change.origin, change.movement_id)
    return not is_same and movement.digest != change.digest


def _change_sum(session: Session, seq: int, origin: str, reserve_id: int, number: int, sign: int) -> None:
    """Add a movement to the sums that contain it (`sign` 1), or take it out of them (-1)."""
    difference = DigestSum(1, number) if sign > 0 else DigestSum() - DigestSum(1, number)
    if origin != get_local_auth(session):
        received_summary.change_after_edit(session, origin, reserve_id, difference)
        return
    remotes = session.scalars(
        select(Remote)
        .join(Delivery, Delivery.remote_id == Remote.id)
        .where(Delivery.movement_seq == seq, Delivery.counted_condition())
    ).all()
    for remote in remotes:
        remote.delivered += difference
    session.flush()


def count_altered(session: Session) -> int:
    """How many movements contradict their digest."""
    return session.scalar(_COUNT_ALTERED) or 0
