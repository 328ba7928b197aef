"""What a shop answers about orders is settled like what it delivers, in every reserve in which a hook counts them."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.db.chunking import chunks
from pointsync.errors import DomainError, TryLater
from pointsync.ledger.orders import refs, shops
from pointsync.ledger.orders.report import OrderReport
from pointsync.models import Hook, KeptDelivery, Movement, ShopOrder, ShopOrderPoints
from pointsync.woocommerce import kept, order_json, orders
from pointsync.woocommerce.outcome import DeliveryKept
from pointsync.woocommerce.values import DeliveryIgnored, parse_int

ORDERS_PER_TRANSACTION = 20
"""The shop's customers wait for the end of each transaction."""
OUTDATED = "outdated"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class AnswerCounts:
    """How many orders were read, how many changed points, and the ids of those to be asked for again: a delivery has
    arrived since this site asked."""

    orders: int = 0
    changes: int = 0
    outdated: list[int] = field(default_factory=list)


def parse(order: dict[str, Any], refunds: list[dict[str, Any]] | None, asked_at: datetime) -> OrderReport:
    """The report of an order that the shop has answered, with its refunds as the shop lists them.

    Raises DeliveryIgnored.
    """
    body = order if refunds is None else order | {"refunds": refunds}
    return replace(order_json.parse_order(body), asked_at=asked_at)


def missing(order_id: int, asked_at: datetime) -> OrderReport:
    """The report of an order that the shop no longer has."""
    return OrderReport(id=order_id, is_deleted=True, asked_at=asked_at)


def settle_all(shop_id: int, reports: Iterable[OrderReport], asked_at: datetime) -> AnswerCounts:
    """Settle reports in transactions of their own. Raises TryLater while lost movements come back."""
    counts = AnswerCounts()
    for part in chunks(list(reports), ORDERS_PER_TRANSACTION):
        for order_id, status in db.run_in_transaction(partial(_settle, shop_id=shop_id, reports=part)):
            counts.orders += 1
            counts.changes += status == "recorded"
            if status == OUTDATED:
                counts.outdated.append(order_id)
    return counts


def list_counted_ids(session: Session, shop_id: int, after: datetime, until: datetime) -> list[int]:
    """The orders from this time, up to the second one included, from which customers have points."""
    query = select(ShopOrder.order_id).where(
        ShopOrder.shop_id == shop_id,
        ShopOrder.replaced_at.is_(None),
        ShopOrder.ordered_at > after,
        ShopOrder.ordered_at <= until,
        exists().where(ShopOrderPoints.shop_order_id == ShopOrder.id, ShopOrderPoints.points != 0),
    )
    return list(session.scalars(query))


def list_without_row(session: Session, shop_id: int, since: datetime) -> list[int]:
    """The orders that have given points since then, but have no row: their movements came back after a restore."""
    sources = shops.list_sources(session, shops.get(session, shop_id))
    query = select(Movement.ref).where(Movement.source.in_(sources), Movement.at >= since)
    given_ids = {order_id for ref in session.scalars(query) if (order_id := refs.parse_order_id(ref)) is not None}
    of_shop = select(ShopOrder.order_id).where(ShopOrder.shop_id == shop_id, ShopOrder.replaced_at.is_(None))
    return sorted(given_ids - set(session.scalars(of_shop))) if given_ids else []


def list_hooks(session: Session, shop_id: int) -> list[Hook]:
    """The hooks that count the orders of a shop: the oldest one for each reserve."""
    query = select(Hook).where(Hook.shop_id == shop_id, Hook.rule == "orders", Hook.removed_at.is_(None))
    by_reserve: dict[int, Hook] = {}
    for hook in session.scalars(query.order_by(Hook.id)):
        by_reserve.setdefault(hook.reserve_id, hook)
    return list(by_reserve.values())


def parse_all(
    listed: Sequence[dict[str, Any]], refunds: dict[int, list[dict[str, Any]]], asked_at: datetime
) -> list[OrderReport]:
    """The reports of listed orders. What cannot be used is logged and left out."""
    reports = []
    for order in listed:
        order_id = parse_int(order.get("id")) or 0
        try:
            reports.append(parse(order, refunds.get(order_id), asked_at))
        except DeliveryIgnored as ignored:
            log.warning("order %s of a shop cannot be used: %s", order_id, ignored)
    return reports


def forget_kept(session: Session, shop_id: int, order_id: int, asked_at: datetime) -> None:
    """Forget deliveries for which the shop was to be asked, if they arrived before it was."""
    of_shop = select(Hook.id).where(Hook.shop_id == shop_id)
    session.execute(
        delete(KeptDelivery)
        .where(
            KeptDelivery.reason == kept.READING,
            KeptDelivery.hook_id.in_(of_shop),
            KeptDelivery.thing_id == order_id,
            KeptDelivery.topic_kind.in_((kept.ORDER, kept.DELETED)),
            KeptDelivery.received_at <= asked_at,
        )
        .execution_options(synchronize_session=False)
    )


def _settle(session: Session, shop_id: int, reports: Sequence[OrderReport]) -> list[tuple[int, str]]:
    """Settle reports: the id and the outcome's status of each."""
    shop, now = shops.get(session, shop_id), clock.now()
    hooks = list_hooks(session, shop_id)
    results = []
    for report in reports:
        statuses = {_settle_one(session, hook, shop, report, now) for hook in hooks}
        status = next((each for each in (OUTDATED, "recorded") if each in statuses), "unchanged")
        results.append((report.id, status))
        if status != OUTDATED and report.asked_at is not None:
            forget_kept(session, shop_id, report.id, report.asked_at)
    return results


def _settle_one(session: Session, hook: Hook, shop: Any, report: OrderReport, now: datetime) -> str:
    try:
        with session.begin_nested():
            outcome, _ = orders.settle_order(session, hook, shop, "", report, now)
    except orders.AnswerOutdated:
        return OUTDATED
    except TryLater:
        raise
    except (DeliveryIgnored, DeliveryKept, DomainError) as error:
        log.warning("order %s of shop %s was not counted: %s", report.id, shop.id, error)
        return "unused"
    if outcome.status == "recorded":
        log.info("order %s of shop %s was read: %s", report.id, shop.id, outcome.message)
    return outcome.status
