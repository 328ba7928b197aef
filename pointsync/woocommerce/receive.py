"""Deliveries from WooCommerce shops: what each changes is recorded, and its outcome stored."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from pointsync.errors import DomainError, TryLater
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.orders import accounts, shops
from pointsync.ledger.record import RecordResult, record
from pointsync.models import Hook, HookDelivery, KeptDelivery, Shop
from pointsync.text_limits import sanitise
from pointsync.urls import normalise_address
from pointsync.woocommerce import account_json, kept, last_order, movements, order_json, orders, shop_match
from pointsync.woocommerce.outcome import DeliveryKept, DeliveryProblem, HookOutcome
from pointsync.woocommerce.values import DeliveryIgnored

MAX_TOPIC = 191
MAX_SHOP = 500
MAX_MESSAGE = 500
_KEPT_UNTIL_FIRST_ORDER = "It is kept until the first order that counts tells which shop this is."
_KEPT_AFTER_RESTORE = (
    "It is kept. It counts as soon as an admin has said what this database is, and lost movements are back."
)


def receive_delivery(session: Session, hook: Hook, *, topic: str, shop: str, body: Any, now: datetime) -> HookOutcome:
    """Record what a delivery changes whose signature was verified, and store the outcome.

    The caller has locked `hook`. `topic` and `shop` come from the headers; `body` is the parsed JSON, or None if it is
    not valid. No delivery raises an error: WooCommerce does not retry, and disables a webhook after failed deliveries.
    """
    topic, shop = sanitise(topic, MAX_TOPIC), sanitise(shop, MAX_SHOP)
    try:
        with session.begin_nested():
            outcome = _record_delivery(session, hook, topic, shop, body, now)
    except DeliveryKept as waiting:
        outcome = keep_delivery(session, hook, waiting, topic, shop, body, now)
    except TryLater:
        outcome = keep_delivery(
            session, hook, DeliveryKept(kept.FETCHING_BACK, _KEPT_AFTER_RESTORE), topic, shop, body, now
        )
    except DeliveryIgnored as ignored:
        outcome = HookOutcome("unused", str(ignored), ignored.problem)
    except DomainError as refusal:
        outcome = HookOutcome("unused", refusal.message, DeliveryProblem.UNUSABLE)
    last_order.remember(hook, topic, body)
    session.add(
        HookDelivery(
            hook_id=hook.id,
            received_at=now,
            topic=topic,
            outcome=outcome.status,
            message=sanitise(outcome.message, MAX_MESSAGE),
            problem=outcome.problem,
        )
    )
    session.flush()
    return outcome


def count_kept(session: Session, now: datetime) -> int:
    """Count the next kept deliveries that can be counted now. Return how many there were.

    If their hook was removed, another hook of the same shop receives them.
    """
    ready = kept.list_ready(session, now)
    for kept_id, hook_id in ready:
        hook = session.get_one(Hook, hook_id, with_for_update={"of": Hook}, populate_existing=True)
        delivery = session.get_one(KeptDelivery, kept_id)
        topic, shop, body = delivery.topic, delivery.shop, kept.decode_body(delivery)
        session.delete(delivery)
        session.flush()
        receive_delivery(session, hook, topic=topic, shop=shop, body=body, now=now)
    return len(ready)


def keep_delivery(
    session: Session, hook: Hook, waiting: DeliveryKept, topic: str, shop: str, body: Any, now: datetime
) -> HookOutcome:
    """Keep a delivery that is counted later.

    The shop's answer is counted by the hooks of that shop, so a new hook must belong to it before.
    """
    address = normalise_address(shop)
    if waiting.shop_id is not None:
        bind(session, hook, shops.get(session, waiting.shop_id), address, shop, now)
    try:
        kept.keep(session, hook, topic=topic, shop=shop, address=address, body=body, reason=waiting.reason, now=now)
    except DeliveryIgnored as ignored:
        return HookOutcome("unused", str(ignored), ignored.problem)
    return HookOutcome("kept", str(waiting))


def _record_delivery(session: Session, hook: Hook, topic: str, shop: str, body: Any, now: datetime) -> HookOutcome:
    _check_topic(hook, topic)
    if body is None:
        raise DeliveryIgnored("The delivery is not valid JSON.")
    address = normalise_address(shop)
    if hook.rule == "movements":
        draft = movements.build_draft(hook, body, now)
        owner = shop_match.find_shop(session, hook, address)
        shop_match.refuse_second_hook(session, hook, owner)
        outcome = _summarize(record(session, [draft], movements.find_source(session, hook, owner, draft.ref), now))
        if outcome.status == "recorded" and hook.shop is None:
            owner = owner or shops.create(session, address, now, fallback=f"hook {hook.token}")
            bind(session, hook, owner, address, shop, now)
        return outcome
    if topic in account_json.TOPICS:
        return _save_account(session, hook, topic, body, address)
    report = order_json.parse_delivery(topic, body)
    if fetch_back.must_orders_wait(session):
        raise DeliveryKept(kept.FETCHING_BACK, _KEPT_AFTER_RESTORE)
    owner = shop_match.find_shop(session, hook, address)
    shop_match.refuse_second_hook(session, hook, owner)
    outcome, new_owner = orders.settle_order(session, hook, owner, address, report, now)
    if new_owner is not None:
        bind(session, hook, new_owner, address, shop, now)
    return outcome


def _save_account(session: Session, hook: Hook, topic: str, body: Any, address: str) -> HookOutcome:
    """Take in an account. A job moves the points of its orders."""
    report = account_json.parse_delivery(topic, body)
    owner = shop_match.find_shop(session, hook, address)
    if owner is None:
        raise DeliveryKept(kept.UNKNOWN_SHOP, _KEPT_UNTIL_FIRST_ORDER)
    label = f"Customer {report.id}"
    if not accounts.save(session, owner, report):
        return HookOutcome("duplicate", f"{label}: nothing has changed.")
    if report.is_deleted:
        return HookOutcome("recorded", f"{label}: the account was deleted. Its orders stay where they are.")
    return HookOutcome("recorded", f"{label}: the points of its orders belong to the address of the account.")


def bind(session: Session, hook: Hook, owner: Shop, address: str, shop: str, now: datetime) -> None:
    """Let the hook belong to the shop of its first useful delivery, and learn the address if it is the first one."""
    if hook.shop_id is None:
        hook.shop_id = owner.id
    if address and hook.shop is None:
        hook.shop = shop
        shops.add_address(session, owner, address, now)
        kept.ask_about_addresses(session, hook)
    session.flush()


def _check_topic(hook: Hook, topic: str) -> None:
    if hook.rule == "orders" and topic not in order_json.TOPICS | account_json.TOPICS:
        raise DeliveryIgnored(
            f"This hook counts orders, so it ignores the topic {topic or 'none'}. Choose the topics Order created, "
            "updated, deleted and restored, and Customer created, updated and deleted in the shop."
        )
    if hook.rule == "movements" and topic != movements.TOPIC:
        raise DeliveryIgnored(
            f"This hook records movements of points, so it ignores the topic {topic or 'none'}. "
            f"Choose the topic Action with the event {movements.TOPIC.removeprefix('action.')} in the shop."
        )


def _summarize(recorded: list[RecordResult]) -> HookOutcome:
    new_movements = [each.movement for each in recorded if each.status == "recorded"]
    if new_movements:
        return HookOutcome("recorded", f"{', '.join(f'{each.points:+,}' for each in new_movements)} points recorded.")
    if any(each.status == "unchanged" for each in recorded):
        return HookOutcome("unused", "The balance already had this value, so nothing changed.")
    return HookOutcome("duplicate", "This was recorded before, so nothing changed.")
