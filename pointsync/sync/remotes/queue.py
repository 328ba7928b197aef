"""How the remotes stand: what waits, what is so for the status, and the list that people and programs read."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, case, func, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.models import Delivery, History, Movement, Origin, Remote, State, Tally
from pointsync.models.delivery import WAITING
from pointsync.sync.remotes import backfill
from pointsync.sync.remotes.backoff import is_used_up
from pointsync.sync.remotes.status import Facts
from pointsync.sync.site.settings import Settings


def every(session: Session) -> list[Remote]:
    """All lines of the list, oldest first; those that are closing stay until what waits is sent."""
    return list(session.scalars(select(Remote).where(Remote.deleted_at.is_(None)).order_by(Remote.id)))


@dataclass(frozen=True, slots=True)
class Line:
    """A remote as the panel shows it. `waiting` counts by state; `average` is attempts per delivery, in the period."""

    remote: Remote
    waiting: dict[State, int]
    average: float | None
    history: History | None
    is_blocked: bool = False

    @property
    def all_waiting(self) -> int:
        """Everything undelivered that is owed already."""
        return sum(self.waiting.values())


def lines(session: Session, settings: Settings, today: date) -> list[Line]:
    """All lines of the list with what stands beside their status: a fixed number of queries, however many."""
    waiting: dict[int, dict[State, int]] = {}
    for state in WAITING:
        query = select(Delivery.remote_id, func.count()).where(Delivery.is_in(state)).group_by(Delivery.remote_id)
        for remote_id, count in session.execute(query):
            waiting.setdefault(remote_id, {})[state] = count
    tallies = session.execute(
        select(Tally.remote_id, func.sum(Tally.tries), func.sum(Tally.delivered))
        .where(Tally.day > today - timedelta(days=settings.statistics_days))
        .group_by(Tally.remote_id)
    )
    averages = {
        remote_id: round(float(tries) / float(delivered), 2) for remote_id, tries, delivered in tallies if delivered
    }
    histories = {each.remote_id: each for each in session.scalars(select(History))}
    blocked = set(session.scalars(Origin.blocked()).all())
    return [
        Line(
            remote,
            {state: waiting.get(remote.id, {}).get(state, 0) for state in WAITING},
            averages.get(remote.id),
            histories.get(remote.id),
            remote.auth in blocked,
        )
        for remote in every(session)
    ]


def oldest_waiting(session: Session) -> dict[int, datetime]:
    """By remote, when the movement that it has been owed for longest was recorded; none where that is history.

    One query: for each line and state the first, by the state's own partial index.
    """

    def first(state: State) -> ScalarSelect[Any]:
        return (
            select(case((Delivery.is_history, None), else_=Movement.recorded_at))
            .join(Movement, Movement.seq == Delivery.movement_seq)
            .where(Delivery.remote_id == Remote.id, Delivery.is_in(state))
            .order_by(Delivery.id)
            .limit(1)
            .scalar_subquery()
        )

    rows = session.execute(select(Remote.id, *map(first, WAITING)).where(Remote.deleted_at.is_(None)))
    known = {remote_id: [at for at in moments if at] for remote_id, *moments in rows}
    return {remote_id: min(moments) for remote_id, moments in known.items() if moments}


def counts(session: Session, remote_id: int) -> dict[State, int]:
    """How many deliveries wait, by state."""
    return {
        state: session.scalar(
            select(func.count()).select_from(Delivery).where(Delivery.remote_id == remote_id, Delivery.is_in(state))
        )
        or 0
        for state in WAITING
    }


def owed(session: Session, remote_id: int) -> int:
    """All that a remote has not acknowledged: what waits, and what is left of its history."""
    return sum(counts(session, remote_id).values()) + backfill.left(session, remote_id)


def facts(session: Session, remote: Remote, settings: Settings) -> Facts:
    """What is so now, for the status."""
    waiting = counts(session, remote.id)
    return Facts(
        attempt_code=remote.attempt_code,
        attempt_message=remote.attempt_message,
        attempt_is_permanent=remote.attempt_is_permanent,
        check_code=remote.check_code,
        check_message=remote.check_message,
        check_is_permanent=remote.check_is_permanent,
        last_failure_at=remote.last_failure_at,
        is_paused=remote.paused_at is not None,
        is_blocked=_is_blocked(session, remote),
        is_used_up=is_used_up(session, remote, settings),
        pending=waiting[State.PENDING],
        failed=waiting[State.FAILED],
        unknown_customers=waiting[State.UNKNOWN],
        was_sent=remote.attempt_code is not None,
    )


def average_attempts(session: Session, remote: Remote, settings: Settings, today: date) -> float | None:
    """Attempts per delivery acknowledged in the period covered by statistics; None where there was none."""
    tries, delivered = session.execute(
        select(func.sum(Tally.tries), func.sum(Tally.delivered)).where(
            Tally.remote_id == remote.id, Tally.day > today - timedelta(days=settings.statistics_days)
        )
    ).one()
    return round(float(tries) / float(delivered), 2) if delivered else None


def listing(session: Session) -> list[dict[str, Any]]:
    """Every remote for commands and the API, in the shape of the interfaces; no secret is in it."""
    return [shape(session, remote) for remote in every(session)]


def shape(session: Session, remote: Remote) -> dict[str, Any]:
    """One remote for commands and the API."""
    waiting = counts(session, remote.id)
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
        "unknown_customers": waiting[State.UNKNOWN],
        "refused": waiting[State.FAILED],
        "paused": remote.paused_at is not None,
        "blocked": _is_blocked(session, remote),
        "last_success_at": clock.to_text(remote.last_success_at) if remote.last_success_at else None,
        "last_error": remote.last_error,
        "last_error_at": clock.to_text(remote.last_failure_at) if remote.last_failure_at else None,
        "history": backfill.progress(session, remote),
    }


def _is_blocked(session: Session, remote: Remote) -> bool:
    return session.scalar(select(Origin.blocked_at).where(Origin.auth == remote.auth)) is not None
