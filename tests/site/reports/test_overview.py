"""The site at a glance: its days by origin from the flows, in the admin's zone; and how much needs a hand."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from pointsync import db
from pointsync.db import keyset
from pointsync.ledger.apply import Incoming, apply
from pointsync.models import Delivery, Movement, Reserve, Site, State
from pointsync.reports import overview
from pointsync.reports.overview import Came
from pointsync.sync.site import settings
from tests.support.apps import reserve
from tests.support.bulk_rows import fill
from tests.support.moving_clock import START as NOW
from tests.support.queries import asked
from tests.support.remote_rows import ANNA, AUTH, OTHER_AUTH, added, line, settled, sold
from tests.sync.remote_edits import removed

pytestmark = pytest.mark.usefixtures("app")


def traffic(zone: str = "UTC", days: int = 3, now: datetime = NOW) -> overview.Traffic:
    """The last days."""
    with db.write() as session:
        return overview.traffic(session, ZoneInfo(zone), days, now)


def own() -> str:
    """This site's Auth."""
    with db.write() as session:
        return session.get_one(Site, 1).auth


def received(*points: int, now: datetime = NOW, origin: str = AUTH) -> None:
    """Movements that another site made."""
    with db.write() as session:
        incoming = [Incoming(f"{now:%d%H%M}{number}", ANNA, each) for number, each in enumerate(points)]
        apply(session, origin, reserve(session), incoming, now)


def moment(day: int, hour: int, minute: int = 0) -> datetime:
    """In March 2026, by UTC."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_days_without_a_gap_by_origin(gold):
    sold(5, now=NOW - timedelta(days=9))
    sold(10, 20, now=NOW - timedelta(days=2))
    sold(-7, now=NOW)
    sold(4, reserve="gold", now=NOW + timedelta(minutes=59))
    received(1, 2, -3, 4, now=NOW)
    assert traffic() == overview.Traffic(
        (date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)),
        {
            own(): (Came(2, 30, 0), Came(), Came(2, 4, 7)),
            AUTH: (Came(), Came(), Came(4, 7, 3)),
        },
    )


def test_the_origin_with_most_movements_stands_first():
    sold(100)
    received(1, 1, 1)
    received(1, 1, origin=OTHER_AUTH)
    assert list(traffic().origins) == [AUTH, OTHER_AUTH, own()]


def test_nothing_at_all():
    assert traffic(days=1) == overview.Traffic((date(2026, 3, 1),), {})


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("UTC", moment(4, 23), 4),
        ("UTC", moment(5, 0), 5),
        ("Pacific/Auckland", moment(4, 10, 59), 4),
        ("Pacific/Auckland", moment(4, 11), 5),
        ("America/Los_Angeles", moment(5, 7, 59), 4),
        ("America/Los_Angeles", moment(5, 8), 5),
        # Half an hour past: the hour from 18:00 UTC begins at 23:30 there, and counts there.
        ("Asia/Kolkata", moment(4, 18, 45), 4),
        ("Asia/Kolkata", moment(4, 19), 5),
    ],
)
def test_a_day_is_one_by_the_clock_of_the_zone(zone, at, day):
    sold(3, now=at)
    found = traffic(zone, days=4, now=moment(6, 3))
    came = dict(zip(found.days, found.origins[own()], strict=True))
    assert [each for each, what in came.items() if what.movements] == [date(2026, 3, day)]


def test_days_of_23_and_25_hours_are_whole():
    """New York springs forward on 8 March 2026 and falls back on 1 November."""
    for month, day in ((3, 8), (11, 1)):
        begins = datetime(2026, month, day, 5 if month == 3 else 4, tzinfo=UTC)
        hours = 23 if month == 3 else 25
        for hour in range(-1, hours + 1):
            sold(1, now=begins + timedelta(hours=hour))
        found = traffic("America/New_York", days=3, now=begins + timedelta(days=1, hours=5))
        assert [came.movements for came in found.origins[own()]] == [1, hours, 1]


def test_the_days_are_bounded():
    assert len(traffic(days=10**6).days) == overview.MOST_DAYS
    assert len(traffic(days=0).days) == len(traffic(days=-5).days) == 1


def test_flows_ahead_of_a_clock_that_was_put_back_are_left_out():
    sold(5, now=NOW + timedelta(days=2))
    assert traffic().origins == {}


def test_one_query_whatever_the_site_has_done():
    for movements in (10, 990):
        with db.write() as session:
            fill(session, customers=5, movements=movements, remotes=1)
        assert len(asked(lambda session: overview.traffic(session, ZoneInfo("UTC"), 31, NOW))) == 1
    assert sum(came.movements for days in traffic(days=32).origins.values() for came in days) == 1000


def hands() -> overview.Hands:
    """How much needs a hand."""
    with db.write() as session:
        return overview.hands(session, settings.read(session), NOW)


def some(number: int) -> keyset.Count:
    """Exactly so many."""
    return keyset.Count(number, False)


def test_where_all_is_well_no_hand_is_needed():
    added()
    sold(5)
    assert hands() == overview.Hands(some(0), some(0), some(0), 0, None)


def test_what_was_refused_and_what_is_red():
    first, second = added(), added(OTHER_AUTH)
    sold(1, 2)
    settled(first, State.FAILED)
    with db.write() as session:
        line(session, first).status = line(session, second).status = "error"
        session.get_one(Site, 1).hold = "A copy?"
    assert hands() == overview.Hands(some(2), some(0), some(0), 2, "A copy?")
    removed(first, dropping=2)
    assert hands() == overview.Hands(some(0), some(0), some(0), 1, "A copy?")


def test_movements_below_zero_of_the_period_and_balances_below_zero_now(gold):
    received(-5, now=NOW - timedelta(days=31, seconds=1))
    received(-5, -5, now=NOW - timedelta(days=31))
    sold(-5, kind="manual", reserve="gold")
    assert hands().below_zero == some(3)
    assert hands().customers_below == some(2)
    sold(5, kind="correction", reserve="gold")
    assert (hands().below_zero, hands().customers_below) == (some(3), some(1))
    with db.write() as session:
        session.execute(update(Reserve).values(may_go_below_zero=True))
    assert hands().customers_below == some(0)


def test_five_queries_and_no_more():
    numbers = []
    for movements in (10, 990):
        with db.write() as session:
            fill(session, customers=5, movements=movements, remotes=2)
            session.execute(update(Movement).values(below_zero=True))
            session.execute(update(Delivery).values(state=State.FAILED))
            known = settings.read(session)
        numbers.append(len(asked(lambda session, known=known: overview.hands(session, known, NOW))))
    assert numbers == [5, 5]
