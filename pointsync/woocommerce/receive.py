"""Deliveries of a WooCommerce shop: what each is worth, recorded once, and a line about what came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.errors import DomainError
from pointsync.ledger.record import RecordResult, record
from pointsync.models import Hook, HookDelivery
from pointsync.text_limits import sanitise
from pointsync.woocommerce import movements, orders
from pointsync.woocommerce.values import DeliveryIgnored

MAX_TOPIC = 191
MAX_SHOP = 500
MAX_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class HookOutcome:
    """What came of a delivery: `recorded`, `duplicate` or `unused`, and a sentence."""

    status: str
    message: str


def receive_delivery(session: Session, hook: Hook, *, topic: str, shop: str, body: Any, now: datetime) -> HookOutcome:
    """Record what a delivery of known signature is worth, and keep a line about it.

    `hook` is locked by the caller; `topic` and `shop` are what the delivery's headers say, `body` is its
    JSON, None where that is broken. Nothing is refused with an error: WooCommerce never sends again, and
    switches a hook off that answers with failures.
    """
    topic, shop = sanitise(topic, MAX_TOPIC), sanitise(shop, MAX_SHOP)
    if hook.shop is None and shop:
        hook.shop = shop
        session.flush()
    try:
        with session.begin_nested():
            outcome = _record_delivery(session, hook, topic, shop, body, now)
    except DeliveryIgnored as ignored:
        outcome = HookOutcome("unused", str(ignored))
    except DomainError as refusal:
        outcome = HookOutcome("unused", refusal.message)
    session.add(
        HookDelivery(
            hook_id=hook.id,
            received_at=now,
            topic=topic,
            outcome=outcome.status,
            message=sanitise(outcome.message, MAX_MESSAGE),
        )
    )
    session.flush()
    return outcome


def _record_delivery(session: Session, hook: Hook, topic: str, shop: str, body: Any, now: datetime) -> HookOutcome:
    _check_topic(hook, topic)
    if body is None:
        raise DeliveryIgnored("The delivery is not JSON.")
    _check_shop(session, hook, shop)
    source = f"hook:{hook.name}"
    if hook.rule == "orders":
        drafts = orders.build_drafts(session, hook, body, source)
    else:
        drafts = [movements.build_draft(hook, body, now)]
    return _summarize(record(session, drafts, source, now))


def _check_topic(hook: Hook, topic: str) -> None:
    if hook.rule == "orders" and topic not in orders.TOPICS:
        raise DeliveryIgnored(
            f"This hook counts orders; a delivery of the topic {topic or 'none'} is of no use. "
            "Choose the topics Order created and Order updated in the shop."
        )
    if hook.rule == "movements" and topic != movements.TOPIC:
        raise DeliveryIgnored(
            f"This hook takes movements of points; a delivery of the topic {topic or 'none'} is of no use. "
            f"Choose the topic Action with the event {movements.TOPIC.removeprefix('action.')} in the shop."
        )


def _check_shop(session: Session, hook: Hook, shop: str) -> None:
    """Raises Unused where the shop is another than this hook's, or an older hook counts it already."""
    if shop and hook.shop and _normalize_shop(shop) != _normalize_shop(hook.shop):
        raise DeliveryIgnored(
            f"The delivery is from {shop}; this hook belongs to {hook.shop}, and two shops may use the same ids. "
            "Add a hook for each shop; if the shop has moved, remove this hook and add it again under its name."
        )
    older = session.scalars(
        select(Hook)
        .where(
            Hook.reserve_id == hook.reserve_id,
            Hook.id < hook.id,
            Hook.removed_at.is_(None),
            Hook.shop.is_not(None),
        )
        .order_by(Hook.id)
    )
    for other in older:
        if hook.shop and _normalize_shop(other.shop or "") == _normalize_shop(hook.shop):
            raise DeliveryIgnored(
                f"The hook {other.name} counts this shop in {other.reserve.key} already, so this one would count "
                "twice. Remove one of the two."
            )


def _normalize_shop(shop: str) -> str:
    """A shop's address without what changes when it gets a certificate."""
    return shop.lower().removeprefix("https://").removeprefix("http://").rstrip("/")


def _summarize(recorded: list[RecordResult]) -> HookOutcome:
    new_movements = [each.movement for each in recorded if each.status == "recorded"]
    if new_movements:
        return HookOutcome("recorded", f"{', '.join(f'{each.points:+,}' for each in new_movements)} points recorded.")
    if any(each.status == "unchanged" for each in recorded):
        return HookOutcome("unused", "The balance was that already, so nothing changed.")
    return HookOutcome("duplicate", "This was recorded before, so nothing changed.")
