"""The orders rule: an order gives points for its total once, and each refund takes its share back once."""

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.record import Draft
from pointsync.models import Customer, Hook, Movement, Reserve
from pointsync.text_limits import MAX_REASON_LENGTH, sanitise
from pointsync.woocommerce.values import DeliveryIgnored, parse_amount, parse_email, parse_id, text_or_empty

TOPICS = frozenset({"order.created", "order.updated", "order.restored"})
MAX_REFUNDS = 500
DECIMAL_PRECISION = 60

COUNTED_STATUSES = {"processing": ("processing", "completed"), "completed": ("completed",)}
"""The statuses at which an order counts, by the hook's status. A completed order was processed before."""


def build_drafts(session: Session, hook: Hook, order: Any, source: str) -> list[Draft]:
    """Build the drafts of an order as the shop delivers it (an order of WooCommerce's REST API, version 3).

    The order gives `floor(total × rate)` points once it has the hook's status. Then its refunds follow, in the order of
    their ids. What this hook has recorded before is left out. Raises DeliveryIgnored if the order gives no points.
    """
    if not isinstance(order, dict):
        raise DeliveryIgnored("The delivery contains no order.")
    order_id = parse_id(order.get("id"), "The order")
    label = f"order {order_id}"
    total = parse_amount(order.get("total"), f"The total of {label}")
    if total < 0:
        raise DeliveryIgnored(f"The total of {label} is below 0.")
    refunds = _parse_refunds(order.get("refunds") or [], label)
    ref = f"order:{order_id}"
    refs = {refund_id: f"{ref}:refund:{refund_id}" for refund_id in refunds}
    recorded = _find_recorded(session, source, [ref, *refs.values()])

    drafts = []
    if recorded_order := recorded.get(ref):
        customer = session.get_one(Customer, recorded_order.customer_id).email
        reserve = session.get_one(Reserve, recorded_order.reserve_id).key
        points = recorded_order.points
    else:
        if order.get("status") not in COUNTED_STATUSES[hook.status]:
            status = sanitise(text_or_empty(order.get("status")), 40) or "unknown"
            raise DeliveryIgnored(f"The status of {label} is {status}. It gives points once it is {hook.status}.")
        billing = order.get("billing")
        customer = parse_email(billing.get("email") if isinstance(billing, dict) else None, f"The {label}")
        reserve = hook.reserve.key
        points = compute_points(total, hook.rate)
        if not points:
            raise DeliveryIgnored(f"The total of {label}, {total}, is too low for points.")
        drafts.append(Draft(customer, points, reserve=reserve, kind="earn", reason=f"Order {order_id}", ref=ref))
    recorded_refunds = {refund_id: recorded[name].points for refund_id, name in refs.items() if name in recorded}
    for refund_id, change in compute_refunds(
        total, hook.rate, points, {refund_id: money for refund_id, (money, _) in refunds.items()}, recorded_refunds
    ).items():
        reason = f"Refund of order {order_id}: {refunds[refund_id][1]}".removesuffix(": ")
        drafts.append(
            Draft(
                customer,
                change,
                reserve=reserve,
                kind="refund",
                reason=sanitise(reason, MAX_REASON_LENGTH),
                ref=refs[refund_id],
            )
        )
    return drafts


def compute_points(money: Decimal, rate: Decimal) -> int:
    """`floor(money × rate)` points, computed exactly; 0 for negative money."""
    with localcontext() as context:
        context.prec = DECIMAL_PRECISION
        return int(max(money * rate, Decimal(0)).to_integral_value(ROUND_FLOOR))


def compute_refunds(
    total: Decimal,
    rate: Decimal,
    points: int,
    refunds: Mapping[int, Decimal],
    recorded: Mapping[int, int],
) -> dict[int, int]:
    """The points that each unrecorded refund takes back, as negative numbers by the refund's id.

    `points` is what the order gave, `refunds` is the money of each refund (above 0), and `recorded` is what recorded
    refunds took. After each refund, in the order of ids, the order has given `floor((total − refunded so far) × rate)`.
    A refund never gives points, even if the total has grown.
    """
    changes = {}
    remaining = points
    refunded = Decimal(0)
    for refund_id in sorted(refunds):
        refunded += refunds[refund_id]
        change = recorded.get(refund_id)
        if change is None:
            change = min(0, compute_points(total - refunded, rate) - remaining)
            if change:
                changes[refund_id] = change
        remaining += change
    return changes


def _parse_refunds(items: Any, label: str) -> dict[int, tuple[Decimal, str]]:
    """The refunds by id, with their money (the shop writes totals below 0) and reasons."""
    if not isinstance(items, list) or len(items) > MAX_REFUNDS:
        raise DeliveryIgnored(f"The refunds of {label} are not a list of at most {MAX_REFUNDS}.")
    refunds = {}
    for each in items:
        if not isinstance(each, dict):
            raise DeliveryIgnored(f"A refund of {label} is not valid.")
        money = parse_amount(each.get("total"), f"The total of a refund of {label}")
        if money > 0:
            raise DeliveryIgnored(f"The total of a refund of {label} is above 0.")
        refunds[parse_id(each.get("id"), f"A refund of {label}")] = (-money, text_or_empty(each.get("reason")))
    return refunds


def _find_recorded(session: Session, source: str, refs: list[str]) -> dict[str | None, Movement]:
    """The movements that this hook has recorded with these refs."""
    rows = session.scalars(select(Movement).where(Movement.source == source, Movement.ref.in_(refs)))
    return {row.ref: row for row in rows}
