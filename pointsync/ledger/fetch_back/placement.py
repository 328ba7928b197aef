"""Where a returned movement belongs: it is new here, it is here already, it replaces a repeat, or an admin decides."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from pointsync.db.chunking import chunks
from pointsync.digests import digest
from pointsync.ledger.fetch_back import repeats
from pointsync.ledger.fetch_back.merge import MergedMovement
from pointsync.ledger.outbox import allocate_ids, get_local_auth
from pointsync.models import Delivery, DeliveryState, Movement, ReturnProblem

log = logging.getLogger(__name__)

_REPEAT_ARRIVED = "It has received the shop's repeat of this movement instead."


@dataclass(slots=True)
class Placement:
    """A returned movement that is to be recorded. `not_sent` are the remotes that do not get it, with the reasons."""

    merged: MergedMovement
    not_sent: dict[int, str] = field(default_factory=dict)
    repeat_seqs: list[int] = field(default_factory=list)
    """The shop's repeats of it, which are taken back."""


class NotPlaced(Enum):
    """Why a returned movement is not recorded now, although no admin must decide."""

    ALREADY_HERE = "already here"
    IN_A_CALL = "in a call"
    """What it replaces may be in a call that is running."""


def load_own(session: Session, movement_ids: Sequence[int]) -> dict[int, Movement]:
    """This site's own movements with these ids, with their customers."""
    local_auth = get_local_auth(session)
    own: dict[int, Movement] = {}
    for part in chunks(movement_ids):
        query = (
            select(Movement)
            .options(joinedload(Movement.customer))
            .where(Movement.origin == local_auth, Movement.id.in_([str(each) for each in part]))
        )
        own |= {int(movement.id): movement for movement in session.scalars(query)}
    return own


def is_same(own: Movement, content_digest: int, reserve_id: int) -> bool:
    """Whether this site's movement with the same id has the content with that digest."""
    own_digest = own.digest
    if own_digest is None:
        own_digest = digest(own.id, own.points, own.sent_customer or own.customer.email)
    return (own_digest, own.reserve_id) == (content_digest, reserve_id)


def place(
    session: Session,
    own: Movement | None,
    merged: MergedMovement,
    now: datetime,
    repeated: Sequence[Movement] | None = None,
) -> Placement | NotPlaced | ReturnProblem:
    """Decide about a returned movement; `own` is the movement here with the same id, if there is one.

    `repeated` are its repeats, as `repeats.find` finds them if they are not given.

    Repeats of it are taken back, and a movement here that used its id again gets a new one, if nobody has it yet.
    """
    if own is not None:
        if is_same(own, merged.digest, merged.reserve_id):
            return NotPlaced.ALREADY_HERE
        if _has_left(session, own):
            return ReturnProblem.ID_IN_USE
    found = repeats.find(session, get_local_auth(session), merged) if repeated is None else repeated
    if len(found) > 1 or not all(repeats.has_same_content(each, merged) for each in found):
        return ReturnProblem.OTHER_CONTENT
    replaced_seqs = [each.seq for each in (own, *found) if each]
    if replaced_seqs and repeats.is_being_sent(session, replaced_seqs, now):
        return NotPlaced.IN_A_CALL
    if own is not None:
        _reissue(session, own, now)
    placement = Placement(merged)
    for each in found:
        placement.repeat_seqs.append(each.seq)
        receivers = repeats.take_back(session, each, str(merged.movement_id), now)
        placement.not_sent = dict.fromkeys(receivers - merged.remote_ids, _REPEAT_ARRIVED)
    return placement


def _has_left(session: Session, movement: Movement) -> bool:
    """Whether another site has the movement, or may have it."""
    query = select(Delivery.id).where(
        Delivery.movement_seq == movement.seq,
        or_(Delivery.state == DeliveryState.DELIVERED, Delivery.called_at.is_not(None)),
    )
    return session.scalar(query.limit(1)) is not None


def _reissue(session: Session, movement: Movement, now: datetime) -> None:
    """Give a movement a new id, because its id belongs to one that came back."""
    old_id = movement.id
    _, [movement.id], _ = allocate_ids(session, 1, now)
    movement.digest = digest(movement.id, movement.points, movement.sent_customer or movement.customer.email)
    for delivery in session.scalars(
        select(Delivery).where(Delivery.movement_seq == movement.seq, Delivery.state == DeliveryState.FAILED)
    ):
        delivery.state, delivery.attempts, delivery.not_before = DeliveryState.PENDING, 0, None
    session.flush()
    log.warning("movement %s used an id again and is now movement %s", old_id, movement.id)
