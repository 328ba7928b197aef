"""The rule by orders: points for an order's total, once; each refund takes its part back, once."""

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.record import Draft
from pointsync.models import Customer, Hook, Movement, Reserve
from pointsync.text_limits import MAX_REASON, clean
from pointsync.woocommerce.values import Unused, amount, email, name_of, text

TOPICS = frozenset({"order.created", "order.updated", "order.restored"})
MOST_REFUNDS = 500
PRECISION = 60

#: A completed order has been processed.
COUNTED_AT = {"processing": ("processing", "completed"), "completed": ("completed",)}


def order_drafts(session: Session, hook: Hook, order: Any, source: str) -> list[Draft]:
    """What is to be recorded of an order as the shop delivers it (WooCommerce's REST order, version 3).

    Its points, `floor(total × rate)`, at the hook's status, then its refunds in the order of their ids;
    what this hook has recorded before is left out. Raises Unused where the order gives nothing.
    """
    if not isinstance(order, dict):
        raise Unused("The delivery holds no order.")
    order_id = name_of(order.get("id"), "The order")
    what = f"order {order_id}"
    total = amount(order.get("total"), f"The total of {what}")
    if total < 0:
        raise Unused(f"The total of {what} is below 0.")
    refunds = _refunds(order.get("refunds") or [], what)
    ref = f"order:{order_id}"
    refs = {refund_id: f"{ref}:refund:{refund_id}" for refund_id in refunds}
    known = _known(session, source, [ref, *refs.values()])

    drafts = []
    if counted := known.get(ref):
        customer = session.get_one(Customer, counted.customer_id).email
        reserve = session.get_one(Reserve, counted.reserve_id).key
        points = counted.points
    else:
        if order.get("status") not in COUNTED_AT[hook.status]:
            status = clean(text(order.get("status")), 40) or "unknown"
            raise Unused(f"The status of {what} is {status}; points are given at {hook.status}.")
        billing = order.get("billing")
        customer = email(billing.get("email") if isinstance(billing, dict) else None, f"The {what}")
        reserve = hook.reserve.key
        points = worth(total, hook.rate)
        if not points:
            raise Unused(f"The total of {what}, {total}, is worth no points.")
        drafts.append(Draft(customer, points, reserve=reserve, kind="earn", reason=f"Order {order_id}", ref=ref))
    recorded = {refund_id: known[name].points for refund_id, name in refs.items() if name in known}
    for refund_id, change in refund_points(
        total, hook.rate, points, {refund_id: gone for refund_id, (gone, _) in refunds.items()}, recorded
    ).items():
        reason = f"Refund of order {order_id}: {refunds[refund_id][1]}".removesuffix(": ")
        drafts.append(
            Draft(
                customer,
                change,
                reserve=reserve,
                kind="refund",
                reason=clean(reason, MAX_REASON),
                ref=refs[refund_id],
            )
        )
    return drafts


def worth(money: Decimal, rate: Decimal) -> int:
    """`floor(money × rate)` in points, exactly; nothing for money below 0."""
    with localcontext() as context:
        context.prec = PRECISION
        return int(max(money * rate, Decimal(0)).to_integral_value(ROUND_FLOOR))


def refund_points(
    total: Decimal,
    rate: Decimal,
    points: int,
    refunds: Mapping[int, Decimal],
    recorded: Mapping[int, int],
) -> dict[int, int]:
    """What each refund that is not recorded yet takes back: points below 0, by the refund's id.

    `points` is what the order gave, `refunds` the money of each refund (above 0), `recorded` what those
    that are recorded have taken. After each refund, in the order of ids, the order has given
    `floor((total − refunded so far) × rate)`. A refund never gives points, whatever became of the total.
    """
    changes = {}
    left = points
    refunded = Decimal(0)
    for refund_id in sorted(refunds):
        refunded += refunds[refund_id]
        change = recorded.get(refund_id)
        if change is None:
            change = min(0, worth(total - refunded, rate) - left)
            if change:
                changes[refund_id] = change
        left += change
    return changes


def _refunds(listed: Any, what: str) -> dict[int, tuple[Decimal, str]]:
    """The refunds by id, each with its money (the shop's totals are below 0) and its reason."""
    if not isinstance(listed, list) or len(listed) > MOST_REFUNDS:
        raise Unused(f"The refunds of {what} are no list of at most {MOST_REFUNDS}.")
    refunds = {}
    for each in listed:
        if not isinstance(each, dict):
            raise Unused(f"A refund of {what} cannot be read.")
        money = amount(each.get("total"), f"The total of a refund of {what}")
        if money > 0:
            raise Unused(f"The total of a refund of {what} is above 0.")
        refunds[name_of(each.get("id"), f"A refund of {what}")] = (-money, text(each.get("reason")))
    return refunds


def _known(session: Session, source: str, refs: list[str]) -> dict[str | None, Movement]:
    """The movements that this hook has recorded under these refs."""
    rows = session.scalars(select(Movement).where(Movement.source == source, Movement.ref.in_(refs)))
    return {row.ref: row for row in rows}
