"""An order of a customer who was signed in belongs to the address of the account, whatever is reported first."""

from dataclasses import replace
from itertools import permutations

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.email_address import parse
from pointsync.ledger.orders import accounts, merge_shops, move_orders, shops
from pointsync.ledger.orders.accounts import AccountReport
from pointsync.ledger.orders.report import OrderReport
from pointsync.ledger.people import people
from pointsync.models import Customer, Movement, Reserve, ShopAccount
from tests.ledger.orders.order_reports import ADDRESS, ANNA, BOB, at, points_of_all, refund, report, tell
from tests.support.apps import run_concurrently
from tests.support.moving_clock import START

CARL = "carl@shop.example"
ACCOUNT = 5
ORDER = report(account_id=ACCOUNT, customer=ANNA)


def account(email: str | None = BOB, second: int = 0) -> AccountReport:
    return AccountReport(id=ACCOUNT, email=email, modified_at=at(second))


DELETED = AccountReport(id=ACCOUNT, is_deleted=True)


def tell_account(what: AccountReport, address: str = ADDRESS) -> None:
    def run(session):
        shop = shops.find_by_address(session, address) or shops.create(session, address, START)
        accounts.save(session, shop, what)

    db.run_in_transaction(run)


def move() -> int:
    """Let the job run until nothing is left; how many transactions it took."""
    steps = 0
    while (shop := move_orders.find_next(db.session())) is not None:
        db.run_in_transaction(lambda session, shop=shop: move_orders.move_next(session, shop, [], START))
        steps += 1
    return steps


@pytest.mark.parametrize("reports", list(permutations([ORDER, account(BOB), account(CARL, 1)])))
@pytest.mark.parametrize("moves_each_time", [False, True])
def test_what_is_reported_first_does_not_matter(app, reports, moves_each_time):
    for what in reports:
        tell(what) if isinstance(what, OrderReport) else tell_account(what)
        if moves_each_time:
            move()
    move()
    assert points_of_all() == {CARL: 100}


def test_the_billing_address_counts_until_the_account_is_known(app):
    tell(ORDER)
    assert points_of_all() == {ANNA: 100}
    tell(replace(ORDER, customer=parse(CARL)))
    assert points_of_all() == {CARL: 100}
    tell_account(account())
    assert points_of_all() == {CARL: 100}, "a job moves them"
    move()
    assert points_of_all() == {BOB: 100}
    tell(replace(ORDER, customer=parse(ANNA), refunds=(refund("30"),)))
    assert points_of_all() == {BOB: 70}, "a corrected billing address changes nothing now"


def test_orders_of_guests_and_other_accounts_stay(app):
    tell(report(id=1, account_id=0))
    tell(report(id=2, account_id=6))
    tell(report(id=3, account_id=ACCOUNT))
    tell_account(account())
    move()
    assert points_of_all() == {ANNA: 200, BOB: 100}


def test_a_deleted_account_keeps_what_it_has(app):
    tell_account(account())
    move()
    tell(ORDER)
    tell_account(DELETED)
    assert db.session.get(ShopAccount, (1, ACCOUNT)).email is None
    for account_id in (0, ACCOUNT):  # the shop makes its orders those of guests
        tell(replace(ORDER, account_id=account_id, refunds=(refund("30"),)))
        assert points_of_all() == {BOB: 70}
    tell(report(id=18, account_id=ACCOUNT))
    assert points_of_all() == {BOB: 70, ANNA: 100}
    tell_account(account(CARL))
    assert move() == 0, "an older report"
    tell_account(account(CARL, 1))
    move()
    assert points_of_all() == {CARL: 170}


def test_an_account_that_is_deleted_before_its_orders_were_moved(app):
    tell(ORDER)
    tell_account(account())
    tell_account(DELETED)
    move()
    assert points_of_all() == {BOB: 100}
    assert db.session.get(ShopAccount, (1, ACCOUNT)).email is None


def test_many_orders_are_moved_part_by_part(app, monkeypatch):
    monkeypatch.setattr(move_orders, "BATCH_SIZE", 3)
    for number in range(1, 8):
        tell(replace(ORDER, id=number))
    tell_account(account())
    assert move() == 3
    assert points_of_all() == {BOB: 700}
    assert move() == 0


def test_an_order_in_a_reserve_that_is_not_active_stays(app):
    tell(ORDER)
    tell_account(account())
    with db.transaction() as session:
        session.get_one(Reserve, 1).is_active = False
    assert move() == 1
    assert points_of_all() == {ANNA: 100}


def test_shops_that_are_merged(app):
    tell(ORDER)
    tell_account(account(), "www.shop.example")
    with db.transaction() as session:
        merge_shops.merge(session, 2, 1, START)
    move()
    assert points_of_all() == {BOB: 100}


def test_an_order_and_its_account_at_the_same_time(app):
    tell(report(id=1))
    for number in range(2, 10):
        order, known = replace(ORDER, id=number, account_id=number), replace(account(), id=number)
        run_concurrently(app, lambda order=order: tell(order), lambda known=known: tell_account(known), move)
    move()
    assert points_of_all() == {ANNA: 100, BOB: 800}


def test_an_order_of_a_renamed_customer_moves_no_points(app):
    tell(ORDER)
    db.run_in_transaction(lambda session: people.rename(session, ANNA, CARL, START))
    tell_account(account(CARL, 1))
    move()
    assert points_of_all() == {CARL: 100}
    tell(replace(ORDER, customer=parse(CARL)))
    assert db.session().scalar(select(func.count()).select_from(Movement)) == 1


def test_a_refund_is_taken_from_the_address_that_got_the_points(app):
    tell(ORDER)
    db.run_in_transaction(lambda session: people.rename(session, ANNA, CARL, START))
    tell(report(account_id=ACCOUNT, customer=CARL, status="cancelled", modified_at=at(9)))
    assert points_of_all() == {}
    addresses = select(Customer.email).join(Movement, Movement.customer_id == Customer.id).order_by(Movement.seq)
    assert db.session().scalars(addresses).all() == [ANNA, ANNA]
