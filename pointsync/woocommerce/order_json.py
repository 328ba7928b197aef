"""An order of WooCommerce's REST API, version 3, as webhooks deliver it, parsed into an `OrderReport`.

Any value may be missing or have an unexpected type. Amounts are taken exactly as the shop prints them.
"""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from pointsync.email_address import Address, parse
from pointsync.errors import InvalidInput
from pointsync.ledger.orders.report import FEE, ITEM, SHIPPING, OrderLine, OrderReport, Refund, RefundedLine
from pointsync.text_limits import MAX_REASON_LENGTH, sanitise
from pointsync.woocommerce import shop_errors
from pointsync.woocommerce.values import (
    DeliveryIgnored,
    parse_exact_amount,
    parse_gmt,
    parse_id,
    parse_int,
    text_or_empty,
)

TOPICS = frozenset({"order.created", "order.updated", "order.restored", "order.deleted"})
DELETED, RESTORED = "order.deleted", "order.restored"
MAX_REFUNDS = 500
MAX_LINES = 10_000
MAX_STATUS_LENGTH = 40
MAX_KEY_LENGTH = 191
MAX_NUMBER_LENGTH = 64
MAX_CURRENCY_LENGTH = 8
ANONYMISED_EMAIL = "deleted@site.invalid"
"""What WordPress puts in place of the address when a shop removes the personal data of an order, on request or after a
time (`wp_privacy_anonymize_data` in wp-includes/functions.php). The points stay where they are."""

_LINE_FIELDS = ((ITEM, "line_items"), (FEE, "fee_lines"), (SHIPPING, "shipping_lines"))


def parse_delivery(topic: str, body: Any) -> OrderReport:
    """The order of a delivery with this topic. Raises DeliveryIgnored."""
    if not isinstance(body, dict):
        raise DeliveryIgnored("The delivery contains no order.")
    shop_errors.refuse(body)
    if topic == DELETED:
        return OrderReport(id=parse_id(body.get("id"), "The order"), is_deleted=True)
    report = parse_order(body)
    return replace(report, is_restored=True) if topic == RESTORED else report


def parse_order(order: dict[str, Any]) -> OrderReport:
    """The report of an order. Refunds may have their lines, as the shop's plugin and its REST API send them.

    Raises DeliveryIgnored.
    """
    order_id = parse_id(order.get("id"), "The order")
    number = sanitise(str(order.get("number") or ""), MAX_NUMBER_LENGTH)
    label = f"order {number or order_id}"
    total, minor_unit = parse_exact_amount(order.get("total"), f"The total of {label}")
    customer, customer_problem = _parse_customer(order, label)
    return OrderReport(
        id=order_id,
        number=number,
        key=sanitise(text_or_empty(order.get("order_key")), MAX_KEY_LENGTH) or None,
        status=sanitise(text_or_empty(order.get("status")), MAX_STATUS_LENGTH).removeprefix("wc-"),
        currency=sanitise(text_or_empty(order.get("currency")), MAX_CURRENCY_LENGTH).upper(),
        total=total,
        minor_unit=minor_unit,
        lines=_parse_lines(order, label),
        refunds=_parse_refunds(order.get("refunds") or [], label),
        customer=customer,
        customer_problem=customer_problem,
        account_id=_parse_account_id(order),
        roles=_parse_roles(order),
        created_at=parse_gmt(order.get("date_created_gmt")),
        modified_at=parse_gmt(order.get("date_modified_gmt")),
        parent_id=parse_int(order.get("parent_id")) or 0,
    )


def _parse_customer(order: dict[str, Any], label: str) -> tuple[Address | None, str]:
    """The address that gets the points, or None and why."""
    billing = order.get("billing")
    address = billing.get("email") if isinstance(billing, dict) else None
    if not isinstance(address, str) or not address.strip():
        return None, f"The {label} has no e-mail address, so nobody can get the points."
    if address.strip().lower() == ANONYMISED_EMAIL:
        return None, f"The shop has removed the personal data of {label}, so nobody can get the points."
    try:
        return parse(address), ""
    except InvalidInput as error:
        return None, f"The {label}: {error.message}"


def _parse_account_id(order: dict[str, Any]) -> int | None:
    """The shop's id of the customer's account; 0 for a guest, None if the report does not tell it."""
    account_id = parse_int(order.get("customer_id"))
    return account_id if account_id is not None and account_id >= 0 else None


def _parse_roles(order: dict[str, Any]) -> frozenset[str] | None:
    """The customer's roles, which only the shop's plugin knows."""
    roles = order.get("customer_roles")
    if not isinstance(roles, list):
        return None
    return frozenset(each for each in roles if isinstance(each, str))


