"""Deliveries that are counted later: kept with their bodies, the newest one of each order or movement."""

import json
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ScalarSelect, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from pointsync.errors import NotFound
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.orders import newer
from pointsync.ledger.orders.accounts import AccountReport
from pointsync.ledger.orders.newer import SeenState
from pointsync.ledger.orders.report import OrderReport
from pointsync.models import Hook, KeptDelivery, ShopAccount, ShopAddress, ShopKey
from pointsync.text_limits import printable
from pointsync.woocommerce import account_json, order_json
from pointsync.woocommerce.reading import keys
from pointsync.woocommerce.values import DeliveryIgnored, parse_int

FETCHING_BACK = "fetching_back"
UNKNOWN_ADDRESS = "address"
"""An admin must say whether its address is the hook's shop."""
UNKNOWN_SHOP = "shop"
"""An account, while nothing has told which shop the hook belongs to."""
UNKNOWN_ACCOUNT = "account"
"""An order without an address, of an account that is not known yet."""
READING = "reading"
"""The shop is asked what the order is now, which decides in its place."""
MAX_KEPT = 20_000
"""Of one hook: more are refused, with a message in its list of deliveries."""
MAX_WAITING_FOR_ACCOUNT = 1_000
"""Of one hook: a shop that does not deliver its customers may have many such orders. The oldest ones make room."""
BATCH_SIZE = 50
ORDER, DELETED, ACCOUNT, MOVEMENT = "order", "deleted", "account", "movement"


def keep(
    session: Session, hook: Hook, *, topic: str, shop: str, address: str, body: Any, reason: str, now: datetime
) -> None:
    """Keep a delivery whose body was read without error. An older report of the same order is replaced.

    Raises DeliveryIgnored if too many wait.
    """
    kind, thing_id, report = _identify(hook, topic, body)
    known = session.scalar(
        select(KeptDelivery).where(
            KeptDelivery.hook_id == hook.id,
            KeptDelivery.address == address,
            KeptDelivery.topic_kind == kind,
            KeptDelivery.thing_id == thing_id,
        )
    )
    if known is not None:
        if _is_older(report, known, now):
            return
        session.delete(known)  # the new row comes last, so deliveries are counted in the order of their arrival
        session.flush()
    elif (session.scalar(select(func.count()).where(KeptDelivery.hook_id == hook.id)) or 0) >= MAX_KEPT:
        raise DeliveryIgnored(f"More than {MAX_KEPT:,} deliveries of this hook are kept already.")
    session.add(
        KeptDelivery(
            hook_id=hook.id,
            address=address,
            topic_kind=kind,
            thing_id=thing_id,
            account_id=report.account_id if isinstance(report, OrderReport) else None,
            topic=topic,
            shop=shop,
            body=zlib.compress(json.dumps(body).encode()),
            received_at=now,
            reason=reason,
        )
    )
    session.flush()
    if reason == UNKNOWN_ACCOUNT:
        _forget_oldest(session, hook)


def list_ready(session: Session, now: datetime) -> list[tuple[int, int]]:
    """The next deliveries that can be counted now, as (id, id of the hook that receives it).

    What a removed hook has kept is received by another hook of the same shop, if there is one. Those for which the shop
    was to be asked are counted as they are if it does not answer.
    """
    if session.scalar(select(KeptDelivery.id).limit(1)) is None or fetch_back.must_orders_wait(session):
        return []
    reason, own_shop = KeptDelivery.reason, Hook.shop_id
    has_known_address = exists().where(ShopAddress.address == KeptDelivery.address)
    is_without_address = (KeptDelivery.address == "") & own_shop.is_not(None)
    has_known_account = exists().where(
        ShopAccount.shop_id == own_shop,
        ShopAccount.account_id == KeptDelivery.account_id,
        ShopAccount.email.is_not(None),
    )
    is_answered = exists().where(own_shop == ShopKey.shop_id, keys.answers(now))
    is_ready = or_(
        reason == FETCHING_BACK,
        reason.in_((UNKNOWN_ADDRESS, UNKNOWN_SHOP)) & (has_known_address | is_without_address),
        (reason == UNKNOWN_ACCOUNT) & has_known_account,
        (reason == READING) & ~is_answered,
    )
    receiver = _select_receiver().label("receiver")
    query = select(KeptDelivery.id, receiver).join(Hook, Hook.id == KeptDelivery.hook_id)
    query = query.where(is_ready, _select_receiver().is_not(None)).order_by(KeptDelivery.id).limit(BATCH_SIZE)
    return [(kept_id, hook_id) for kept_id, hook_id in session.execute(query)]


def ask_about_addresses(session: Session, hook: Hook) -> None:
    """Let an admin say whose addresses those are that were kept before it was known which shop the hook belongs to."""
    query = update(KeptDelivery).where(KeptDelivery.hook_id == hook.id, KeptDelivery.reason == UNKNOWN_SHOP)
    session.execute(query.values(reason=UNKNOWN_ADDRESS).execution_options(synchronize_session=False))


