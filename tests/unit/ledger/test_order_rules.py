"""Rules for orders: as text, when an order counts, and which report is newer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from pointsync.ledger.orders import refs
from pointsync.ledger.orders.newer import SeenState, after, is_older
from pointsync.ledger.orders.report import OrderReport
from pointsync.ledger.orders.rule import (
    ANY_CURRENCY,
    OWN_CURRENCY,
    OrderRule,
    find_obstacle,
    statuses_for,
)
from tests.ledger.orders.order_reports import at, item, refund, report

FULL = OrderRule(
    base="goods+tax",
    statuses=("completed", "picked-up"),
    rates={"EUR": Fraction(1, 3), "JPY": Fraction(1, 25000)},
    counts_from=datetime(2026, 1, 31, 12, tzinfo=UTC),
    counts_children=True,
    excluded_products=frozenset({1, 2}),
    excluded_categories=frozenset({3}),
    excluded_roles=frozenset({"wholesale"}),
    excludes_sale_items=True,
    excludes_gift_cards=True,
    minimums={"EUR": Fraction(5)},
)


@pytest.mark.parametrize("rule", [FULL, OrderRule()])
def test_a_rule_is_the_same_after_it_was_stored(rule):
    assert OrderRule.from_text(rule.to_text()) == rule
    assert OrderRule.from_text(rule.to_text()).to_text() == rule.to_text()


def test_a_text_may_lack_fields_or_have_more():
    assert OrderRule.from_text('{"base": "total", "of a later version": 1}') == OrderRule(base="total")
    assert OrderRule.from_text("") == OrderRule()


@pytest.mark.parametrize(
    ("rates", "currency", "own", "rate"),
    [
        ({OWN_CURRENCY: 2}, "EUR", "", 2),
        ({OWN_CURRENCY: 2}, "EUR", "EUR", 2),
        ({OWN_CURRENCY: 2}, "USD", "EUR", None),
        ({OWN_CURRENCY: 2}, "", "EUR", 2),
        ({"EUR": 2, "USD": 3}, "USD", "EUR", 3),
        ({"EUR": 2, "USD": 3}, "GBP", "EUR", None),
        ({"EUR": 2, "USD": 3}, "", "EUR", 2),
        ({"EUR": 2}, "", "", 2),
        ({"EUR": 2}, "USD", "", None),
        ({ANY_CURRENCY: 2}, "USD", "EUR", 2),
    ],
)
def test_the_rate_of_a_currency(rates, currency, own, rate):
    assert OrderRule(rates=rates).rate_for(currency, own) == rate


def test_a_rule_that_stays_with_an_order_names_its_currency():
    rule = OrderRule(rates={OWN_CURRENCY: Fraction(2)})
    assert rule.frozen_for("EUR", "EUR").rates == {"EUR": 2}
    assert rule.frozen_for("EUR", "").rates == {"EUR": 2}
    assert FULL.frozen_for("EUR", "EUR") == FULL


@pytest.mark.parametrize(
    "status", ["pending", "on-hold", "cancelled", "failed", "refunded", "trash", "checkout-draft", ""]
)
def test_statuses_that_do_not_count(status):
    assert find_obstacle(report(status=status), OrderRule())
    assert find_obstacle(report(status="checkout-draft"), OrderRule(statuses=("checkout-draft",)))


def test_what_else_keeps_an_order_from_counting():
    old = report(created_at=FULL.counts_from - timedelta(seconds=1), status="picked-up")
    assert "from before 31 Jan 2026" in (find_obstacle(old, FULL) or "")
    assert find_obstacle(replace(old, created_at=None), FULL) is None
    assert find_obstacle(replace(old, created_at=FULL.counts_from), FULL) is None
    assert find_obstacle(report(roles=frozenset({"wholesale", "x"})), FULL)
    assert find_obstacle(report(parent_id=3), FULL) is None
    assert find_obstacle(report(parent_id=3), OrderRule())
    assert find_obstacle(OrderReport(id=1, is_deleted=True), OrderRule())


def test_statuses_as_admins_mean_them():
    assert statuses_for(["processing"]) == ("processing", "completed")
    assert statuses_for(["completed", "completed"]) == ("completed",)
    assert statuses_for(["processing", "picked-up"]) == ("processing", "picked-up")


EARLY, LATE = report(modified_at=at(1)), report(modified_at=at(2))
NOW = at(9)


def test_the_later_time_of_the_shop_wins():
    assert is_older(EARLY, after(LATE, SeenState()), NOW)
    assert not is_older(LATE, after(EARLY, SeenState()), NOW)


def test_of_the_same_second_the_higher_id_wins_and_then_the_later_arrival():
    refunded = replace(LATE, refunds=(refund("1", id=20),))
    with_line = replace(LATE, lines=(item("1"), item("1", id=9)))
    for newer in (refunded, with_line):
        assert is_older(LATE, after(newer, SeenState()), NOW)
        assert not is_older(newer, after(LATE, SeenState()), NOW)
    assert not is_older(replace(LATE, status="processing"), after(LATE, SeenState()), NOW)


def test_after_a_minute_a_report_with_the_same_time_is_not_late_any_more():
    """A line or a refund was removed, which changes the shop's time in no shop, or not in those with posts."""
    seen = after(replace(LATE, lines=(item("1"), item("1", id=9))), SeenState(), NOW)
    assert is_older(LATE, seen, NOW + timedelta(seconds=60))
    assert not is_older(LATE, seen, NOW + timedelta(seconds=61))
    assert is_older(EARLY, seen, NOW + timedelta(days=1))


def test_without_a_time_the_arrival_decides():
    undated = report()
    assert not is_older(undated, after(LATE, SeenState()), NOW)
    assert not is_older(EARLY, after(undated, SeenState()), NOW)
    assert is_older(EARLY, after(undated, after(LATE, SeenState())), NOW)


def test_a_deletion_holds_until_the_order_is_restored_or_has_a_later_time():
    deleted = after(OrderReport(id=17, is_deleted=True), after(EARLY, SeenState()))
    assert is_older(EARLY, deleted, NOW)
    assert not is_older(replace(EARLY, is_restored=True), deleted, NOW)
    assert not is_older(LATE, deleted, NOW)
    assert not is_older(OrderReport(id=17, is_deleted=True), deleted, NOW)


@pytest.mark.parametrize(
    ("ref", "order_id"),
    [
        ("order:17", 17),
        ("order:17:2", 17),
        ("order:17:refund:20", 17),
        ("order:x", None),
        ("movement:17", None),
        ("order:9999999999999999999", None),
    ],
)
def test_refs(ref, order_id):
    assert refs.parse_order_id(ref) == order_id
    assert refs.parse_order_id(None) is None
