"""The refs of the movements of orders: as they are now, and as hooks wrote them before orders had rows. Pure."""

import re

MAX_ORDER_ID = 2**63 - 1

_REF = re.compile(r"order:([0-9]{1,19})(?::(?:refund:)?[0-9]{1,19})?\Z")


def make_ref(order_id: int, n: int) -> str:
    """The ref of an order's movement with the number `n`."""
    return f"order:{order_id}:{n}"


def make_early_ref(order_id: int) -> str:
    """The ref of the points that a hook gave for an order before orders had rows."""
    return f"order:{order_id}"


def make_early_refund_prefix(order_id: int) -> str:
    """How the refs of its refunds begin."""
    return f"order:{order_id}:refund:"


def parse_order_id(ref: str | None) -> int | None:
    """The order's id in a ref; None if it is not the ref of an order."""
    match = _REF.match(ref or "")
    order_id = int(match[1]) if match else 0
    return order_id if 0 < order_id <= MAX_ORDER_ID else None
