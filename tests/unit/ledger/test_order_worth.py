"""What an order is worth: exact, and rounded down once at the end."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.ledger.orders.report import FEE, ITEM, SHIPPING
from pointsync.ledger.orders.rule import GOODS, GOODS_WITH_TAX, TOTAL, OrderRule
from pointsync.ledger.orders.worth import compute_goods, compute_money, compute_points
from tests.ledger.orders.order_reports import fee, item, money, refund, refunded, report, shipping

TAXED = report(item("100", "19"), shipping("5", "0.95"), fee("3", "0.57"))
"""100 of goods, 19 % tax, shipping and a fee: 128.52."""


@pytest.mark.parametrize(("base", "worth"), [(GOODS, "103"), (GOODS_WITH_TAX, "122.57"), (TOTAL, "128.52")])
def test_the_bases(base, worth):
    assert compute_money(TAXED, OrderRule(base=base)) == money(worth)


@pytest.mark.parametrize(
    ("order", "worth"),
    [
        (report(item("100")), "100"),
        (report(item("80")), "80"),  # a coupon of 20: lines are after coupons
        (report(item("100"), fee("-10")), "90"),
        (report(fee("-10"), total="0"), "0"),
        (report(item("5"), fee("-10"), shipping("7"), total="2"), "0"),
        (report(item("100"), total="0"), "0"),  # a gift card pays for all of it
        (report(item("100"), total="40"), "40"),  # a gift card of 60
        (report(item("100", "20"), shipping("10", "2"), total="66"), "50"),  # half of it by gift card
        (report(item("100"), total="-5"), "0"),
        (report(item("33.33", "6.33"), item("33.33", "6.33", id=2), total="79.31"), "66.66"),  # a cent of rounding
        (report(item("1000"), total="999", minor_unit=money(1)), "1000"),
        (report(item("1.234", "0.1"), total="1.334", minor_unit=money("0.001")), "1.234"),
    ],
)
def test_goods_after_coupons_fees_and_gift_cards(order, worth):
    assert compute_money(order, OrderRule()) == money(worth)


@pytest.mark.parametrize(
    ("refunds", "worth"),
    [
        ((refund("30"),), Fraction(100) * 80 / 110),
        ((refund("30"), refund("80", id=21)), Fraction(0)),
        ((refund("500"),), Fraction(0)),
        ((refund("10", refunded(SHIPPING, "10")),), Fraction(100)),
        ((refund("30", refunded(ITEM, "30", line_id=1)),), Fraction(70)),
        ((refund("40", refunded(ITEM, "30", line_id=1), refunded(SHIPPING, "10")),), Fraction(70)),
        # 30 of the goods by line; of the 80 that are left, 8 without a line
        ((refund("38", refunded(ITEM, "30", line_id=1)),), Fraction(70) * 72 / 80),
        ((refund("38", is_known=True),), Fraction(100) * 72 / 110),
        ((refund("30", refunded(ITEM, "30")), refund("11", id=21)), Fraction(70) * 69 / 80),
        ((refund("100", refunded(ITEM, "100")),), Fraction(0)),
        ((refund("110", refunded(ITEM, "100"), refunded(SHIPPING, "10")),), Fraction(0)),
    ],
)
def test_refunds_with_and_without_lines(refunds, worth):
    order = report(item("100"), shipping("10"), refunds=refunds)
    assert compute_money(order, OrderRule()) == worth


def test_the_tax_of_refunded_lines():
    order = report(item("100", "20"), refunds=(refund("60", refunded(ITEM, "50", "10", line_id=1)),))
    assert compute_money(order, OrderRule()) == 50
    assert compute_money(order, OrderRule(base=GOODS_WITH_TAX)) == 60
    assert compute_money(order, OrderRule(base=TOTAL)) == 60


def test_the_total_needs_no_lines():
    order = report(total="50", lines=None, refunds=(refund("20"),))
    assert compute_money(order, OrderRule(base=TOTAL)) == 30


def test_a_refunded_fee():
    order = report(item("100"), fee("10"), refunds=(refund("10", refunded(FEE, "10", line_id=2)),))
    assert compute_money(order, OrderRule()) == 100


EXCLUDED = [
    (OrderRule(excluded_products=frozenset({7})), {"product_id": 7}),
    (OrderRule(excluded_products=frozenset({8})), {"variation_id": 8}),
    (OrderRule(excluded_categories=frozenset({3})), {"categories": frozenset({2, 3})}),
    (OrderRule(excludes_sale_items=True), {"is_on_sale": True}),
    (OrderRule(excludes_gift_cards=True), {"is_gift_card": True}),
]


@pytest.mark.parametrize(("rule", "fields"), EXCLUDED)
def test_excluded_lines(rule, fields):
    lines = (item("60", id=1), item("40", id=2, **fields))
    assert compute_money(report(*lines), rule) == 60
    assert compute_money(report(*lines), OrderRule()) == 100
    of_excluded = refund("40", refunded(ITEM, "40", line_id=2))
    assert compute_money(report(*lines, refunds=(of_excluded,)), rule) == 60
    of_counted = refund("10", refunded(ITEM, "10", line_id=1))
    assert compute_money(report(*lines, refunds=(of_counted,)), rule) == 50
    assert compute_money(report(*lines, total="50"), rule) == 30, "a gift card pays its share of each line"


@pytest.mark.parametrize(
    ("amount", "rate", "points"),
    [("99.99", "1", 99), ("10", "1/3", 3), ("100000", "1/25000", 4), ("0.29", "100", 29), ("1.999", "1000", 1999)],
)
def test_points_are_rounded_down_once(amount, rate, points):
    assert compute_points(report(item(amount)), OrderRule(), Fraction(rate)) == points


@given(
    parts=st.lists(st.integers(1, 10**6), min_size=1, max_size=5),
    paid=st.integers(0, 100),
    refunds=st.lists(st.integers(1, 10**6), max_size=5),
)
def test_the_worth_is_between_nothing_and_the_goods(parts, paid, refunds):
    lines = [item(str(Fraction(cents, 100)), id=number + 1) for number, cents in enumerate(parts)]
    total = str(sum(line.total for line in lines) * paid / 100)
    all_refunds = tuple(refund(str(Fraction(cents, 100)), id=number) for number, cents in enumerate(refunds))
    for count in range(len(all_refunds) + 1):
        order = report(*lines, total=total, refunds=all_refunds[:count])
        worth = compute_money(order, OrderRule())
        assert 0 <= worth <= compute_goods(order, OrderRule())
        assert worth <= order.total + order.minor_unit * len(lines)
        if count:
            before = report(*lines, total=total, refunds=all_refunds[: count - 1])
            assert worth <= compute_money(before, OrderRule())
