"""What waits for the remotes: for their status, and for the list that the panel, commands and the API show."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from pointsync.models import (
    Backfill,
    DailyDeliveryTotal,
    Delivery,
    DeliveryState,
    Movement,
    Origin,
    ReceivedSummary,
    Remote,
)
from pointsync.models.delivery import OPEN_STATES
from pointsync.sync.comparison import differences
from pointsync.sync.remotes import backfill, sending_problem, shown_status
from pointsync.sync.remotes.backoff import has_used_up_attempts
from pointsync.sync.remotes.shown_status import ShownStatus
from pointsync.sync.remotes.status import Comparison, StatusFacts
from pointsync.sync.site.settings import Settings


def list_all(session: Session, *conditions: ColumnElement[bool]) -> list[Remote]:
    """All remotes that are not deleted and match, oldest first. A closing remote is listed until everything is sent."""
    return list(session.scalars(select(Remote).where(Remote.deleted_at.is_(None), *conditions).order_by(Remote.id)))


@dataclass(frozen=True, slots=True)
class RemoteRow:
    """A remote with what the Remote sites list shows beside its status."""

    remote: Remote
    waiting_by_state: dict[DeliveryState, int]
    average_attempts: float | None
    """Attempts per delivery in the statistics period; None without deliveries."""
    backfill: Backfill | None
    shown: ShownStatus
    is_blocked: bool = False

    @property
    def undelivered_count(self) -> int:
        """The number of undelivered deliveries, in whatever state."""
        return sum(self.waiting_by_state.values())


def list_rows(session: Session, settings: Settings, now: datetime) -> list[RemoteRow]:
    """All remotes with what the list shows; the number of queries does not depend on the number of remotes."""
    counts_by_remote: dict[int, dict[DeliveryState, int]] = {}
    for state in OPEN_STATES:
        query = (
            select(Delivery.remote_id, func.count()).where(Delivery.state_condition(state)).group_by(Delivery.remote_id)
        )
        for remote_id, count in session.execute(query):
            counts_by_remote.setdefault(remote_id, {})[state] = count
    tallies = session.execute(
        select(DailyDeliveryTotal.remote_id, func.sum(DailyDeliveryTotal.tries), func.sum(DailyDeliveryTotal.delivered))
        .where(DailyDeliveryTotal.day > now.date() - timedelta(days=settings.statistics_days))
        .group_by(DailyDeliveryTotal.remote_id)
    )
    averages = {
        remote_id: round(float(tries) / float(delivered), 2) for remote_id, tries, delivered in tallies if delivered
    }
    backfills = {each.remote_id: each for each in session.scalars(select(Backfill))}
    blocked_auths = set(session.scalars(Origin.select_blocked_auths()))
    remotes = list_all(session)
    shown_statuses = shown_status.load(session, remotes, now)
    return [
        RemoteRow(
            remote,
            {state: counts_by_remote.get(remote.id, {}).get(state, 0) for state in OPEN_STATES},
            averages.get(remote.id),
            backfills.get(remote.id),
            shown_statuses[remote.id],
            remote.auth in blocked_auths,
        )
        for remote in remotes
    ]


def oldest_waiting_at(session: Session) -> dict[int, datetime]:
    """By remote, when its oldest waiting movement was recorded here. Remotes with only backfilled ones are left out.

    Refused movements and those for unknown customers are not counted as waiting. One query: the first pending delivery
    of each remote, found with the partial index.
    """
    oldest = (
        select(case((Delivery.is_history, None), else_=Movement.recorded_at))
        .join(Movement, Movement.seq == Delivery.movement_seq)
        .where(Delivery.remote_id == Remote.id, Delivery.state_condition(DeliveryState.PENDING))
        .order_by(Delivery.id)
        .limit(1)
        .scalar_subquery()
    )
    rows = session.execute(select(Remote.id, oldest).where(Remote.deleted_at.is_(None)))
    return {remote_id: recorded_at for remote_id, recorded_at in rows if recorded_at}


def waiting_counts(session: Session, remote_id: int) -> dict[DeliveryState, int]:
    """The number of undelivered deliveries by state."""
    return {
        state: session.scalar(
            select(func.count())
            .select_from(Delivery)
            .where(Delivery.remote_id == remote_id, Delivery.state_condition(state))
        )
        or 0
        for state in OPEN_STATES
    }


def outstanding_count(session: Session, remote_id: int) -> int:
    """Everything that a remote has not acknowledged: undelivered deliveries and the rest of its backfill."""
    return sum(waiting_counts(session, remote_id).values()) + backfill.remaining_count(session, remote_id)


def waiting_for_site(session: Session, auth: str, target: str) -> int:
    """How many movements wait to be delivered to the reserve `target` of the site `auth`."""
    query = select(Remote.id).where(Remote.auth == auth, Remote.target == target, Remote.deleted_at.is_(None))
    return sum(outstanding_count(session, remote_id) for remote_id in session.scalars(query).all())


def load_status_facts(session: Session, remote: Remote, settings: Settings) -> StatusFacts:
    """The present facts that a remote's status is computed from."""
    waiting = waiting_counts(session, remote.id)
    return StatusFacts(
        attempt_code=remote.attempt_code,
        attempt_message=remote.attempt_message,
        attempt_is_permanent=remote.attempt_is_permanent,
        check_code=remote.check_code,
        check_message=remote.check_message,
        check_is_permanent=remote.check_is_permanent,
        last_failure_at=remote.last_failure_at,
        is_paused=remote.paused_at is not None,
        is_blocked=Origin.is_blocked(session, remote.auth),
        has_used_up_attempts=has_used_up_attempts(session, remote, settings),
        pending_count=waiting[DeliveryState.PENDING],
        failed_count=waiting[DeliveryState.FAILED],
        unknown_customer_count=waiting[DeliveryState.UNKNOWN],
        has_sent=remote.attempt_code is not None,
        sending_problem=sending_problem.find(session),
        oldest_pending_at=_oldest_due_at(session, remote) if waiting[DeliveryState.PENDING] else None,
        difference_count=differences.count(session, remote.id),
        comparison=_load_comparison(session, remote),
    )


def _oldest_due_at(session: Session, remote: Remote) -> datetime | None:
    """When the oldest movement was recorded that should be there by now; None while the remote waits for a retry.

    One that waits after a failure of its own counts too: the remote may answer all others. A backfill sends many old
    movements, which are not late.
    """
    if remote.next_attempt_at or remote.is_probing or remote.paused_at:
        return None
    query = (
        select(Movement.recorded_at)
        .join(Delivery, Delivery.movement_seq == Movement.seq)
        .where(
            Delivery.remote_id == remote.id,
            Delivery.state_condition(DeliveryState.PENDING),
            Delivery.is_history.is_(False),
        )
        .order_by(Delivery.id)
        .limit(1)
    )
    return session.scalar(query)


def _load_comparison(session: Session, remote: Remote) -> Comparison | None:
    doubted_at = session.scalar(
        select(ReceivedSummary.doubted_at).where(
            ReceivedSummary.origin == remote.auth, ReceivedSummary.reserve_id == remote.reserve_id
        )
    )
    if remote.is_equal_there is None and remote.is_equal_here is None and doubted_at is None:
        return None
    return Comparison(
        remote.compared_at, remote.compared_count, remote.is_equal_there, remote.is_equal_here, doubted_at
    )
