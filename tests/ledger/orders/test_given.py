"""What an order has given is read from its movements: those of earlier hooks, and those that came back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from sqlalchemy import delete, select

from pointsync import db
from pointsync.email_address import parse
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.orders.given import EarlySource
from pointsync.ledger.orders.rule import ANY_CURRENCY, TOTAL, OrderRule
from pointsync.ledger.record import Draft, record
from pointsync.models import Movement, Shop, ShopOrder, ShopOrderPoints
from tests.ledger.orders.order_reports import ANNA, BOB, item, points_of_all, refund, report, shipping, tell
from tests.support.moving_clock import START
from tests.sync.fetch_back.returns import add_remotes, begin, give_back, lost, record_returned

RULE = OrderRule(base=TOTAL, statuses=("processing", "completed"), rates={ANY_CURRENCY: Fraction(2)})
EARLY = [EarlySource("hook:orders", RULE, START - timedelta(days=9))]
"""The hook counted the total, twice."""
ORDER = report(item("100"), shipping("10"))


def record_early(points: int = 220, *refunds: tuple[int, int], source: str = "hook:orders") -> None:
    """What version 0.1.0 recorded for the order and its refunds: (refund's id, points taken)."""
    drafts = [Draft(ANNA, points, kind="earn", ref="order:17")]
    drafts += [Draft(ANNA, -taken, kind="refund", ref=f"order:17:refund:{number}") for number, taken in refunds]
    with db.transaction() as session:
        record(session, drafts, source, START)


class TestEarlyHooks:
    def test_an_order_that_is_touched_changes_nothing(self, app):
        record_early()
        assert tell(ORDER, early_sources=EARLY).status == "unchanged"
        assert points_of_all() == {ANNA: 220}

    @pytest.mark.parametrize(
        ("changed", "points"),
        [
            (replace(ORDER, refunds=(refund("30"),)), 160),
            (replace(ORDER, status="cancelled"), 0),
            (replace(ORDER, status="processing"), 220),
            (report(item("150"), shipping("10")), 320),
            (replace(ORDER, currency="JPY"), 220),
            (replace(ORDER, created_at=START - timedelta(days=900)), 220),
        ],
    )
    def test_it_keeps_its_rule(self, app, changed, points):
        record_early()
        rule = OrderRule(counts_from=START, rates={"EUR": Fraction(1)})
        for _ in range(2):
            tell(changed, early_sources=EARLY, rule=rule)
            assert points_of_all() == ({ANNA: points} if points else {})

    def test_its_refunds_are_included_also_if_they_were_deleted_since(self, app):
        record_early(220, (20, 60), (21, 20))
        tell(replace(ORDER, refunds=(refund("30", id=20),)), early_sources=EARLY)
        assert points_of_all() == {ANNA: 160}

    def test_the_points_move_to_the_customer_of_the_order(self, app):
        record_early(220, (20, 60))
        tell(replace(ORDER, refunds=(refund("30", id=20),), customer=parse(BOB)), early_sources=EARLY)
        assert points_of_all() == {BOB: 160}

    def test_of_hooks_with_the_same_name_the_one_of_that_time_decides(self, app):
        record_early()
        later = EarlySource("hook:orders", replace(RULE, rates={ANY_CURRENCY: Fraction(9)}), START + timedelta(days=1))
        assert tell(ORDER, early_sources=[later, *EARLY]).status == "unchanged"

    def test_orders_of_other_hooks_and_with_longer_numbers_are_not_included(self, app):
        record_early(source="hook:other")
        with db.transaction() as session:
            record(session, [Draft(ANNA, 5, ref="order:170"), Draft(ANNA, 6, ref="order:1")], "hook:orders", START)
        tell(ORDER, early_sources=EARLY, rule=OrderRule())
        assert points_of_all() == {ANNA: 220 + 5 + 6 + 100}


def forget_rows() -> None:
    """The database is one from before the order was reported, except for the movements."""
    with db.transaction() as session:
        session.execute(delete(ShopOrderPoints))
        session.execute(delete(ShopOrder))


def test_a_row_that_is_lost_is_made_again_from_the_movements(app):
    for amount in range(1, 30):
        tell(report(item(str(amount)), customer=(ANNA, BOB)[amount % 2]))
    before = points_of_all()
    assert before == {BOB: 29}
    forget_rows()
    assert tell(report(item("29"), customer=BOB)).status == "unchanged"
    tell(report(item("30"), customer=BOB))
    assert points_of_all() == {BOB: 30}
    with db.transaction() as session:
        numbers = [int((ref or "").rpartition(":")[2]) for ref in session.scalars(select(Movement.ref))]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("has_row", [True, False])
def test_movements_that_come_back_after_a_restore_are_included(app, has_row):
    """The shop had reported three changes; the backup has the first one, or none."""
    tell(report())
    remotes = add_remotes(2)
    with db.transaction() as session:
        source = f"shop:{session.scalars(select(Shop.code)).one()}"
    if not has_row:
        forget_rows()
    begin()
    returned = [
        lost(1, points=50, customer=ANNA, ref="order:17:2", source=source),
        lost(2, points=-30, customer=ANNA, ref="order:17:3", source=source, kind="refund"),
        lost(3, points=7, customer=BOB, ref="order:18:1", source=source),
    ]
    for remote_id in remotes:
        give_back(remote_id, *returned)
    assert record_returned()
    with db.transaction() as session:
        assert not fetch_back.is_running(session)
    assert points_of_all() == {ANNA: 120, BOB: 7}
    assert tell(report(item("120"))).status == "unchanged"
    assert tell(report(item("7"), id=18, customer=BOB)).status == "unchanged"
    tell(report(item("130")))
    tell(report(item("7"), id=18, customer=BOB, status="cancelled"))
    assert points_of_all() == {ANNA: 130}
    with db.transaction() as session:
        assert {each.order_id: each.n for each in session.scalars(select(ShopOrder))} == {17: 4, 18: 2}


def give_back_orders(movements: Sequence[tuple[str, int, str | None]]) -> None:
    """The site is restored, and these movements of its shop (customer, points, ref) come back from another site."""
    [remote_id] = add_remotes(1)
    with db.transaction() as session:
        source = f"shop:{session.scalars(select(Shop.code)).one()}"
    begin()
    kinds = {True: "earn", False: "refund"}
    numbered = enumerate(movements, start=1)
    returned = [
        lost(n, points, who, ref=ref, source=source, kind=kinds[points > 0]) for n, (who, points, ref) in numbered
    ]
    give_back(remote_id, *returned)
    assert record_returned()


@pytest.mark.parametrize("is_reported_lost", [False, True])
def test_an_order_that_has_replaced_another_one_gets_its_points_back(app, is_reported_lost):
    """The shop was restored and used the id again; then this site was restored to before that."""
    tell(report(key="first", customer=ANNA))
    given = [(ANNA, -100, "order:17:2")] if is_reported_lost else []
    given.append((BOB, 100, f"order:17:{len(given) + 2}"))
    give_back_orders(given)
    second = report(key="second", customer=BOB)
    before = points_of_all()
    assert before[BOB] == 100
    assert tell(second).status == "unchanged"
    assert points_of_all() == before
    tell(replace(second, refunds=(refund("30"),)))
    assert points_of_all() == before | {BOB: 70}
    with db.transaction() as session:
        problems = {each.order_key: each.problem for each in session.scalars(select(ShopOrder))}
    assert problems == {"first": None if is_reported_lost else "replaced", "second": None}


def test_points_that_the_order_before_had_given_are_not_taken_over(app):
    """Nobody can tell them from those of the new order: they are listed for the admin."""
    tell(report(key="first", customer=ANNA))
    give_back_orders([(ANNA, 20, "order:17:2")])
    tell(report(item("20"), key="second", customer=ANNA))
    assert points_of_all() == {ANNA: 140}
    with db.transaction() as session:
        assert [each.problem for each in session.scalars(select(ShopOrder).order_by(ShopOrder.id))] == [
            "replaced",
            None,
        ]
