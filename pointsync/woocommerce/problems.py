"""What needs attention about hooks, for the Dashboard and the WooCommerce tab."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session, aliased

from pointsync.ledger.orders import listings
from pointsync.models import Hook, HookDelivery
from pointsync.woocommerce import hooks, kept
from pointsync.woocommerce.outcome import DeliveryProblem

ERROR, WARNING = "error", "warning"
SHOWN_PERIOD = timedelta(days=14)
"""How long a delivery that could not be used is shown. Before, an admin can dismiss it."""


@dataclass(frozen=True, slots=True)
class HookProblem:
    """One problem. The template has the text for each `code`."""

    code: str
    """`cannot_view`, `silent`, `unusable`, `address`, `removed_hook`, or a value of `OrderProblem`."""
    severity: str
    hook: Hook | None = None
    count: int = 0
    """Of deliveries, orders or, if a hook is silent, days."""
    address: str = ""
    topics: Sequence[str] = ()
    has_received: bool = False
    """Whether a silent hook has received anything before."""


def list_problems(session: Session, silent_days: int, now: datetime) -> list[HookProblem]:
    """All problems, the most serious first. A hook that received nothing for more than `silent_days` is silent; 0 turns
    that off.
    """
    active = hooks.list_all(session)
    return [
        *_list_unviewable(session, active),
        *_list_silent(session, active, silent_days, now),
        *(
            HookProblem("address", WARNING, hook, count, address)
            for address, hook, count in kept.count_by_address(session)
        ),
        *_list_unusable(session, active, now),
        *(HookProblem("removed_hook", WARNING, hook, count) for hook, count in kept.count_of_removed_hooks(session)),
        *(HookProblem(code, WARNING, count=count) for code, count in listings.count_problems(session).items()),
    ]


def list_deliveries(session: Session, hook_id: int, limit: int, now: datetime) -> list[HookDelivery]:
    """The newest deliveries of a hook that could not be used and were not dismissed, newest first."""
    query = select(HookDelivery).where(
        HookDelivery.hook_id == hook_id,
        HookDelivery.problem.is_not(None),
        HookDelivery.received_at > now - SHOWN_PERIOD,
    )
    return list(session.scalars(query.order_by(HookDelivery.id.desc()).limit(limit)))


def dismiss(session: Session, hook_id: int) -> int:
    """Say that nothing needs to be done about the deliveries of a hook that could not be used. Return how many there
    were. Raises NotFound.
    """
    hook = hooks.get(session, hook_id)
    of_hook = (HookDelivery.hook_id == hook.id) & HookDelivery.problem.is_not(None)
    query = update(HookDelivery).where(of_hook).values(problem=None).returning(HookDelivery.id)
    return len(session.scalars(query.execution_options(synchronize_session=False)).all())


def _list_unviewable(session: Session, active: Sequence[Hook]) -> Iterator[HookProblem]:
    """Hooks with a webhook whose newest delivery was an error of the shop, as its user may not view the data."""
    later = aliased(HookDelivery)
    is_newest = ~exists().where(
        later.hook_id == HookDelivery.hook_id, later.topic == HookDelivery.topic, later.id > HookDelivery.id
    )
    query = select(HookDelivery.hook_id, HookDelivery.topic).where(
        HookDelivery.problem.is_not(None), HookDelivery.problem == DeliveryProblem.CANNOT_VIEW, is_newest
    )
    topics: dict[int, list[str]] = {}
    for hook_id, topic in session.execute(query.order_by(HookDelivery.topic)):
        topics.setdefault(hook_id, []).append(topic)
    for hook in active:
        if hook.id in topics:
            yield HookProblem("cannot_view", ERROR, hook, topics=topics[hook.id])


def _list_silent(session: Session, active: Sequence[Hook], silent_days: int, now: datetime) -> Iterator[HookProblem]:
    if not silent_days or not active:
        return
    newest = select(HookDelivery.received_at).where(HookDelivery.hook_id == Hook.id).order_by(HookDelivery.id.desc())
    query = select(Hook.id, newest.limit(1).scalar_subquery().label("received_at")).where(Hook.removed_at.is_(None))
    received = {row.id: row.received_at for row in session.execute(query)}
    for hook in active:
        received_at = received.get(hook.id)
        silence = now - (received_at or hook.created_at)
        if silence > timedelta(days=silent_days) and hook.key_shop is None:
            yield HookProblem("silent", ERROR, hook, silence.days, has_received=received_at is not None)


def _list_unusable(session: Session, active: Sequence[Hook], now: datetime) -> Iterator[HookProblem]:
    number = func.count().label("number")
    query = select(HookDelivery.hook_id, number).where(
        HookDelivery.problem.is_not(None),
        HookDelivery.problem == DeliveryProblem.UNUSABLE,
        HookDelivery.received_at > now - SHOWN_PERIOD,
    )
    counts = {row.hook_id: row.number for row in session.execute(query.group_by(HookDelivery.hook_id))}
    for hook in active:
        if hook.id in counts:
            yield HookProblem("unusable", WARNING, hook, counts[hook.id])
