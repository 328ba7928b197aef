"""The facts that a remote's status is computed from, read in one statement: each ping and each refresh reads them."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, exists, func, select
from sqlalchemy.orm import Session

from pointsync.models import Delivery, DeliveryState, Difference, Movement, Origin, ReceivedSummary, Remote
from pointsync.sync.comparison import changes as change_sums
from pointsync.sync.remotes import backoff, queue
from pointsync.sync.remotes.status import Comparison, StatusFacts
from pointsync.sync.site.settings import Settings


def load(session: Session, remote: Remote, settings: Settings, problem: str | None) -> StatusFacts:
    """The present facts about a remote. `problem` is that of `sending_problem.find`."""
    keys = {"remote_id": remote.id, "auth": remote.auth, "reserve_id": remote.reserve_id}
    row = session.execute(_select_facts(), keys | {"max_attempts": settings.max_attempts}).one()
    *counts, is_used_up, is_blocked, difference_count, doubted_at, waiting_changes, refused_changes = row
    waiting = queue.by_state(counts)
    return StatusFacts(
        attempt_code=remote.attempt_code,
        attempt_message=remote.attempt_message,
        attempt_is_permanent=remote.attempt_is_permanent,
        check_code=remote.check_code,
        check_message=remote.check_message,
        check_is_permanent=remote.check_is_permanent,
        last_failure_at=remote.last_failure_at,
        is_paused=remote.paused_at is not None,
        is_blocked=is_blocked,
        has_used_up_attempts=is_used_up or remote.failures >= settings.max_attempts,
        pending_count=waiting[DeliveryState.PENDING],
        failed_count=waiting[DeliveryState.FAILED],
        unknown_customer_count=waiting[DeliveryState.UNKNOWN],
        has_sent=remote.attempt_code is not None,
        sending_problem=problem,
        oldest_pending_at=_oldest_due_at(session, remote) if waiting[DeliveryState.PENDING] else None,
        difference_count=difference_count,
        comparison=_describe_comparison(remote, doubted_at),
        changes=change_sums.describe_facts(remote, waiting_changes, refused_changes),
    )


@cache
def _select_facts() -> Select[Any]:
    """`remote_id`, `auth`, `reserve_id` and `max_attempts` ↦ the counts of `queue.select_waiting`, and:

    whether a delivery has used up its attempts, whether the site is blocked, the number of differences that wait for a
    decision, since when its movements are in doubt, and how many changes of people wait for the site or were refused.
    """
    differences = select(func.count()).select_from(Difference).where(Difference.remote_id == bindparam("remote_id"))
    doubted_at = select(ReceivedSummary.doubted_at).where(
        ReceivedSummary.origin == bindparam("auth"), ReceivedSummary.reserve_id == bindparam("reserve_id")
    )
    return queue.select_waiting().add_columns(
        backoff.select_used_up().exists(),
        exists().where(Origin.auth == bindparam("auth"), Origin.blocked_at.is_not(None)),
        differences.scalar_subquery(),
        doubted_at.scalar_subquery(),
        change_sums.select_count(DeliveryState.PENDING).scalar_subquery(),
        change_sums.select_count(DeliveryState.FAILED).scalar_subquery(),
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


def _describe_comparison(remote: Remote, doubted_at: datetime | None) -> Comparison | None:
    if remote.is_equal_there is None and remote.is_equal_here is None and doubted_at is None:
        return None
    return Comparison(
        remote.compared_at, remote.compared_count, remote.is_equal_there, remote.is_equal_here, doubted_at
    )
