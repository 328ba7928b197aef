"""What a rule gives for an order that the shop has delivered: an example while an admin chooses the rule."""

from datetime import tzinfo
from fractions import Fraction

from sqlalchemy.orm import Session

from pointsync.ledger.orders.report import FEE, ITEM, SHIPPING, OrderLine, OrderReport
from pointsync.ledger.orders.rule import OrderRule
from pointsync.ledger.orders.worth import compute_goods, compute_points
from pointsync.models import Hook, Shop
from pointsync.text_limits import printable
from pointsync.woocommerce import last_order

MAX_SHOWN = 60
SAMPLE = OrderReport(
    id=1,
    total=Fraction("104.90"),
    lines=(
        OrderLine(ITEM, 1, Fraction("84.03"), Fraction("15.97")),
        OrderLine(SHIPPING, 2, Fraction("4.12"), Fraction("0.78")),
    ),
)
"""While the shop has delivered no order."""


def describe(session: Session, rule: OrderRule, hook: Hook | None, zone: tzinfo) -> str:
    """The last order of the hook or of its shop, and the points that the rule gives for it once its status counts.

    Without a hook, it is the last order that any hook has received; without any order, a sample.
    """
    found = last_order.find(session, hook)
    report, source = found or (SAMPLE, None)
    shop = session.get(Shop, source.shop_id) if source is not None and source.shop_id else None
    return f"{_name(report, source, zone)}: {_describe_money(report)} → {_describe_points(report, rule, shop)}."


def _name(report: OrderReport, source: Hook | None, zone: tzinfo) -> str:
    if source is None:
        return "A sample, as no order was received yet"
    day = f" of {report.created_at.astimezone(zone):%-d %b %Y}" if report.created_at else ""
    shop = f" from {printable(source.shop, MAX_SHOWN)}" if source.shop else ""
    return f"{report.label}{day}{shop}"


def _describe_money(report: OrderReport) -> str:
    lines = report.lines or ()
    goods = [line for line in lines if line.kind in (ITEM, FEE)]
    shipping = [line for line in lines if line.kind == SHIPPING]
    amounts = {
        "goods": sum((line.total for line in goods), Fraction(0)),
        "their tax": sum((line.tax for line in goods), Fraction(0)),
        "shipping": sum((line.with_tax for line in shipping), Fraction(0)),
        "total": report.total,
        "refunded": report.refunded,
    }
    always = ("goods", "total")
    shown = [f"{name} {_money(amount, report)}" for name, amount in amounts.items() if amount or name in always]
    return f"{', '.join(shown)} {report.currency}".rstrip()


def _describe_points(report: OrderReport, rule: OrderRule, shop: Shop | None) -> str:
    own_currency = shop.currency if shop else ""
    rate = rule.rate_for(report.currency, own_currency)
    minimum = rule.minimum_for(report.currency, own_currency)
    if rate is None:
        return f"no points: {report.currency} has no rate"
    if report.parent_id and not rule.counts_children:
        return "no points: it is a part of another order"
    counted = compute_goods(report, rule)
    if minimum is not None and counted < minimum:
        return f"no points: {_money(counted, report)} is below the minimum of {_money(minimum, report)}"
    points = compute_points(report, rule, rate)
    return f"{points:,} {'point' if points == 1 else 'points'}"


def _money(amount: Fraction, report: OrderReport) -> str:
    decimals = len(str(report.minor_unit.denominator)) - 1
    return f"{float(amount):,.{decimals}f}"
