"""Settling orders: what customers get, and what the rows of orders remember."""

from datetime import timedelta
from fractions import Fraction

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict, InvalidInput, NotFound, TryLater
from pointsync.ledger import reserves
from pointsync.ledger.expiry.rule import TRANSACTIONAL, ExpiryRule
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.orders import listings
from pointsync.ledger.orders.problems import OrderProblem
from pointsync.ledger.orders.report import OrderReport
from pointsync.ledger.orders.rule import TOTAL, OrderRule
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer, Movement, Shop, ShopOrder, Site, StoredOrderRule
from tests.ledger.expiry.expiry_steps import RULE_SET_ON, noon, run_expiry, run_late_expiry, set_rule
from tests.ledger.orders.order_reports import ANNA, BOB, item, points_of_all, refund, report, shipping, tell
from tests.support.apps import get_reserve, run_concurrently
from tests.support.moving_clock import START

DAY = timedelta(days=1)


def movements() -> list[tuple[str, int, str]]:
    """The kind, points and ref of all movements."""
    with db.transaction() as session:
        rows = session.scalars(select(Movement).order_by(Movement.seq))
        return [(each.kind, each.points, each.ref) for each in rows]


def test_each_movement_has_the_next_number(app):
    tell(report())
    tell(report(total="80", lines=(item("80"),)))
    tell(report(customer=BOB, total="80", lines=(item("80"),)))
    assert movements() == [
        ("earn", 100, "order:17:1"),
        ("refund", -20, "order:17:2"),
        ("refund", -80, "order:17:3"),
        ("earn", 80, "order:17:4"),
    ]
    with db.transaction() as session:
        [source] = session.scalars(select(Movement.source).distinct())
        assert source == f"shop:{session.scalars(select(Shop.code)).one()}"


def test_an_order_keeps_the_rule_by_which_it_counted(app):
    tell(report(item("100"), shipping("10")), rule=OrderRule(base=TOTAL, rates={"": Fraction(2)}))
    changed = OrderRule(rates={"": Fraction(1)})
    tell(report(item("50"), shipping("10")), rule=changed)
    assert points_of_all() == {ANNA: 120}
    tell(report(item("50"), shipping("10"), id=18), rule=changed)
    assert points_of_all() == {ANNA: 170}
    with db.transaction() as session:
        assert len(session.scalars(select(StoredOrderRule)).all()) == 2


def test_an_order_that_never_counted_follows_the_present_rule(app):
    tell(report(status="picked-up"))
    tell(report(status="picked-up"), rule=OrderRule(statuses=("picked-up",)))
    assert points_of_all() == {ANNA: 100}


def test_two_reserves(app):
    with db.transaction() as session:
        reserves.create(session, "gold", "Gold", START)
    both = {"counted_elsewhere": [1, 2]}
    tell(report(), **both)
    tell(report(), reserve="gold", rule=OrderRule(rates={"": Fraction(1, 10)}), **both)
    assert movements() == [("earn", 100, "order:17:1"), ("earn", 10, "order:17:2")]
    tell(report(status="cancelled"), reserve="gold", **both)
    tell(report(status="cancelled"), **both)
    assert points_of_all() == {}


def test_an_order_stays_in_the_reserve_that_nobody_counts_any_more(app):
    with db.transaction() as session:
        reserves.create(session, "gold", "Gold", START)
    tell(report(), counted_elsewhere=[1])
    tell(report(item("150")), reserve="gold", counted_elsewhere=[2])
    tell(report(id=18), reserve="gold", counted_elsewhere=[2])
    with db.transaction() as session:
        totals = {each.id: 0 for each in (get_reserve(session), get_reserve(session, "gold"))}
        for each in session.scalars(select(Movement)):
            totals[each.reserve_id] += each.points
    assert totals == {1: 150, 2: 100}


def test_a_currency_without_a_rate_is_listed(app):
    tell(report())
    settlement = tell(report(id=18, currency="JPY"))
    assert (settlement.status, settlement.points) == ("not_counted", 0)
    with db.transaction() as session:
        [listed] = listings.list_problems(session)
        assert (listed.order.order_id, listed.order.currency, listed.points) == (18, "JPY", [])
        assert listings.count_problems(session) == {OrderProblem.NO_RATE: 1}
    tell(report(id=18, currency="JPY"), rule=OrderRule(rates={"JPY": Fraction(1, 100)}))
    with db.transaction() as session:
        assert listings.list_problems(session) == []
    assert points_of_all() == {ANNA: 101}


