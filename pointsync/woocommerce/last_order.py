"""The last order that a hook received, without its customer: an example of what a rule gives."""

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.orders.report import OrderReport
from pointsync.models import Hook, HookDelivery
from pointsync.woocommerce import order_json
from pointsync.woocommerce.values import DeliveryIgnored

MAX_LENGTH = 20_000
"""Of the JSON. A longer order is a poor example."""
TOPICS = order_json.TOPICS - {order_json.DELETED}
_FIELDS = ("id", "number", "status", "currency", "total", "parent_id", "date_created_gmt")
_LINE_FIELDS = ("id", "product_id", "variation_id", "total", "total_tax")
_LISTS = {
    "line_items": _LINE_FIELDS,
    "fee_lines": _LINE_FIELDS,
    "shipping_lines": _LINE_FIELDS,
    "refunds": ("id", "total"),
}


def remember(hook: Hook, topic: str, body: Any) -> None:
    """Keep the order of a delivery as the hook's last one, if its rule could count it."""
    if hook.rule != "orders" or topic not in TOPICS or not isinstance(body, dict):
        return
    order = {name: body[name] for name in _FIELDS if name in body}
    for name, fields in _LISTS.items():
        items = body.get(name)
        if isinstance(items, list):
            order[name] = [{key: each.get(key) for key in fields} for each in items if isinstance(each, dict)]
    report = _parse(order)
    if report is None or report.total <= 0 or not report.lines:
        return
    text = json.dumps(order)
    if len(text) <= MAX_LENGTH:
        hook.last_order = text


def find(session: Session, hook: Hook | None) -> tuple[OrderReport, Hook] | None:
    """The last order of a hook, or of another hook of its shop; without a hook, the last one that any hook received.

    With the hook that received it.
    """
    query = select(Hook).where(Hook.last_order.is_not(None))
    if hook is not None:
        is_same = Hook.id == hook.id
        query = query.where(is_same | (Hook.shop_id == hook.shop_id) if hook.shop_id else is_same)
        query = query.order_by(is_same.desc(), Hook.id.desc())
    else:
        newest = select(HookDelivery.id).where(HookDelivery.hook_id == Hook.id)
        newest = newest.order_by(HookDelivery.id.desc()).limit(1)
        query = query.order_by(newest.scalar_subquery().desc().nulls_last(), Hook.id.desc())
    found = session.scalars(query.limit(1)).first()
    report = _parse(json.loads(found.last_order)) if found and found.last_order else None
    return (report, found) if report and found else None


def _parse(order: dict[str, Any]) -> OrderReport | None:
    try:
        return order_json.parse_order(order)
    except DeliveryIgnored:
        return None
