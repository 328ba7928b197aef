"""The overview: points per day by origin, in the site's time zone, and the counts that need attention."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from pointsync import db
from pointsync.db import keyset
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.models import Delivery, DeliveryState, Movement, Reserve, Site
from pointsync.reports import overview
from pointsync.reports.overview import HourTotals
from tests.support.apps import get_reserve
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START as NOW
from tests.support.queries import queries_of
from tests.support.remote_rows import ANNA, AUTH, OTHER_AUTH, add_remote, record_points, set_delivery_states
from tests.sync.remote_edits import remove_remote

pytestmark = pytest.mark.usefixtures("app")


def daily_totals(zone: str = "UTC", days: int = 3, now: datetime = NOW) -> overview.DailyTotals:
    """Get the totals of the last days."""
    with db.transaction() as session:
        return overview.get_daily_totals(session, ZoneInfo(zone), days, now)


def own_auth() -> str:
    """This site's Auth."""
    with db.transaction() as session:
        return session.get_one(Site, 1).auth


def apply_movements(*points: int, now: datetime = NOW, origin: str = AUTH) -> None:
    """Apply movements of another site."""
    with db.transaction() as session:
        incoming = [IncomingMovement(f"{now:%d%H%M}{number}", ANNA, each) for number, each in enumerate(points)]
        apply(session, origin, get_reserve(session), incoming, now)


def march_time(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in March 2026, in UTC."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_all_days_by_origin(gold):
    record_points(5, now=NOW - timedelta(days=9))
    record_points(10, 20, now=NOW - timedelta(days=2))
    record_points(-7, now=NOW)
    record_points(4, reserve="gold", now=NOW + timedelta(minutes=59))
    apply_movements(1, 2, -3, 4, now=NOW)
    assert daily_totals() == overview.DailyTotals(
        (date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)),
        {
            own_auth(): (HourTotals(2, 30, 0), HourTotals(), HourTotals(2, 4, 7)),
            AUTH: (HourTotals(), HourTotals(), HourTotals(4, 7, 3)),
        },
    )


def test_the_origin_with_most_movements_comes_first():
    record_points(100)
    apply_movements(1, 1, 1)
    apply_movements(1, 1, origin=OTHER_AUTH)
    assert list(daily_totals().origins) == [AUTH, OTHER_AUTH, own_auth()]


def test_no_movements():
    assert daily_totals(days=1) == overview.DailyTotals((date(2026, 3, 1),), {})


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("UTC", march_time(4, 23), 4),
        ("UTC", march_time(5, 0), 5),
        ("Pacific/Auckland", march_time(4, 10, 59), 4),
        ("Pacific/Auckland", march_time(4, 11), 5),
        ("America/Los_Angeles", march_time(5, 7, 59), 4),
        ("America/Los_Angeles", march_time(5, 8), 5),
        # Half an hour past: the hour from 18:00 UTC begins at 23:30 there, and counts there.
        ("Asia/Kolkata", march_time(4, 18, 45), 4),
        ("Asia/Kolkata", march_time(4, 19), 5),
    ],
)
def test_a_day_begins_at_midnight_of_the_zone(zone, at, day):
    record_points(3, now=at)
    totals = daily_totals(zone, days=4, now=march_time(6, 3))
    by_date = dict(zip(totals.days, totals.origins[own_auth()], strict=True))
    assert [each for each, of_day in by_date.items() if of_day.movements] == [date(2026, 3, day)]


def test_days_of_23_and_25_hours():
    """New York springs forward on 8 March 2026 and falls back on 1 November."""
    for month, day in ((3, 8), (11, 1)):
        begins = datetime(2026, month, day, 5 if month == 3 else 4, tzinfo=UTC)
        hours = 23 if month == 3 else 25
        for hour in range(-1, hours + 1):
            record_points(1, now=begins + timedelta(hours=hour))
        totals = daily_totals("America/New_York", days=3, now=begins + timedelta(days=1, hours=5))
        assert [of_day.movements for of_day in totals.origins[own_auth()]] == [1, hours, 1]


def test_the_number_of_days_is_limited():
    assert len(daily_totals(days=10**6).days) == overview.MAX_DAYS
    assert len(daily_totals(days=0).days) == len(daily_totals(days=-5).days) == 1


def test_totals_in_the_future_are_left_out():
    record_points(5, now=NOW + timedelta(days=2))
    assert daily_totals().origins == {}


def test_one_query_however_many_movements():
    for movements in (10, 990):
        with db.transaction() as session:
            insert_rows(session, customers=5, movements=movements, remotes=1)
        assert len(queries_of(lambda session: overview.get_daily_totals(session, ZoneInfo("UTC"), 31, NOW))) == 1
    assert sum(of_day.movements for days in daily_totals(days=32).origins.values() for of_day in days) == 1000


def attention_counts() -> overview.AttentionCounts:
    """Count what needs attention."""
    with db.transaction() as session:
        return overview.count_attention(session)


def expected_counts(number: int) -> keyset.Count:
    """An exact count."""
    return keyset.Count(number, False)


def test_a_healthy_site_needs_no_attention():
    add_remote()
    record_points(5)
    assert attention_counts() == overview.AttentionCounts(expected_counts(0), expected_counts(0))


def test_refused_deliveries():
    first, _ = add_remote(), add_remote(OTHER_AUTH)
    record_points(1, 2)
    set_delivery_states(first, DeliveryState.FAILED)
    assert attention_counts().refused == expected_counts(2)
    remove_remote(first, drop_count=2)
    assert attention_counts().refused == expected_counts(0)


def test_balances_below_zero(gold):
    apply_movements(-5, -5)
    record_points(-5, kind="manual", reserve="gold")
    assert attention_counts().balances_below_zero == expected_counts(2)
    record_points(5, kind="correction", reserve="gold")
    assert attention_counts().balances_below_zero == expected_counts(1)
    with db.transaction() as session:
        session.execute(update(Reserve).values(may_go_below_zero=True))
    assert attention_counts().balances_below_zero == expected_counts(0)


def test_two_queries_and_no_more():
    counts = []
    for movements in (10, 990):
        with db.transaction() as session:
            insert_rows(session, customers=5, movements=movements, remotes=2)
            session.execute(update(Movement).values(below_zero=True))
            session.execute(update(Delivery).values(state=DeliveryState.FAILED))
        counts.append(len(queries_of(overview.count_attention)))
    assert counts == [2, 2]
