"""Held points do not expire before the hold ends, and a capture does not lose them a second time."""

from datetime import date

from pointsync.ledger.expiry.rule import make_period_rule
from tests.ledger.expiry.expiry_steps import expire_movements, noon, run_expiry, run_late_expiry, set_rule
from tests.ledger.holds.hold_steps import give, place, release, take
from tests.ledger.record_drafts import balance


def prepare() -> None:
    """100 points of 5 January that expire after 10 days, of which 60 are held from the 14th to the 20th."""
    set_rule(make_period_rule("transactional", 10, "days", date(2026, 1, 1)))
    give(100, now=noon(1, 5))
    place(60, until=noon(1, 20), now=noon(1, 14))


def test_only_free_points_expire(app):
    prepare()
    assert run_expiry(noon(1, 16)) == 1
    assert [points for _, points in expire_movements()] == [-40]
    assert run_expiry(noon(1, 17)) == 0
    assert balance() == 60


def test_a_captured_hold_takes_what_would_have_expired(app):
    prepare()
    run_expiry(noon(1, 16))
    take(now=noon(1, 18))
    assert balance() == 0
    assert run_late_expiry(noon(1, 18)) == run_expiry(noon(1, 19)) == 0
    assert balance() == 0


def test_the_rest_of_a_capture_expires(app):
    prepare()
    run_expiry(noon(1, 16))
    take(points=50, now=noon(1, 18))
    assert run_late_expiry(noon(1, 18)) == 1
    assert balance() == 0
    assert [points for _, points in expire_movements()] == [-40, -10]


def test_the_points_of_a_released_hold_expire(app):
    prepare()
    run_expiry(noon(1, 16))
    release(now=noon(1, 18))
    assert run_expiry(noon(1, 18)) == 1
    assert balance() == 0


def test_the_points_of_a_hold_that_is_over_expire(app):
    prepare()
    run_expiry(noon(1, 16))
    assert run_expiry(noon(1, 21)) == 1
    assert balance() == 0


def test_an_expiry_that_came_before_the_hold_could_be_known_is_given_back(app):
    """Another site has expired the points before it heard of the capture: the date of the movement tells it."""
    set_rule(make_period_rule("transactional", 10, "days", date(2026, 1, 1)))
    give(100, now=noon(1, 5))
    run_expiry(noon(1, 16))
    give(-60, now=noon(1, 18), at=noon(1, 14), has_happened=True)
    assert balance() == -60
    assert run_late_expiry(noon(1, 18)) == 1
    assert balance() == 0
