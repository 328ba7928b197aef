"""Property: it does not matter how often, in which order, and which reports arrive, if the newest one comes last."""

from dataclasses import replace

from hypothesis import strategies as st
from sqlalchemy import select

from pointsync import db
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.orders.report import OrderReport
from pointsync.ledger.orders.rule import OrderRule
from pointsync.models import Customer, Movement, ShopOrder, ShopOrderPoints
from tests.ledger.orders.order_reports import ANNA, BOB, at, fee, item, points_of_all, refund, report, shipping, tell
from tests.ledger.orders.test_given import give_back_orders
from tests.support.apps import create_site, delete_all_rows
from tests.support.hypothesis_profile import given_on_each_database

RULE = OrderRule(rates={"EUR": 1 / item("3").total, "JPY": item("1").total})
CARL = "carl@shop.example"
BY_HOOK = {
    "status": ["pending", "processing", "completed", "completed", "completed", "cancelled", "trash", "picked-up"]
}


@st.composite
def histories(draw) -> list[OrderReport]:
    """The states of an order, oldest first. Some have the same second."""
    states, second, refunds = [], 0, ()
    for number in range(draw(st.integers(1, 6))):
        second += draw(st.integers(0, 2))
        if draw(st.booleans()):
            refunds = (*refunds, refund(str(draw(st.integers(1, 60))), id=20 + number))
        elif refunds and second and draw(st.booleans()):
            refunds = refunds[1:]
            second += 1  # a deleted refund in the same second could not be told from an older state
        lines = (item(str(draw(st.integers(0, 200))), "1.90"), fee(str(draw(st.integers(-5, 5)))), shipping("4.90"))
        states.append(
            report(
                *lines,
                status=draw(st.sampled_from(BY_HOOK["status"])),
                customer=draw(st.sampled_from([ANNA, ANNA, BOB])),
                currency=draw(st.sampled_from(["EUR", "EUR", "JPY", "USD"])),
                refunds=refunds,
                modified_at=at(second),
            )
        )
        if draw(st.integers(0, 5)) == 0:
            states.append(OrderReport(id=17, is_deleted=True))
            if draw(st.booleans()):
                states.append(replace(states[-2], is_restored=True))
            second += 1
    return states


@st.composite
def sequences(draw) -> tuple[list[OrderReport], list[int]]:
    """A history, and which of its states arrive, in which order; the newest one last.

    The report of a deletion has no time, so it counts when it arrives: it arrives before the states that follow it.
    """
    history = draw(histories())
    arrivals: list[int] = []
    for index in [*draw(st.lists(st.integers(0, len(history) - 1), max_size=8)), len(history) - 1]:
        if not history[index].is_deleted or index >= max(arrivals, default=0):
            arrivals.append(index)
    return history, arrivals


@given_on_each_database(sequences(), max_examples=40)
def test_the_newest_report_decides(app, sequence):
    history, arrivals = sequence
    _start()
    tell(history[-1], rule=RULE)
    expected = points_of_all()
    _start()
    for index in arrivals:
        tell(history[index], rule=RULE)
    assert points_of_all() == expected
    with db.transaction() as session:
        assert find_balance_differences(session) == []
        movements = session.scalars(select(Movement)).all()
        assert len({each.ref for each in movements}) == len(movements) <= 2 * len(arrivals)
        assert {each.source.partition(":")[0] for each in movements} <= {"shop"}
        [order] = session.scalars(select(ShopOrder))
        assert order.n == len(movements)
        by_customer: dict[int, int] = {}
        for each in movements:
            by_customer[each.customer_id] = by_customer.get(each.customer_id, 0) + each.points
        rows = session.scalars(select(ShopOrderPoints))
        assert {each.customer_id: each.points for each in rows} == by_customer


@st.composite
def reused_ids(draw) -> tuple[list[OrderReport], int]:
    """An order of Anna's, then another one of other customers with the same id; and how many states a backup has."""
    histories = []
    for key, people in (("first", [ANNA]), ("second", [BOB, BOB, CARL])):
        states = [
            report(
                item(str(draw(st.integers(1, 9)))),
                key=key,
                customer=draw(st.sampled_from(people)),
                status=draw(st.sampled_from(["completed", "completed", "pending", "cancelled"])),
            )
            for _ in range(draw(st.integers(1, 4)))
        ]
        histories.append(states)
    if draw(st.booleans()):
        histories[0].append(OrderReport(id=17, is_deleted=True))
    states = [replace(each, modified_at=at(second)) for second, each in enumerate(histories[0] + histories[1])]
    return states, draw(st.integers(0, len(histories[0])))


@given_on_each_database(reused_ids(), max_examples=40)
def test_an_id_that_is_used_again_counts_once_after_a_restore(app, case):
    """Whatever a backup has of both orders: once movements are back, the last report changes nothing."""
    states, kept = case
    _start()
    for each in states:
        tell(each, rule=RULE)
    expected = points_of_all()
    with db.transaction() as session:
        rows = session.execute(select(Customer.email, Movement.points, Movement.ref).join_from(Movement, Customer))
        movements = {ref: (email, points, ref) for email, points, ref in rows}
    _start()
    for each in states[:kept]:
        tell(each, rule=RULE)
    if not kept:  # the backup knows the shop, and not the order
        tell(report(id=1, status="pending"))
    with db.transaction() as session:
        known = set(session.scalars(select(Movement.ref)))
    if lost := [each for ref, each in sorted(movements.items()) if ref not in known]:
        give_back_orders(lost)
    assert points_of_all() == expected
    if not kept:  # nothing tells of the first order, which the shop does not have any more
        expected.pop(ANNA, None)
    for _ in range(2):
        tell(states[-1], rule=RULE)
        assert points_of_all() == expected
    with db.transaction() as session:
        assert find_balance_differences(session) == []


def _start() -> None:
    delete_all_rows()
    create_site()