def _parse_lines(order: dict[str, Any], label: str) -> tuple[OrderLine, ...] | None:
    """Items, fees and shipping; None if the order does not list its items."""
    if not isinstance(order.get("line_items"), list):
        return None
    lines: list[OrderLine] = []
    for kind, name in _LINE_FIELDS:
        lines += [_parse_line(each, kind, label) for each in _as_list(order.get(name), f"The {name} of {label}")]
    return tuple(lines)


def _parse_line(line: dict[str, Any], kind: str, label: str) -> OrderLine:
    return OrderLine(
        kind=kind,
        id=parse_int(line.get("id")),
        total=_money(line, "total", f"A line of {label}"),
        tax=_money(line, "total_tax", f"The tax of a line of {label}"),
        product_id=parse_int(line.get("product_id")) or None,
        variation_id=parse_int(line.get("variation_id")) or None,
        categories=_parse_categories(line.get("categories")),
        is_on_sale=_parse_bool(line.get("on_sale")),
        is_gift_card=_parse_bool(line.get("is_gift_card")),
    )


def _parse_refunds(items: Any, label: str) -> tuple[Refund, ...]:
    """The refunds, each id once, in the order of their ids. The shop writes their totals below 0."""
    if not isinstance(items, list) or len(items) > MAX_REFUNDS:
        raise DeliveryIgnored(f"The refunds of {label} are not a list of at most {MAX_REFUNDS}.")
    refunds: dict[int, Refund] = {}
    for each in items:
        if not isinstance(each, dict):
            raise DeliveryIgnored(f"A refund of {label} is not valid.")
        refund_id = parse_id(each.get("id"), f"A refund of {label}")
        refunds[refund_id] = Refund(
            id=refund_id,
            total=_parse_refunded_money(each, label),
            reason=sanitise(text_or_empty(each.get("reason")), MAX_REASON_LENGTH),
            lines=_parse_refunded_lines(each, label),
        )
    return tuple(refunds[refund_id] for refund_id in sorted(refunds))


def _parse_refunded_money(refund: dict[str, Any], label: str) -> Fraction:
    """The refund's money, above 0: an order lists its `total` below 0, the shop's own list of refunds has `amount`."""
    if refund.get("total") is None and refund.get("amount") is not None:
        money, _ = parse_exact_amount(refund["amount"], f"The amount of a refund of {label}")
        return abs(money)
    money, _ = parse_exact_amount(refund.get("total"), f"The total of a refund of {label}")
    if money > 0:
        raise DeliveryIgnored(f"The total of a refund of {label} is above 0.")
    return -money


def _parse_refunded_lines(refund: dict[str, Any], label: str) -> tuple[RefundedLine, ...] | None:
    """The lines of a refund, or None if it does not tell them."""
    if not any(isinstance(refund.get(name), list) for _, name in _LINE_FIELDS):
        return None
    lines: list[RefundedLine] = []
    for kind, name in _LINE_FIELDS:
        for each in _as_list(refund.get(name), f"The {name} of a refund of {label}"):
            total = abs(_money(each, "total", f"A line of a refund of {label}"))
            tax = abs(_money(each, "total_tax", f"The tax of a line of a refund of {label}"))
            if total or tax:
                lines.append(RefundedLine(kind, _refunded_line_id(each), total, tax, parse_int(each.get("product_id"))))
    return tuple(lines)


def _refunded_line_id(line: dict[str, Any]) -> int | None:
    """The id of the order's line that was refunded, which WooCommerce keeps in the metadata."""
    meta = line.get("meta_data")
    for each in meta if isinstance(meta, list) else []:
        if isinstance(each, dict) and each.get("key") == "_refunded_item_id":
            return parse_int(each.get("value"))
    return None


def _as_list(value: Any, label: str) -> list[dict[str, Any]]:
    """A list of objects; empty if there is none. Raises DeliveryIgnored."""
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_LINES or not all(isinstance(each, dict) for each in value):
        raise DeliveryIgnored(f"{label} are not a list of at most {MAX_LINES:,} lines.")
    return value


def _money(line: dict[str, Any], name: str, label: str) -> Fraction:
    """An amount of a line; 0 if it has none."""
    if line.get(name) in (None, ""):
        return Fraction(0)
    money, _ = parse_exact_amount(line[name], label)
    return money


def _parse_categories(value: Any) -> frozenset[int] | None:
    """The ids of a product's categories, as numbers or as objects with an id."""
    if not isinstance(value, list):
        return None
    ids = (parse_int(each.get("id") if isinstance(each, dict) else each) for each in value)
    return frozenset(each for each in ids if each is not None)


def _parse_bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
