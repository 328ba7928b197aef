"""What follows from a difference: missing there is sent again, known there is delivered, the rest is for an admin."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.digests import DigestSum
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import (
    AlteredMovement,
    Comparison,
    Customer,
    Delivery,
    DeliveryState,
    Difference,
    Movement,
    Remote,
)
from pointsync.sync.comparison import ranges
from pointsync.sync.comparison.differences import (
    ALTERED_HERE,
    ALTERED_THERE,
    MISSING_THERE,
    NOT_CONFIRMED,
    UNKNOWN_HERE,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OwnMovement:
    """A movement of this site in the compared range. `digest` is that of its columns as they are now."""

    movement: Movement
    customer: str
    digest: int | None
    deliveries: list[Delivery]
    """To the remote's target, also by remotes that are deleted."""

    @property
    def counted(self) -> Delivery | None:
        """The delivery that counts as delivered, if any."""
        is_counted = (each for each in self.deliveries if each.state == DeliveryState.DELIVERED and not each.called_at)
        return next(is_counted, None)

    @property
    def is_edited(self) -> bool:
        """Whether it contradicts its stored digest."""
        return self.digest != self.movement.digest

    def is_pending(self, remote: Remote) -> bool:
        """Whether it waits to be sent to the remote."""
        states = (each.state for each in self.deliveries if each.remote_id == remote.id)
        return DeliveryState.PENDING in states


@dataclass(frozen=True, slots=True)
class Finding:
    """A movement in which the two sites differ: `kind` is one of the constants in `comparison.differences`."""

    kind: str
    movement_id: int
    own: OwnMovement | None


@dataclass(frozen=True, slots=True)
class AskedRange:
    """The ids from `low` to `high`, what was delivered of them before the remote was asked, and what it answered."""

    low: int
    high: int
    delivered_before: frozenset[int]
    held_there: dict[int, int]
    """The digests there, by id."""


def find(session: Session, remote: Remote, asked: AskedRange) -> Iterator[Finding]:
    """The movements of the range in which the two sites differ. A movement that is being sent is none of them."""
    own_by_id = load_own(session, remote, asked.low, asked.high)
    for movement_id, digest_there in asked.held_there.items():
        own = own_by_id.get(movement_id)
        if own is None:
            yield Finding(UNKNOWN_HERE, movement_id, None)
        elif own.digest == digest_there:
            if not own.counted:
                yield Finding(NOT_CONFIRMED, movement_id, own)
        elif own.is_edited:
            yield Finding(ALTERED_HERE, movement_id, own)
        elif not own.is_pending(remote):
            yield Finding(ALTERED_THERE, movement_id, own)
    for movement_id in sorted(asked.delivered_before - asked.held_there.keys()):
        own = own_by_id.get(movement_id)
        if own and own.counted and own.digest is not None:
            yield Finding(MISSING_THERE, movement_id, own)


def settle_range(session: Session, remote_id: int, asked: AskedRange, now: datetime) -> None:
    """Settle the differences in a range, and store those that an admin must decide about."""
    remote = Remote.get_for_update(session, remote_id)
    if remote is None:
        return
    comparison = session.get_one(Comparison, remote_id, with_for_update=True, populate_existing=True)
    undecided: set[str] = set()
    for finding in list(find(session, remote, asked)):
        if finding.kind == NOT_CONFIRMED and finding.own:
            _confirm(session, remote, finding.own, now)
            comparison.confirmed += 1
        elif finding.kind == MISSING_THERE and finding.own:
            send_again(session, remote, finding.own)
            comparison.sent_again += 1
        else:
            undecided.add(str(finding.movement_id))
            _save_difference(session, remote, finding, now)
    forget_differences(session, remote_id, asked.low, asked.high, still_found=undecided)
    session.flush()


