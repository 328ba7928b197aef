"""Orders that an admin has to do something about, and taking back the points of an order that the shop has replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.errors import Conflict, NotFound
from pointsync.ledger.orders import shops
from pointsync.ledger.orders.problems import OrderProblem
from pointsync.ledger.record import Draft, RecordResult, record
from pointsync.models import Customer, Reserve, Shop, ShopOrder, ShopOrderPoints

MAX_LISTED = 200


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """An order with its shop, and the points that customers have from it: (e-mail, reserve's key, points)."""

    order: ShopOrder
    shop: Shop
    points: list[tuple[str, str, int]]


def count_problems(session: Session) -> dict[OrderProblem, int]:
    """How many orders have which problem."""
    query = select(ShopOrder.problem, func.count()).where(ShopOrder.problem.is_not(None)).group_by(ShopOrder.problem)
    return {OrderProblem(problem or ""): count for problem, count in session.execute(query)}


def list_problems(session: Session, limit: int = MAX_LISTED) -> list[ListedOrder]:
    """The orders with a problem, the latest one first."""
    query = select(ShopOrder, Shop).join(Shop, Shop.id == ShopOrder.shop_id).where(ShopOrder.problem.is_not(None))
    rows = session.execute(query.order_by(ShopOrder.id.desc()).limit(limit)).all()
    points = _load_points(session, [order.id for order, _ in rows])
    return [ListedOrder(order, shop, points.get(order.id, [])) for order, shop in rows]


def take_back(session: Session, shop_order_id: int, now: datetime) -> list[RecordResult]:
    """Take back the points of an order whose id the shop has used for another one. Once: its refs are its own.

    Raises NotFound or Conflict.
    """
    query = select(ShopOrder).where(ShopOrder.id == shop_order_id).with_for_update()
    order = session.scalar(query.execution_options(populate_existing=True))
    if order is None:
        raise NotFound("unknown_order", f"There is no order {shop_order_id} in the list. See: pointsync shop orders.")
    if order.replaced_at is None:
        message = "This is the shop's present order: its points follow the shop. Cancel or delete it there."
        raise Conflict("present_order", message)
    rows = session.scalars(select(ShopOrderPoints).where(ShopOrderPoints.shop_order_id == order.id)).all()
    drafts = []
    for row in sorted(rows, key=lambda each: (each.reserve_id, each.customer_id)):
        if row.points:
            reserve = session.get_one(Reserve, row.reserve_id)
            drafts.append(
                Draft(
                    session.get_one(Customer, row.customer_id).email,
                    -row.points,
                    reserve=reserve.key,
                    kind="refund",
                    reason=f"Order {order.number or order.order_id}: taken back",
                    ref=f"order:{order.order_id}:back:{order.first_n}:{row.customer_id}:{reserve.key}",
                    has_happened=True,
                )
            )
            row.points = 0
    shop = session.get_one(Shop, order.shop_id)
    results = record(session, drafts, shops.source_of(shop), now) if drafts else []
    order.problem = None
    session.flush()
    return results


def _load_points(session: Session, order_ids: Sequence[int]) -> dict[int, list[tuple[str, str, int]]]:
    query = (
        select(ShopOrderPoints.shop_order_id, Customer.email, Reserve.key, ShopOrderPoints.points)
        .join(Customer, Customer.id == ShopOrderPoints.customer_id)
        .join(Reserve, Reserve.id == ShopOrderPoints.reserve_id)
        .where(ShopOrderPoints.shop_order_id.in_(order_ids), ShopOrderPoints.points != 0)
        .order_by(Customer.email, Reserve.key)
    )
    found: dict[int, list[tuple[str, str, int]]] = {}
    for order_id, email, key, points in session.execute(query):
        found.setdefault(order_id, []).append((email, key, points))
    return found
