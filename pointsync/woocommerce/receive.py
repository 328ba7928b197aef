"""Deliveries from WooCommerce shops: record the points of each once, and store its outcome."""

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
    """The outcome of a delivery: `recorded`, `duplicate` or `unused`, with a message for admins."""

    status: str
    message: str


def receive_delivery(session: Session, hook: Hook, *, topic: str, shop: str, body: Any, now: datetime) -> HookOutcome:
    """Record the points of a delivery whose signature was verified, and store the outcome.

    The caller has locked `hook`. `topic` and `shop` come from the headers; `body` is the parsed JSON, or None if it is
    not valid. No delivery raises an error: WooCommerce does not retry, and disables a webhook after failed deliveries.
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
        raise DeliveryIgnored("The delivery is not valid JSON.")
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
            f"This hook counts orders, so it ignores the topic {topic or 'none'}. Choose the topics Order created and "
            "Order updated in the shop."
        )
    if hook.rule == "movements" and topic != movements.TOPIC:
        raise DeliveryIgnored(
            f"This hook records movements of points, so it ignores the topic {topic or 'none'}. "
            f"Choose the topic Action with the event {movements.TOPIC.removeprefix('action.')} in the shop."
        )


def _check_shop(session: Session, hook: Hook, shop: str) -> None:
    """Raise DeliveryIgnored if the delivery is from another shop, or if an older hook already counts this shop."""
    if shop and hook.shop and _normalize_shop(shop) != _normalize_shop(hook.shop):
        raise DeliveryIgnored(
            f"The delivery is from {shop}, but this hook belongs to {hook.shop}. Two shops may use the same ids, so "
            "add a hook for each shop. If the shop has moved, remove this hook and add it again with the same name."
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
                f"The hook {other.name} already counts this shop in {other.reserve.key}, so this hook would count it "
                "twice. Remove one of the two."
            )


def _normalize_shop(shop: str) -> str:
    """The URL of a shop without the scheme, which changes when the shop gets a certificate."""
    return shop.lower().removeprefix("https://").removeprefix("http://").rstrip("/")


def _summarize(recorded: list[RecordResult]) -> HookOutcome:
    new_movements = [each.movement for each in recorded if each.status == "recorded"]
    if new_movements:
        return HookOutcome("recorded", f"{', '.join(f'{each.points:+,}' for each in new_movements)} points recorded.")
    if any(each.status == "unchanged" for each in recorded):
        return HookOutcome("unused", "The balance already had this value, so nothing changed.")
    return HookOutcome("duplicate", "This was recorded before, so nothing changed.")