def test_an_order_whose_id_was_used_again_is_taken_back_once(app):
    tell(report(key="a"))
    tell(report(item("30"), key="b", customer=BOB))
    with db.transaction() as session:
        [listed] = listings.list_problems(session)
        assert (listed.order.problem, listed.points) == (OrderProblem.REPLACED, [(ANNA, "default", 100)])
        listings.take_back(session, listed.order.id, START)
    assert points_of_all() == {BOB: 30}
    with db.transaction() as session:
        assert listings.list_problems(session) == []
        assert listings.take_back(session, listed.order.id, START) == []
    with db.transaction() as session, pytest.raises(Conflict, match="present"):
        listings.take_back(session, 2, START)
    with db.transaction() as session, pytest.raises(NotFound):
        listings.take_back(session, 9, START)
    tell(report(item("20"), key="b", customer=BOB))
    assert points_of_all() == {BOB: 20}


def test_a_late_report_of_the_order_before_changes_nothing(app):
    tell(report(key="b", modified_at=START))
    late = tell(report(item("7"), key="a", modified_at=START - DAY))
    assert late.status == "older"
    assert points_of_all() == {ANNA: 100}


def test_a_minimum(app):
    rule = OrderRule(minimums={"": Fraction(50)})
    assert "below the lowest amount" in tell(report(item("49.99")), rule=rule).reason
    tell(report(item("50"), id=18, refunds=(refund("10"),)), rule=rule)
    assert points_of_all() == {ANNA: 40}


def test_a_report_without_items_changes_nothing(app):
    tell(report())
    with pytest.raises(InvalidInput, match="does not list its items"):
        tell(report(lines=None, total="20"))
    tell(OrderReport(id=17, is_deleted=True))
    assert points_of_all() == {}


def test_nothing_is_settled_while_lost_movements_come_back(app):
    with db.transaction() as session:
        fetch_back.begin(session, START)
    with pytest.raises(TryLater):
        tell(report())


def test_nothing_is_settled_before_an_admin_has_said_what_the_database_is(app):
    tell(report())
    with db.transaction() as session:
        session.get_one(Site, 1).hold = "It was restored."
    with pytest.raises(TryLater):
        tell(report(status="cancelled"))
    assert points_of_all() == {ANNA: 100}


class TestExpiredPoints:
    """Points that have expired are not taken back twice."""

    @pytest.mark.parametrize("spent", [0, 30])
    @pytest.mark.parametrize("later_order", [False, True])
    def test_an_order_is_cancelled_after_its_points_expired(self, app, spent, later_order):
        set_rule(ExpiryRule(TRANSACTIONAL, RULE_SET_ON, 30, "days"))
        tell(report(), now=noon(2, 1))
        if spent:
            with db.transaction() as session:
                record(session, [Draft(ANNA, -spent)], "test", noon(2, 2))
        run_expiry(noon(4, 1))
        assert points_of_all() == {}
        if later_order:
            tell(report(item("50"), id=18), now=noon(4, 2))
        tell(report(status="cancelled"), now=noon(4, 3))
        run_late_expiry(noon(4, 3))
        left = (50 if later_order else 0) - spent
        assert points_of_all() == ({ANNA: left} if left else {})
        run_expiry(noon(4, 4))
        assert points_of_all() == ({ANNA: left} if left else {})

    def test_a_part_is_refunded_after_they_expired(self, app):
        set_rule(ExpiryRule(TRANSACTIONAL, RULE_SET_ON, 30, "days"))
        tell(report(), now=noon(2, 1))
        run_expiry(noon(4, 1))
        tell(report(refunds=(refund("40"),)), now=noon(4, 3))
        run_late_expiry(noon(4, 3))
        assert points_of_all() == {}

    def test_what_is_taken_back_in_time_is_dated_now(self, app):
        set_rule(ExpiryRule(TRANSACTIONAL, RULE_SET_ON, 30, "days"))
        tell(report(), now=noon(2, 1))
        tell(report(status="cancelled"), now=noon(2, 9))
        with db.transaction() as session:
            assert session.scalars(select(Movement.at).order_by(Movement.seq)).all() == [noon(2, 1), noon(2, 9)]


def test_a_report_at_once_from_many_callers(app):
    """On PostgreSQL, two transactions may create the order's row at once."""
    results = run_concurrently(app, *[lambda: tell(report()).status for _ in range(6)])
    assert sorted(results) == ["applied", *["unchanged"] * 5]
    assert movements() == [("earn", 100, "order:17:1")]
    changes = [report(item(str(amount)), modified_at=START + DAY * amount) for amount in range(1, 7)]
    run_concurrently(app, *[lambda each=each: tell(each) for each in changes])
    assert points_of_all() == {ANNA: 6}
    with db.transaction() as session:
        [order] = session.scalars(select(ShopOrder))
    assert order.n == len(movements())


def test_a_new_customer_gets_mails_under_the_address_as_it_was_typed(app):
    tell(report(customer="Straße@shop.example"))
    tell(report(customer="STRASSE@shop.example", total="80", lines=(item("80"),)))
    assert points_of_all() == {"strasse@shop.example": 80}
    assert db.session.scalars(select(Customer)).one().mail_address == "straße@shop.example"