def forget_differences(
    session: Session, remote_id: int, low: int, high: int, still_found: set[str] | frozenset[str] = frozenset()
) -> None:
    """Delete the differences in a range of ids that were not found any more."""
    for each in session.scalars(select(Difference).where(Difference.remote_id == remote_id)):
        if low <= int(each.movement_id) <= high and each.movement_id not in still_found:
            session.delete(each)


def load_own(session: Session, remote: Remote, low: int, high: int) -> dict[int, OwnMovement]:
    """This site's movements with ids from `low` to `high` in the reserve that the remote observes, by id."""
    own_by_seq: dict[int, OwnMovement] = {}
    for condition in ranges.by_length(low, high):
        rows = session.execute(
            select(Movement, Customer.email, AlteredMovement.digest)
            .join(Customer, Customer.id == Movement.customer_id, isouter=True)
            .join(AlteredMovement, AlteredMovement.movement_seq == Movement.seq, isouter=True)
            .where(Movement.origin == get_local_auth(session), Movement.reserve_id == remote.reserve_id, condition)
            .execution_options(populate_existing=True)
        )
        for movement, email, altered in rows:
            own_by_seq[movement.seq] = OwnMovement(movement, email or "", altered or movement.digest, [])
    for part in chunks(list(own_by_seq)):
        deliveries = session.scalars(
            select(Delivery)
            .join(Remote, Remote.id == Delivery.remote_id)
            .where(Delivery.movement_seq.in_(part), Remote.auth == remote.auth, Remote.target == remote.target)
            .execution_options(populate_existing=True)
        )
        for delivery in deliveries:
            own_by_seq[delivery.movement_seq].deliveries.append(delivery)
    return {int(own.movement.id): own for own in own_by_seq.values()}


def _confirm(session: Session, remote: Remote, own: OwnMovement, now: datetime) -> None:
    """Save that the remote holds a movement, which this site did not know."""
    delivery = next((each for each in own.deliveries if each.remote_id == remote.id), None)
    if delivery is None:
        delivery = Delivery(movement_seq=own.movement.seq, remote_id=remote.id, is_history=True)
        session.add(delivery)
    elif delivery.state in (DeliveryState.SET_ASIDE, DeliveryState.FAILED):
        message = "remote %s holds movement %s, whose delivery is %s: it counts as delivered now"
        log.warning(message, remote.id, own.movement.id, delivery.state)
    delivery.state, delivery.delivered_at, delivery.called_at = DeliveryState.DELIVERED, now, None
    delivery.code = delivery.message = delivery.not_before = delivery.unsure_until = None
    remote.delivered += DigestSum(1, own.digest or 0)


def send_again(session: Session, remote: Remote, own: OwnMovement) -> None:
    """Send a movement again, whatever its delivery was. The remote is locked."""
    delivery = own.counted
    if delivery:
        sender = remote if delivery.remote_id == remote.id else Remote.get_for_update(session, delivery.remote_id)
        assert sender
        sender.delivered -= DigestSum(1, own.digest or 0)
        if sender is not remote:
            delivery.state = DeliveryState.SET_ASIDE
            delivery.message = f"Sent again by remote {remote.id}."
    pending = next((each for each in own.deliveries if each.remote_id == remote.id), None)
    if pending is None:
        session.add(Delivery(movement_seq=own.movement.seq, remote_id=remote.id, is_history=True))
    else:
        pending.state, pending.attempts = DeliveryState.PENDING, 0
        pending.code = pending.message = pending.delivered_at = pending.not_before = None
    session.flush()


def _save_difference(session: Session, remote: Remote, finding: Finding, now: datetime) -> None:
    """Store a difference, or what it is now."""
    key = {
        "remote_id": remote.id,
        "origin": get_local_auth(session),
        "movement_id": str(finding.movement_id),
    }
    difference = session.scalar(select(Difference).filter_by(**key))
    if difference is None:
        difference = Difference(**key, found_at=now)
        session.add(difference)
    own = finding.own
    difference.kind = finding.kind
    difference.here_customer = own.customer if own else None
    difference.here_points = own.movement.points if own else None
    session.flush()
