"""What an admin should know before a balance below zero is corrected on all sites."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.ledger.people.members import find_people, of_customer
from pointsync.models import Delivery, Movement, Remote
from pointsync.models.delivery import OPEN_STATES
from pointsync.sync.remotes import shown_status
from pointsync.sync.remotes.shown_status import ShownStatus
from pointsync.sync.remotes.status import GREEN


@dataclass(frozen=True, slots=True)
class RemoteState:
    """A remote that a correction goes to, and how many movements of the customer it has not received yet."""

    remote: Remote
    shown: ShownStatus
    waiting_count: int

    @property
    def is_in_step(self) -> bool:
        """Whether it has everything, and nothing is known to be wrong."""
        return not self.waiting_count and self.shown.status == GREEN and self.remote.paused_at is None


def list_remotes(session: Session, movement: Movement, now: datetime) -> list[RemoteState]:
    """The remotes that a correction of this movement's customer and reserve goes to."""
    is_waiting = (
        of_customer(session, find_people(session, [movement.customer_id])[movement.customer_id]),
        Movement.reserve_id == movement.reserve_id,
        Delivery.state.in_(OPEN_STATES),
    )
    waiting = select(Delivery.remote_id, func.count()).join(Movement, Movement.seq == Delivery.movement_seq)
    counts = {row[0]: row[1] for row in session.execute(waiting.where(*is_waiting).group_by(Delivery.remote_id))}
    query = select(Remote).where(
        Remote.reserve_id == movement.reserve_id, Remote.deleted_at.is_(None), Remote.closing_at.is_(None)
    )
    remotes = session.scalars(query.order_by(Remote.id)).all()
    shown = shown_status.load(session, remotes, now)
    return [RemoteState(remote, shown[remote.id], counts.get(remote.id, 0)) for remote in remotes]
