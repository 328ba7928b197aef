"""The rule by movements: each movement of the shop's own points plugin, once."""

from datetime import datetime
from typing import Any

from pointsync.ledger.record import Draft
from pointsync.models import Hook
from pointsync.text_limits import MAX_NAME, MAX_REASON, clean
from pointsync.woocommerce.values import Unused, email, moment, name_of, text, whole

TOPIC = "action.woocommerce_pointsync_movement"


def movement_draft(hook: Hook, body: Any, now: datetime) -> Draft:
    """The movement in `body`: `{action, arg: {movement_id, email, stack, moved, total, reason, order_id, date}}`.

    `moved` is null where the shop has set the balance to `total`. The hook learns the `stack`, the
    shop's own name of the reserve, from its first movement. Raises Unused where it cannot be recorded.
    """
    moved = body.get("arg") if isinstance(body, dict) else None
    if not isinstance(moved, dict):
        raise Unused("The delivery holds no movement.")
    movement_id = name_of(moved.get("movement_id"), "The movement")
    what = f"movement {movement_id}"
    customer = email(moved.get("email"), f"The {what}")
    is_set = moved.get("moved") is None
    number = whole(moved.get("total") if is_set else moved.get("moved"))
    if number is None:
        raise Unused(f"The points of {what} are no whole number.")
    if not number and not is_set:
        raise Unused(f"The {what} moved no points.")
    _learn_stack(hook, text(moved.get("stack")), what)
    return Draft(
        customer,
        points=None if is_set else number,
        set_to=number if is_set else None,
        reserve=hook.reserve.key,
        kind="manual" if is_set or not moved.get("order_id") else "earn" if number > 0 else "spend",
        reason=clean(text(moved.get("reason")), MAX_REASON),
        ref=f"movement:{movement_id}",
        at=moment(moved.get("date"), now),
        is_done=True,
    )


def _learn_stack(hook: Hook, named: str, what: str) -> None:
    stack = clean(named, MAX_NAME)
    if not stack:
        raise Unused(f"The {what} names no stack of points.")
    if hook.stack is None:
        hook.stack = stack
    if stack != hook.stack:
        raise Unused(
            f"The {what} is of the stack {stack}; this hook takes those of {hook.stack}. "
            "Add another hook for that stack."
        )
