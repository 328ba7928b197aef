"""What was asked before a customer got another address is recognised after it; and what is computed adds up."""

from sqlalchemy import insert

from pointsync import db
from pointsync.ledger import forecast
from pointsync.ledger.holds import holds
from pointsync.ledger.integrity.correct_totals import correct_balances
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.record import Draft
from pointsync.ledger.rewards import rewards
from pointsync.models import Balance, Customer
from tests.ledger.customers.people_steps import BOB, CAROL, balance_of, give, is_right, merge, rename
from tests.ledger.holds.hold_steps import SOURCE, place, take
from tests.ledger.record_drafts import ANNA
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW


def test_a_hold_is_the_same_under_both_addresses(app):
    give(100)
    hold = place(80)[0]
    rename(ANNA, BOB)
    for email in (ANNA, BOB):
        again, is_new = place(80, customer=email)
        assert (again.id, is_new) == (hold.id, False)
    assert take(points=30)[1] == "recorded"
    assert balance_of(BOB) == 70
    with db.transaction() as session:
        assert holds.get(session, SOURCE, "cart-1").state == "captured"


def test_a_redemption_is_the_same_under_both_addresses(app):
    give(100)
    with db.transaction() as session:
        reward_id = rewards.create(session, get_reserve(session), "Mug", "", 30, NOW).id

    def redeem(email: str) -> str:
        with db.transaction() as session:
            return rewards.redeem(session, get_reserve(session), reward_id, email, "mug-1", SOURCE, NOW).status

    assert redeem(ANNA) == "recorded"
    rename(ANNA, BOB)
    assert redeem(BOB) == redeem(ANNA) == "duplicate"
    assert balance_of(BOB) == 70


def test_a_forecast_knows_that_two_addresses_are_one_customer(app):
    give(5)
    give(7, BOB)
    merge(ANNA, BOB)
    with db.transaction() as session:
        drafts = [Draft(ANNA, 10), Draft(BOB, 20), Draft(CAROL, 1)]
        found = forecast.forecast(session, drafts, get_reserve(session))
    assert [(each.before, each.after) for each in found] == [(12, 22), (22, 42), (0, 1)]
    assert [each.is_new for each in found] == [False, False, True]


def test_a_balance_of_an_alias_is_found_and_corrected(app):
    give(5)
    give(7, BOB)
    merge(ANNA, BOB)
    with db.transaction() as session:
        anna = session.query(Customer).filter_by(email=ANNA).one().id
        session.execute(insert(Balance).values(customer_id=anna, reserve_id=get_reserve(session).id, points=3))
        found = find_balance_differences(session)
        assert [(each["customer"], each["balance"], each["movements"]) for each in found] == [(ANNA, 3, 0)]
        assert correct_balances(session) == 1
    assert balance_of(BOB) == 12
    assert is_right()
