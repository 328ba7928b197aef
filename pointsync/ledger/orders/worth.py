"""What an order is worth at this moment: money, and points from it. Pure; exact until the last rounding."""

import math
from fractions import Fraction

from pointsync.ledger.orders.report import FEE, ITEM, OrderLine, OrderReport, Refund, RefundedLine
from pointsync.ledger.orders.rule import GOODS_WITH_TAX, TOTAL, OrderRule

_NOTHING = Fraction(0)


def compute_points(report: OrderReport, rule: OrderRule, rate: Fraction) -> int:
    """The points for the order's worth at `rate` points per unit of money, rounded down once. Never below 0."""
    return math.floor(compute_money(report, rule) * rate)


def compute_money(report: OrderReport, rule: OrderRule) -> Fraction:
    """The money that counts, after what was refunded. Never below 0."""
    if report.total <= 0:
        return _NOTHING
    if rule.base == TOTAL:
        return report.total - min(report.total, report.refunded)
    left_money = report.total
    left_goods = compute_goods(report, rule)
    without_lines = _NOTHING
    for refund in report.refunds:
        refunded_lines = refund.lines or ()
        covered = sum((line.total + line.tax for line in refunded_lines), _NOTHING)
        left_money -= covered
        left_goods -= _count_refunded_lines(refunded_lines, report, rule)
        without_lines += _rest_of(refund, covered)
    if left_money <= 0 or left_goods <= 0:
        return _NOTHING
    return left_goods * (left_money - min(left_money, without_lines)) / left_money


def compute_goods(report: OrderReport, rule: OrderRule) -> Fraction:
    """The money of the lines that count, before refunds.

    If the customer paid less than the lines add up to, such as with a gift card, only the paid part counts.
    """
    lines = report.lines or ()
    if rule.base == TOTAL:
        return report.total
    goods = sum((_base_of(line, rule) for line in lines if _counts(line, rule)), _NOTHING)
    parts = sum((line.with_tax for line in lines), _NOTHING)
    if parts > 0 and parts - report.total > report.minor_unit * len(lines):
        goods *= report.total / parts
    return goods


def _rest_of(refund: Refund, covered: Fraction) -> Fraction:
    """The part of a refund's money that belongs to no line."""
    return max(_NOTHING, refund.total - covered)


def _count_refunded_lines(lines: tuple[RefundedLine, ...], report: OrderReport, rule: OrderRule) -> Fraction:
    """The money of refunded lines that had counted."""
    by_id = {(line.kind, line.id): line for line in report.lines or ()}
    money = _NOTHING
    for each in lines:
        own = by_id.get((each.kind, each.line_id)) if each.line_id is not None else None
        if own is None:
            own = OrderLine(each.kind, each.line_id, each.total, each.tax, product_id=each.product_id)
        if _counts(own, rule):
            money += _base_of(each, rule)
    return money


def _base_of(line: OrderLine | RefundedLine, rule: OrderRule) -> Fraction:
    return line.total + line.tax if rule.base == GOODS_WITH_TAX else line.total


def _counts(line: OrderLine, rule: OrderRule) -> bool:
    """Whether the rule counts this line: fees, and items that it does not exclude."""
    if line.kind != ITEM:
        return line.kind == FEE
    return not (
        {line.product_id, line.variation_id} & rule.excluded_products
        or (line.categories or frozenset()) & rule.excluded_categories
        or (rule.excludes_sale_items and line.is_on_sale)
        or (rule.excludes_gift_cards and line.is_gift_card)
    )
