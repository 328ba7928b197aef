"""The movements rule: record each movement of the shop's own points plugin once."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.record import Draft
from pointsync.models import Hook, Movement, Shop
from pointsync.text_limits import MAX_NAME_LENGTH, MAX_REASON_LENGTH, sanitise
from pointsync.woocommerce.values import DeliveryIgnored, parse_email, parse_id, parse_int, parse_time, text_or_empty

TOPIC = "action.woocommerce_pointsync_movement"


def build_draft(hook: Hook, body: Any, now: datetime) -> Draft:
    """Build a draft from `{action, arg: {movement_id, email, stack, moved, total, reason, order_id, date}}`.

    `moved` is null if the shop has set the balance to `total`. `stack` is the shop's name of the reserve; the hook
    stores it from its first movement. Raises DeliveryIgnored.
    """
    movement = body.get("arg") if isinstance(body, dict) else None
    if not isinstance(movement, dict):
        raise DeliveryIgnored("The delivery contains no movement.")
    movement_id = parse_id(movement.get("movement_id"), "The movement")
    label = f"movement {movement_id}"
    customer = parse_email(movement.get("email"), f"The {label}")
    is_set = movement.get("moved") is None
    points = parse_int(movement.get("total") if is_set else movement.get("moved"))
    if points is None:
        raise DeliveryIgnored(f"The points of {label} are not a whole number.")
    if not points and not is_set:
        raise DeliveryIgnored(f"The {label} has 0 points.", problem=None)
    _check_stack(hook, text_or_empty(movement.get("stack")), label)
    return Draft(
        customer,
        points=None if is_set else points,
        set_to=points if is_set else None,
        reserve=hook.reserve.key,
        kind="manual" if is_set or not movement.get("order_id") else "earn" if points > 0 else "spend",
        reason=sanitise(text_or_empty(movement.get("reason")), MAX_REASON_LENGTH),
        ref=f"movement:{movement_id}",
        at=parse_time(movement.get("date"), now),
        has_happened=True,
    )


def find_source(session: Session, hook: Hook, shop: Shop | None, ref: str | None) -> str:
    """The source of a movement's ref: that of an earlier hook of the same shop if it has recorded it."""
    own = f"hook:{hook.name}"
    if shop is None:
        return own
    names = session.scalars(select(Hook.name).where(Hook.shop_id == shop.id, Hook.rule == "movements").distinct())
    sources = [own, *(f"hook:{name}" for name in names if name != hook.name)]
    query = select(Movement.source).where(Movement.source.in_(sources), Movement.ref == ref)
    return session.scalar(query.limit(1)) or own


def _check_stack(hook: Hook, stack_name: str, label: str) -> None:
    stack = sanitise(stack_name, MAX_NAME_LENGTH)
    if not stack:
        raise DeliveryIgnored(f"The {label} names no stack of points.")
    if hook.stack is None:
        hook.stack = stack
    if stack != hook.stack:
        raise DeliveryIgnored(
            f"The {label} belongs to the stack {stack}, but this hook accepts {hook.stack} only. Add another hook for "
            "that stack."
        )