def list_orders_to_read(session: Session) -> dict[int, list[int]]:
    """By shop, the ids of orders that it is to be asked for, in the order in which they were delivered."""
    query = (
        select(Hook.shop_id, KeptDelivery.thing_id)
        .join(Hook, Hook.id == KeptDelivery.hook_id)
        .where(KeptDelivery.reason == READING, Hook.shop_id.is_not(None))
        .order_by(KeptDelivery.id)
    )
    found: dict[int, list[int]] = {}
    for shop_id, order_id in session.execute(query):
        found.setdefault(shop_id or 0, []).append(order_id)
    return {shop_id: list(dict.fromkeys(order_ids)) for shop_id, order_ids in found.items()}


def count_by_address(session: Session) -> list[tuple[str, Hook, int]]:
    """Addresses that an admin has to say something about: (address, hook, number of deliveries)."""
    has_known_address = exists().where(ShopAddress.address == KeptDelivery.address)
    query = (
        select(KeptDelivery.address, Hook, func.count())
        .join(Hook, Hook.id == KeptDelivery.hook_id)
        .where(KeptDelivery.reason == UNKNOWN_ADDRESS, ~has_known_address)
        .group_by(KeptDelivery.address, *Hook.__table__.c)
        .order_by(KeptDelivery.address, Hook.id)
    )
    return [(address, hook, count) for address, hook, count in session.execute(query)]


def count_of_removed_hooks(session: Session) -> list[tuple[Hook, int]]:
    """What removed hooks have kept and no hook of the same shop can receive: (hook, number of deliveries).

    Without the deliveries whose address waits for an answer.
    """
    has_known_address = exists().where(ShopAddress.address == KeptDelivery.address)
    query = (
        select(Hook, func.count())
        .join(KeptDelivery, KeptDelivery.hook_id == Hook.id)
        .where(
            Hook.removed_at.is_not(None),
            or_(KeptDelivery.reason != UNKNOWN_ADDRESS, has_known_address),
            _select_receiver().is_(None),
        )
        .group_by(*Hook.__table__.c)
        .order_by(Hook.id)
    )
    return [(hook, count) for hook, count in session.execute(query)]


def discard_of_removed(session: Session, name: str) -> int:
    """Delete what removed hooks with this name have kept. Return how many deliveries there were. Raises NotFound."""
    of_name = select(Hook.id).where(Hook.name == name, Hook.removed_at.is_not(None))
    query = delete(KeptDelivery).where(KeptDelivery.hook_id.in_(of_name)).returning(KeptDelivery.id)
    discarded = session.scalars(query.execution_options(synchronize_session=False)).all()
    if not discarded:
        raise NotFound("nothing_kept", f"No removed hook named {printable(name, 64)} has kept anything.")
    return len(discarded)


def forget(session: Session, ids: Sequence[int]) -> None:
    """Delete kept deliveries."""
    session.execute(delete(KeptDelivery).where(KeptDelivery.id.in_(ids)))


def decode_body(kept: KeptDelivery) -> Any:
    """The body as it was delivered."""
    return json.loads(zlib.decompress(kept.body))


def _identify(hook: Hook, topic: str, body: Any) -> tuple[str, int, OrderReport | AccountReport | None]:
    """What a delivery is about: its kind and id, and what it reports; None for a movement."""
    if hook.rule == "movements":
        return MOVEMENT, parse_int(body["arg"].get("movement_id")) or 0, None
    if topic in account_json.TOPICS:
        account = account_json.parse_delivery(topic, body)
        return ACCOUNT, account.id, account
    order = order_json.parse_delivery(topic, body)
    return DELETED if order.is_deleted else ORDER, order.id, order


def _is_older(report: OrderReport | AccountReport | None, known: KeptDelivery, now: datetime) -> bool:
    """Whether the report tells of an earlier state than the delivery that is kept."""
    if isinstance(report, OrderReport) and not report.is_deleted:
        before = order_json.parse_delivery(known.topic, decode_body(known))
        return newer.is_older(report, newer.after(before, SeenState(), known.received_at), now)
    if isinstance(report, AccountReport) and report.modified_at:
        seen_at = account_json.parse_delivery(known.topic, decode_body(known)).modified_at
        return seen_at is not None and report.modified_at < seen_at
    return False


def _forget_oldest(session: Session, hook: Hook) -> None:
    waiting = select(KeptDelivery.id).where(KeptDelivery.hook_id == hook.id, KeptDelivery.reason == UNKNOWN_ACCOUNT)
    newest_forgotten = waiting.order_by(KeptDelivery.id.desc()).offset(MAX_WAITING_FOR_ACCOUNT).limit(1)
    forget(session, session.scalars(newest_forgotten).all())


def _select_receiver() -> ScalarSelect[int]:
    """The active hook that receives a kept delivery: its own, else the oldest of the same shop, with the same rule, and
    first of all with the same points reserve.
    """
    own, other, address = aliased(Hook), aliased(Hook), aliased(ShopAddress)
    shop_of_address = select(address.shop_id).where(address.address == KeptDelivery.address).scalar_subquery()
    query = (
        select(other.id)
        .join(own, own.id == KeptDelivery.hook_id)
        .where(
            other.removed_at.is_(None),
            or_(
                other.id == own.id,
                own.removed_at.is_not(None)
                & (other.rule == own.rule)
                & (other.shop_id == func.coalesce(shop_of_address, own.shop_id)),
            ),
        )
        .order_by((other.reserve_id == own.reserve_id).desc(), other.id)
        .limit(1)
    )
    return query.correlate(KeptDelivery).scalar_subquery()
