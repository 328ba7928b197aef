"""Holds: held points cannot be spent by anybody else here, until they are captured, released, or over."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict, DomainError, InvalidInput, NotFound, TryLater
from pointsync.ledger import reserves
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.holds import holds
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.rewards import rewards
from pointsync.models import Customer, Hold, Movement
from tests.ledger.expiry.expiry_steps import apply_late
from tests.ledger.holds.hold_steps import HOUR, SOURCE, give, place, release, spend, take
from tests.ledger.record_drafts import ANNA, balance
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW


def code_of(call, *args, **more) -> str:
    """The code of the refusal."""
    with pytest.raises(DomainError) as refusal:
        call(*args, **more)
    return refusal.value.code


def last_movement() -> Movement:
    with db.transaction() as session:
        return session.scalars(select(Movement).order_by(Movement.seq.desc()).limit(1)).one()


def test_held_points_cannot_be_spent_or_held_again(app):
    give(100)
    hold, is_new = place(60)
    assert (is_new, hold.points, hold.customer.email, hold.reserve.key) == (True, 60, ANNA, "default")
    assert spend(41) == spend(41, kind="redeem") == "insufficient_points"
    assert code_of(place, 41, "cart-2") == "insufficient_points"
    assert spend(40) == "recorded"
    assert spend(1) == "insufficient_points"
    assert balance() == 60


def test_what_is_no_spending_is_recorded_whatever_is_held(app):
    """A set, an adjustment, something that has happened already, and movements of other sites."""
    give(100)
    place(100)
    assert spend(10, kind="manual") == spend(10, has_happened=True) == "recorded"
    apply_late(-10, NOW, NOW)
    give(None, set_to=30)
    assert balance() == 30
    assert take()[1] == "recorded"
    assert (balance(), last_movement().below_zero) == (-70, True)


def test_a_set_that_spends_is_limited(app):
    give(100)
    place(60)
    with pytest.raises(Conflict):
        give(None, set_to=59, kind="spend")
    give(None, set_to=60, kind="spend")
    assert balance() == 60


def test_a_hold_ends_by_the_time_alone(app):
    give(100)
    place(100)
    assert spend(1, now=NOW + HOUR - timedelta(milliseconds=1)) == "insufficient_points"
    assert spend(1, now=NOW + HOUR) == "recorded"


def test_a_hold_from_a_future_that_is_over_holds_nothing(app):
    """The clock was set back since."""
    give(100)
    place(100)
    assert spend(1, now=NOW - timedelta(minutes=10)) == "insufficient_points", "it has waited for a lock"
    assert spend(1, now=NOW - timedelta(minutes=11)) == "recorded"


def test_a_repeated_call_changes_nothing_and_another_content_is_refused(app):
    give(100)
    place(60)
    hold, is_new = place(60, until=NOW + HOUR / 2)
    assert (is_new, hold.until_at) == (False, NOW + HOUR)
    assert code_of(place, 61) == code_of(place, 60, customer="ben@shop.example") == "ref_conflict"
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    assert code_of(place, 60, reserve="gold") == "ref_conflict"
    assert place(60, now=NOW + 2 * HOUR)[1] is False, "a late repetition, whose time is over"
    assert spend(41) == "insufficient_points"


def test_a_later_end_extends_the_hold(app):
    give(100)
    place(100)
    hold, is_new = place(100, until=NOW + 3 * HOUR, now=NOW + HOUR / 2)
    assert (is_new, hold.until_at, hold.held_at) == (False, NOW + 3 * HOUR, NOW)
    assert spend(1, now=NOW + 2 * HOUR) == "insufficient_points"


def test_a_hold_that_is_over_is_placed_again_if_the_points_are_there(app):
    give(100)
    place(100)
    assert place(100, until=NOW + 3 * HOUR, now=NOW + 2 * HOUR)[0].held_at == NOW + 2 * HOUR
    assert spend(1, now=NOW + 2 * HOUR) == "insufficient_points"
    assert spend(1, now=NOW + 3 * HOUR) == "recorded"
    assert code_of(place, 100, until=NOW + 5 * HOUR, now=NOW + 4 * HOUR) == "insufficient_points"


def test_a_capture_takes_the_points_once(app):
    give(100)
    place(60)
    hold, status = take(reason="Order 17", now=NOW + HOUR / 2)
    assert (status, hold.state, hold.movement.ref, hold.movement.reason) == (
        "recorded",
        "captured",
        "paid-cart-1",
        "Order 17",
    )
    assert take(reason="Order 17", now=NOW + HOUR / 2)[1] == take(now=NOW + 9 * HOUR)[1] == "duplicate"
    assert balance() == 40
    assert last_movement().at == NOW, "dated when the hold began"
    assert code_of(take, points=59) == code_of(take, movement_ref="other") == code_of(take, kind="redeem")
    assert code_of(take, kind="redeem") == "ref_conflict"
    assert code_of(release) == "hold_ended"
    assert place(60)[0].state == "captured"
    assert code_of(place, 60, until=NOW + 2 * HOUR) == "hold_ended"


def test_a_capture_of_less_frees_the_rest(app):
    give(100)
    place(60)
    assert code_of(take, points=61) == code_of(take, points=0) == code_of(take, points=-1) == "invalid"
    hold, _ = take(points=25)
    assert (hold.points, hold.movement.points, balance()) == (60, -25, 75)
    assert spend(75) == "recorded"


def test_a_capture_in_time_succeeds_whatever_others_have_taken(app):
    give(100)
    place(100)
    apply_late(-80, NOW, NOW)
    assert take()[1] == "recorded"
    assert (balance(), last_movement().below_zero) == (-80, True)


def test_a_capture_after_the_end_needs_free_points(app):
    give(100)
    place(60, "late")
    place(60, "other", until=NOW + 3 * HOUR, now=NOW + HOUR)
    assert code_of(take, "late", now=NOW + HOUR) == "hold_ended"
    assert take("late", 40, now=NOW + HOUR)[1] == "recorded"
    assert (balance(), last_movement().at, last_movement().below_zero) == (60, NOW + HOUR, False)


def test_a_capture_that_has_waited_for_a_lock_takes_no_points_that_others_have_spent(app):
    """Its clock was read before the end of the hold, but somebody else has used the points meanwhile."""
    give(100)
    place(60)
    assert spend(60, now=NOW + HOUR) == "recorded"
    assert code_of(take, now=NOW + HOUR / 2) == "hold_ended"
    assert code_of(place, 60, until=NOW + 2 * HOUR, now=NOW + HOUR / 2) == "insufficient_points"
    assert release().state == "released"


def test_a_capture_after_the_end_that_has_happened_goes_below_zero(app):
    give(100)
    place(60)
    assert spend(90, now=NOW + HOUR) == "recorded"
    assert code_of(take, now=NOW + HOUR) == "hold_ended"
    assert take(has_happened=True, now=NOW + HOUR)[1] == "recorded"
    assert (balance(), last_movement().below_zero) == (-50, True)


def test_a_release_frees_the_points_and_is_final(app):
    give(100)
    place(100)
    assert release().state == "released"
    assert release(now=NOW + HOUR).ended_at == NOW
    assert code_of(take) == code_of(place, 100, until=NOW + 2 * HOUR) == "hold_ended"
    assert spend(100) == "recorded"
    assert take(has_happened=True)[1] == "recorded"
    assert balance() == -100


def test_a_movement_with_the_ref_of_the_capture(app):
    give(100)
    place(60)
    spend(60, ref="paid-cart-1", has_happened=True)
    hold, status = take()
    assert (hold.state, status, balance()) == ("captured", "duplicate", 40)
    place(30, "cart-2")
    with pytest.raises(Conflict) as refusal:
        take("cart-2", movement_ref="paid-cart-1")
    assert (refusal.value.code, list(refusal.value.fields)) == ("ref_conflict", ["movement_ref"])


def test_an_unknown_hold(app):
    for ref in ("cart-1", "", "a" * 192, "a\0b", "\ud800"):
        assert code_of(take, ref) == code_of(release, ref) == "unknown_hold"
    give(100)
    place(60)
    with db.transaction() as session, pytest.raises(NotFound):
        holds.get(session, "api:other", "cart-1")
    assert holds.get(db.session(), SOURCE, "cart-1").points == 60


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"points": 0}, "points"),
        ({"points": -5}, "points"),
        ({"points": 2_000_000_001}, "points"),
        ({"customer": "anna"}, "customer"),
        ({"reserve": "nowhere"}, "reserve"),
        ({"ref": ""}, "ref"),
        ({"ref": "a" * 192}, "ref"),
        ({"until": NOW}, "until"),
        ({"until": NOW - HOUR}, "until"),
        ({"until": NOW + timedelta(days=31, milliseconds=1)}, "until"),
    ],
)
def test_invalid_fields_are_named(app, wrong, field):
    give(100)
    with pytest.raises(DomainError) as refusal:
        place(**({"points": 5} | wrong))
    assert list(refusal.value.fields) == [field]


def test_an_unknown_customer_is_not_created_in_vain(app):
    assert code_of(place, 5, customer="ben@shop.example") == "insufficient_points"
    with db.transaction() as session:
        assert session.scalars(select(Customer)).all() == []
        reserves.create(session, "credit", None, NOW, may_go_below_zero=True)
    assert place(5, customer="ben@shop.example", reserve="credit")[1] is True
    assert place(5, "cart-2", customer="ben@shop.example", reserve="credit")[1] is True
    assert take()[1] == "recorded"
    with db.transaction() as session:
        assert find_balance_differences(session) == []
    assert balance("ben@shop.example", "credit") == -5


def test_no_hold_is_placed_or_captured_while_lost_movements_come_back(app):
    give(100)
    place(60)
    with db.transaction() as session:
        fetch_back.begin(session, NOW)
    with pytest.raises(TryLater):
        place(5, "cart-2")
    with pytest.raises(TryLater):
        take()
    assert release().state == "released"


def test_an_inactive_reserve(app):
    give(100)
    with db.transaction() as session:
        reserves.update(session, "default", "Points", False, False)
    with pytest.raises(InvalidInput):
        place(5)


def test_rewards_are_offered_for_free_points_only(app):
    give(100)
    place(60)
    with db.transaction() as session:
        for cost in (40, 41):
            rewards.create(session, get_reserve(session), f"Mug for {cost}", "", cost, NOW)
        anna = session.scalars(select(Customer)).one()
        [offer] = rewards.list_affordable(session, anna, NOW)
        assert (offer.reward.cost, offer.points) == (40, 40)
        assert len(rewards.list_affordable(session, anna, NOW + HOUR)) == 2


def test_old_holds_are_deleted(app):
    give(100)
    place(10)
    place(10, "cart-2", until=NOW + 2 * HOUR)
    with db.transaction() as session:
        holds.prune(session, NOW + HOUR + holds.RETENTION + timedelta(seconds=1))
        assert session.scalars(select(Hold.ref)).all() == ["cart-2"]


def test_the_active_holds_of_a_customer(app):
    give(100)
    place(10, "b", until=NOW + 2 * HOUR)
    place(10, "a")
    place(10, "c")
    release("c")
    with db.transaction() as session:
        anna = session.scalars(select(Customer)).one()
        assert [each.ref for each in holds.list_active(session, anna, NOW)] == ["a", "b"]
        assert [each.ref for each in holds.list_active(session, anna, NOW + HOUR)] == ["b"]
