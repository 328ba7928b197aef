"""Orders that a shop reports by the API: each is settled by itself, like one that a webhook delivers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.errors import Conflict, DomainError, InvalidInput, TryLater
from pointsync.ledger.feed.lineage import get_lineage
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.orders.settle import NOT_COUNTED
from pointsync.models import Hook, HookDelivery, Shop, ShopOrder, ShopOrderPoints
from pointsync.text_limits import printable, sanitise
from pointsync.urls import normalise_address
from pointsync.woocommerce import api_rule, order_json, orders, receive, shop_match
from pointsync.woocommerce.outcome import DeliveryKept, DeliveryProblem, HookOutcome
from pointsync.woocommerce.values import DeliveryIgnored, parse_int

MAX_ORDERS = 100
ORDERS_AT_ONCE = 10
"""In one transaction, which takes about 30 ms for each. Others wait for it on SQLite."""
TOPIC, DELETED_TOPIC = "order.updated", order_json.DELETED
"""As which a report is stored if it is counted later."""
_NEXT = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class OrderResult:
    """What happened to one order. `status` is that of a `Settlement`; `points` are what the order has given now."""

    order_id: int | None
    status: str
    points: int
    reason: str = ""
    """Why it does not count."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """The results, and what lets the shop's program notice that this site has lost something.

    `seen_until` is the `seen_at` of the report before this one; None if there was none.
    """

    results: list[OrderResult]
    lineage: str
    seen_until: datetime | None
    seen_at: datetime
    has_recorded: bool


def read_seen(session: Session, key_shop: str) -> tuple[str, datetime | None]:
    """The lineage, and the `seen_at` of the last report of this shop; None if there was none."""
    hook = api_rule.find(session, key_shop)
    return get_lineage(session), hook.seen_until if hook else None


@dataclass(frozen=True, slots=True)
class GivenOrder:
    """An order that has given points, as this site remembers it."""

    order_id: int
    order_key: str
    points: int


def list_given(session: Session, key_shop: str, since: datetime, after: int, limit: int) -> list[GivenOrder]:
    """The orders of this shop with an id above `after` that have given points and were reported since then, the lowest
    id first. A shop whose database was restored learns by them which orders it has lost.
    """
    hook = api_rule.find(session, key_shop)
    if hook is None or hook.shop_id is None:
        return []
    points = func.sum(ShopOrderPoints.points)
    query = (
        select(ShopOrder.order_id, ShopOrder.order_key, points)
        .join(ShopOrderPoints, ShopOrderPoints.shop_order_id == ShopOrder.id)
        .where(
            ShopOrder.shop_id == hook.shop_id,
            ShopOrder.replaced_at.is_(None),
            ShopOrder.seen_at >= since,
            ShopOrder.order_id > after,
        )
        .group_by(ShopOrder.order_id, ShopOrder.order_key)
        .having(points != 0)
        .order_by(ShopOrder.order_id)
        .limit(limit)
    )
    return [GivenOrder(order_id, key or "", int(total)) for order_id, key, total in session.execute(query)]


def combine(parts: Sequence[TakenIn]) -> TakenIn:
    """The results of a call whose orders were taken in part by part."""
    return TakenIn(
        [result for part in parts for result in part.results],
        parts[-1].lineage,
        parts[0].seen_until,
        parts[-1].seen_at,
        any(part.has_recorded for part in parts),
    )


def take_in(session: Session, key_shop: str, shop: str, items: Sequence[Any], now: datetime) -> TakenIn:
    """Settle the orders `items`, objects of the REST API, that the shop at the address `shop` reports. Not more than
    `ORDERS_AT_ONCE`; the caller commits.

    An order that cannot be used does not stop the others. Raises TryLater while orders cannot be counted; InvalidInput
    for `shop`; Conflict if nothing says how the shop's orders count (`no_rule`), if another hook counts them in the
    same reserve (`counted_twice`), or if the address is that of another shop (`other_shop`).
    """
    fetch_back.refuse_orders(session)
    hook = api_rule.find(session, key_shop, for_update=True)
    if hook is None:
        message = (
            f"Nothing says how the orders of the shop {key_shop} count. An admin can set it under System › API keys, "
            f"or with: pointsync shop rule {key_shop} --reserve default"
        )
        raise Conflict("no_rule", message, {"shop": message})
    shop = sanitise(shop, receive.MAX_SHOP)
    address = normalise_address(shop)
    if not address:
        raise InvalidInput("shop", "The shop must be its address, such as https://shop.example.")
    waiting: DeliveryKept | None = None
    owner: Shop | None = None
    try:
        owner = shop_match.find_shop(session, hook, address)
    except DeliveryKept as kept:
        waiting = kept
    except DeliveryIgnored as error:
        message = (
            f"{printable(address, 100)} is the address of another shop than {hook.shop or key_shop}. Use a key of that "
            "shop. If both are the same shop, an admin can merge them: pointsync shop merge."
        )
        raise Conflict("other_shop", message, {"shop": message}) from error
    try:
        shop_match.refuse_second_hook(session, hook, owner)
    except DeliveryIgnored as error:
        raise Conflict("counted_twice", str(error), {"shop": str(error)}) from error
    report = _Report(session, hook, shop, address, owner, waiting, now)
    seen_until = hook.seen_until
    results = [report.settle(item) for item in items]
    hook.seen_until = max(now, seen_until + _NEXT) if seen_until else now
    session.flush()
    return TakenIn(results, get_lineage(session), seen_until, hook.seen_until, report.has_recorded)


@dataclass(slots=True)
class _Report:
    """One call of the shop."""

    session: Session
    hook: Hook
    shop: str
    """The address, as the shop wrote it."""
    address: str
    """The same, normalised."""
    owner: Shop | None
    """Whose orders they are; None until the first one counts."""
    waiting: DeliveryKept | None
    """Why the orders are counted later, if they are."""
    now: datetime
    has_recorded: bool = False

    def settle(self, item: Any) -> OrderResult:
        """Take in one order. Of one that cannot be used, only its line in the list of deliveries stays."""
        order_id = parse_int(item.get("id")) if isinstance(item, dict) else None
        try:
            with self.session.begin_nested():
                outcome = self._settle(item)
        except TryLater:
            raise
        except DeliveryKept as waiting:
            outcome = receive.keep_delivery(
                self.session, self.hook, waiting, _topic_of(item), self.shop, item, self.now
            )
        except DeliveryIgnored as ignored:
            outcome = HookOutcome("unused", str(ignored), ignored.problem and DeliveryProblem.UNUSABLE)
        except DomainError as refusal:
            outcome = HookOutcome("unused", refusal.message, DeliveryProblem.UNUSABLE)
        self.has_recorded |= outcome.status == "recorded"
        self.session.add(
            HookDelivery(
                hook_id=self.hook.id,
                received_at=self.now,
                topic="shop API",
                outcome=outcome.status,
                message=sanitise(outcome.message, receive.MAX_MESSAGE),
                problem=outcome.problem,
            )
        )
        if outcome.settlement is None:
            return OrderResult(order_id, NOT_COUNTED, 0, outcome.message)
        found = outcome.settlement
        return OrderResult(order_id, found.status, found.points, found.reason)

    def _settle(self, item: Any) -> HookOutcome:
        if not isinstance(item, dict):
            raise DeliveryIgnored("The order is not an object of the REST API, version 3.")
        report = order_json.parse_delivery(_topic_of(item), item)
        if self.waiting is not None:
            raise self.waiting
        outcome, new_owner = orders.settle_order(self.session, self.hook, self.owner, self.address, report, self.now)
        if new_owner is not None:
            receive.bind(self.session, self.hook, new_owner, self.address, self.shop, self.now)
            self.owner = new_owner
        return outcome


def _topic_of(item: dict[str, Any]) -> str:
    """The topic of a webhook that tells the same."""
    return DELETED_TOPIC if item.get("deleted") is True else TOPIC
