"""What may be sent now, as statements that are built once: each claim executes them, and building takes longer."""

from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, Select, and_, bindparam, exists, or_, select

from pointsync import clock
from pointsync.db import UtcDateTime
from pointsync.ledger import received_summary
from pointsync.models import (
    ChangeDelivery,
    Customer,
    Delivery,
    DeliveryState,
    Movement,
    Origin,
    Remote,
    RemoteFetch,
    Site,
)
from pointsync.sync.delivery import change_claim
from pointsync.sync.remotes import backoff, first_checks
from pointsync.sync.site import runs
from pointsync.sync.site.settings import Settings

UNSURE_PERIOD = timedelta(seconds=120)
"""A WooRewards shop may still be processing a call without an answer: the same movement is not sent again before."""
MAX_UNKNOWN_DELAY = timedelta(days=1)
"""The longest wait of a movement for a customer who is unknown there."""


class Priority(Enum):
    """Which deliveries are sent first: a movement that makes the other side fail never blocks other movements."""

    UNTRIED = 1
    FAILED_ON_THEIR_OWN = 2
    UNKNOWN_CUSTOMERS = 3


def parameters(settings: Settings, now: datetime) -> dict[str, Any]:
    """The parameters of the statements below that are about deliveries."""
    return {
        "now": now,
        "latest_retry": now + timedelta(seconds=settings.delay_seconds),
        "latest_unknown_retry": now + MAX_UNKNOWN_DELAY,
        "latest_call": now + clock.MAX_LEAD,
        "latest_unsure": now + UNSURE_PERIOD,
        "latest_change_retry": now + change_claim.RETRY_DELAY,
    }


@cache
def select_sending_state() -> Select[Any]:
    """`remote_id`, `auth` and `target` of a remote ↦ the site's state for `runs.may_send`, and:

    `is_stopped`: nothing is sent to any remote, or not to this one; `is_comparable`: see `received_summary`;
    `has_namesakes`: other remotes lead to that target.
    """
    is_blocked = exists().where(Origin.auth == bindparam("auth"), Origin.blocked_at.is_not(None))
    unfetched = RemoteFetch.select_unfetched().where(RemoteFetch.remote_id == bindparam("remote_id"))
    is_stopped = or_(Site.is_fetching_back, first_checks.is_any_due(), is_blocked, unfetched.exists())
    has_namesakes = exists().where(
        Remote.auth == bindparam("auth"), Remote.target == bindparam("target"), Remote.id != bindparam("remote_id")
    )
    return runs.select_state(
        is_stopped.label("is_stopped"),
        received_summary.is_comparable().label("is_comparable"),
        has_namesakes.label("has_namesakes"),
    )


@cache
def select_remotes() -> Select[int]:
    """The ids of the remotes that have something due: a delivery that can be sent, a change to send, or a probe."""
    has_pending, has_unknown = (
        exists().where(Delivery.remote_id == Remote.id, *_conditions(priority))
        for priority in (None, Priority.UNKNOWN_CUSTOMERS)
    )
    has_changes = Remote.takes_changes & exists().where(
        ChangeDelivery.auth == Remote.auth, change_claim.is_due(_moment("now"), _moment("latest_change_retry"))
    )
    return select(Remote.id).where(
        Remote.deleted_at.is_(None),
        Remote.paused_at.is_(None),
        Remote.auth.not_in(Origin.select_blocked_auths()),
        Remote.id.not_in(RemoteFetch.select_unfetched()),
        backoff.may_be_called(_moment("now"), _moment("latest_call")),
        or_(Remote.is_probing, Remote.dialect.is_(None), has_pending, has_unknown, has_changes),
    )


@cache
def select_later() -> Select[bool, bool]:
    """Whether `remote_id` has anything due in the second priority, and in the third."""
    has_failed, has_unknown = (
        exists().where(Delivery.remote_id == bindparam("remote_id"), *_conditions(priority))
        for priority in (Priority.FAILED_ON_THEIR_OWN, Priority.UNKNOWN_CUSTOMERS)
    )
    return select(has_failed, has_unknown)


@cache
def select_deliveries(priority: Priority) -> Executable:
    """The oldest deliveries of `remote_id` with a priority and an id above `after_id`, at most `count`, which may be a
    thousand: so plain rows."""
    return (
        select(
            Delivery.id.label("delivery_id"),
            Delivery.attempts,
            Delivery.called_at,
            Delivery.not_before,
            Delivery.unsure_until,
            Delivery.is_history,
            Movement.id,
            Movement.points,
            Movement.kind,
            Movement.reason,
            Movement.at,
            Movement.ref,
            Movement.source,
            Movement.digest,
            Movement.customer_as_sent().label("customer"),
        )
        .join(Movement, Movement.seq == Delivery.movement_seq)
        .join(Customer, Customer.id == Movement.customer_id)
        .where(Delivery.remote_id == bindparam("remote_id"), Delivery.id > bindparam("after_id"))
        .where(*_conditions(priority))
        .order_by(Delivery.id)
        .limit(bindparam("count"))
    )


def _conditions(priority: Priority | None) -> tuple[ColumnElement[bool], ...]:
    """That a delivery has a priority, or is pending, and does not wait. Longer waits than these were stored before the
    clock was set back."""
    is_pending = Delivery.state_condition(DeliveryState.PENDING)
    state = Delivery.state_condition(DeliveryState.UNKNOWN) if priority is Priority.UNKNOWN_CUSTOMERS else is_pending
    not_before, unsure_until = Delivery.not_before, Delivery.unsure_until
    waits_too_long = or_(
        and_(is_pending, not_before > _moment("latest_retry")),
        not_before > _moment("latest_unknown_retry"),
        # The delay for an unknown customer grows; it began with the last call.
        Delivery.called_at > _moment("latest_call"),
    )
    is_due = or_(not_before.is_(None), not_before <= _moment("now"), waits_too_long)
    is_sure = or_(unsure_until.is_(None), unsure_until <= _moment("now"), unsure_until > _moment("latest_unsure"))
    return (state, not_before.is_(None) if priority is Priority.UNTRIED else is_due, is_sure)


def _moment(name: str) -> ColumnElement[datetime]:
    return bindparam(name, type_=UtcDateTime)
