"""What waits for the remotes, and the list of them that the panel, commands and the API show."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, func, select
from sqlalchemy.orm import Session

from pointsync.models import (
    Backfill,
    DailyDeliveryTotal,
    Delivery,
    DeliveryState,
    Movement,
    Origin,
    Remote,
)
from pointsync.models.delivery import OPEN_STATES
from pointsync.sync.comparison import changes as change_sums
from pointsync.sync.remotes import backfill, shown_status
from pointsync.sync.remotes.shown_status import ShownStatus
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
    waiting_changes: int = 0
    """How many changes of people its site does not have."""

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
    waiting_changes = change_sums.count_all_waiting(session)
    shown_statuses = shown_status.load(session, remotes, now)
    return [
        RemoteRow(
            remote,
            {state: counts_by_remote.get(remote.id, {}).get(state, 0) for state in OPEN_STATES},
            averages.get(remote.id),
            backfills.get(remote.id),
            shown_statuses[remote.id],
            remote.auth in blocked_auths,
            waiting_changes.get(remote.auth, 0) if remote.takes_changes else 0,
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
    return by_state(session.execute(select_waiting(), {"remote_id": remote_id}).one())


@cache
def select_waiting() -> Select[Any]:
    """`remote_id` ↦ for `by_state`, the number of its deliveries in each of OPEN_STATES. Built once, for each ping."""
    counts = (
        select(func.count())
        .select_from(Delivery)
        .where(Delivery.remote_id == bindparam("remote_id"), Delivery.state_condition(state))
        for state in OPEN_STATES
    )
    return select(*(each.scalar_subquery() for each in counts))


def by_state(counts: Iterable[int]) -> dict[DeliveryState, int]:
    """What `select_waiting` has counted."""
    return dict(zip(OPEN_STATES, counts, strict=True))


def outstanding_count(session: Session, remote_id: int) -> int:
    """Everything that a remote has not acknowledged: undelivered deliveries and the rest of its backfill."""
    return sum(waiting_counts(session, remote_id).values()) + backfill.remaining_count(session, remote_id)


def waiting_for_site(session: Session, auth: str, target: str) -> int:
    """How many movements wait to be delivered to the reserve `target` of the site `auth`."""
    query = select(Remote.id).where(Remote.auth == auth, Remote.target == target, Remote.deleted_at.is_(None))
    return sum(outstanding_count(session, remote_id) for remote_id in session.scalars(query).all())
