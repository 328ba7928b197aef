"""How the remotes stand: what waits, what is so for the status, and the list that people and programs read."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, case, func, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.models import Backfill, DailyDeliveryTotal, Delivery, DeliveryState, Movement, Origin, Remote
from pointsync.models.delivery import OPEN_STATES
from pointsync.sync.remotes import backfill
from pointsync.sync.remotes.backoff import has_used_up_attempts
from pointsync.sync.remotes.status import StatusFacts
from pointsync.sync.site.settings import Settings


def list_all(session: Session) -> list[Remote]:
    """All lines of the list, oldest first; those that are closing stay until what waits is sent."""
    return list(session.scalars(select(Remote).where(Remote.deleted_at.is_(None)).order_by(Remote.id)))


@dataclass(frozen=True, slots=True)
class RemoteRow:
    """A remote as the panel shows it. `waiting` counts by state; `average` is attempts per delivery, in the period."""

    remote: Remote
    waiting_by_state: dict[DeliveryState, int]
    average_attempts: float | None
    backfill: Backfill | None
    is_blocked: bool = False

    @property
    def waiting_count(self) -> int:
        """Everything undelivered that is owed already."""
        return sum(self.waiting_by_state.values())


def list_rows(session: Session, settings: Settings, today: date) -> list[RemoteRow]:
    """All lines of the list with what stands beside their status: a fixed number of queries, however many."""
    counts_by_remote: dict[int, dict[DeliveryState, int]] = {}
    for state in OPEN_STATES:
        query = (
            select(Delivery.remote_id, func.count()).where(Delivery.state_condition(state)).group_by(Delivery.remote_id)
        )
        for remote_id, count in session.execute(query):
            counts_by_remote.setdefault(remote_id, {})[state] = count
    tallies = session.execute(
        select(DailyDeliveryTotal.remote_id, func.sum(DailyDeliveryTotal.tries), func.sum(DailyDeliveryTotal.delivered))
        .where(DailyDeliveryTotal.day > today - timedelta(days=settings.statistics_days))
        .group_by(DailyDeliveryTotal.remote_id)
    )
    averages = {
        remote_id: round(float(tries) / float(delivered), 2) for remote_id, tries, delivered in tallies if delivered
    }
    backfills = {each.remote_id: each for each in session.scalars(select(Backfill))}
    blocked = set(session.scalars(Origin.select_blocked_auths()).all())
    return [
        RemoteRow(
            remote,
            {state: counts_by_remote.get(remote.id, {}).get(state, 0) for state in OPEN_STATES},
            averages.get(remote.id),
            backfills.get(remote.id),
            remote.auth in blocked,
        )
        for remote in list_all(session)
    ]


def oldest_waiting_at(session: Session) -> dict[int, datetime]:
    """By remote, when the movement that it has been owed for longest was recorded; none where that is history.

    One query: for each line and state the first, by the state's own partial index.
    """

    def oldest_in_state(state: DeliveryState) -> ScalarSelect[Any]:
        return (
            select(case((Delivery.is_history, None), else_=Movement.recorded_at))
            .join(Movement, Movement.seq == Delivery.movement_seq)
            .where(Delivery.remote_id == Remote.id, Delivery.state_condition(state))
            .order_by(Delivery.id)
            .limit(1)
            .scalar_subquery()
        )

    rows = session.execute(select(Remote.id, *map(oldest_in_state, OPEN_STATES)).where(Remote.deleted_at.is_(None)))
    times_by_remote = {remote_id: [time for time in times if time] for remote_id, *times in rows}
    return {remote_id: min(times) for remote_id, times in times_by_remote.items() if times}


def waiting_counts(session: Session, remote_id: int) -> dict[DeliveryState, int]:
    """How many deliveries wait, by state."""
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
    """All that a remote has not acknowledged: what waits, and what is left of its history."""
    return sum(waiting_counts(session, remote_id).values()) + backfill.remaining_count(session, remote_id)


def load_status_facts(session: Session, remote: Remote, settings: Settings) -> StatusFacts:
    """What is so now, for the status."""
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
        is_blocked=_is_blocked(session, remote),
        has_used_up_attempts=has_used_up_attempts(session, remote, settings),
        pending_count=waiting[DeliveryState.PENDING],
        failed_count=waiting[DeliveryState.FAILED],
        unknown_customer_count=waiting[DeliveryState.UNKNOWN],
        has_sent=remote.attempt_code is not None,
    )


def average_attempts(session: Session, remote: Remote, settings: Settings, today: date) -> float | None:
    """Attempts per delivery acknowledged in the period covered by statistics; None where there was none."""
    tries, delivered = session.execute(
        select(func.sum(DailyDeliveryTotal.tries), func.sum(DailyDeliveryTotal.delivered)).where(
            DailyDeliveryTotal.remote_id == remote.id,
            DailyDeliveryTotal.day > today - timedelta(days=settings.statistics_days),
        )
    ).one()
    return round(float(tries) / float(delivered), 2) if delivered else None


def list_json(session: Session) -> list[dict[str, Any]]:
    """Every remote for commands and the API, in the shape of the interfaces; no secret is in it."""
    return [to_json(session, remote) for remote in list_all(session)]


def to_json(session: Session, remote: Remote) -> dict[str, Any]:
    """One remote for commands and the API."""
    waiting = waiting_counts(session, remote.id)
    return {
        "id": remote.id,
        "name": remote.name,
        "url": remote.url,
        "target": remote.target,
        "observed": remote.reserve.key,
        "dialect": remote.dialect,
        "status": remote.status,
        "status_text": remote.status_text,
        "waiting": sum(waiting.values()),
        "unknown_customers": waiting[DeliveryState.UNKNOWN],
        "refused": waiting[DeliveryState.FAILED],
        "paused": remote.paused_at is not None,
        "blocked": _is_blocked(session, remote),
        "last_success_at": clock.to_text(remote.last_success_at) if remote.last_success_at else None,
        "last_error": remote.last_error,
        "last_error_at": clock.to_text(remote.last_failure_at) if remote.last_failure_at else None,
        "history": backfill.progress_json(session, remote),
    }


def _is_blocked(session: Session, remote: Remote) -> bool:
    return session.scalar(select(Origin.blocked_at).where(Origin.auth == remote.auth)) is not None
