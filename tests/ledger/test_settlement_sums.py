"""A settlement: what each site gave and took in the months of a zone, from the flows alone."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.hourly_totals import Came
from pointsync.ledger.record import Draft
from pointsync.ledger.settlement_sums import Month, Settlement, settle
from pointsync.models import Site
from tests.ledger.record_drafts import ANNA, made, recorded
from tests.support.apps import reserve
from tests.support.bulk_rows import fill
from tests.support.moving_clock import START as NOW
from tests.support.queries import asked

pytestmark = pytest.mark.usefixtures("app")

ORIGIN = "wrk_0123456789abcdef"
JANUARY, FEBRUARY, MARCH = (date(2026, month, 1) for month in (1, 2, 3))
MS = timedelta(milliseconds=1)


def utc(year: int, month: int, day: int, hour: int = 0) -> datetime:
    """That hour."""
    return datetime(year, month, day, hour, tzinfo=UTC)


def settled(*days: date, zone: str = "UTC", key: str = "default") -> Settlement:
    """The months, with this site called `own`."""
    with db.write() as session:
        own = session.get_one(Site, 1).auth
        found = settle(session, reserve(session, key), days or (JANUARY, FEBRUARY, MARCH), ZoneInfo(zone))
    months = []
    for month in found.months:
        came = {"own" if auth == own else auth: each for auth, each in month.came.items()}
        months.append(Month(month.day, month.begins_at, month.ends_at, came, month.stays))
    return Settlement(tuple(months), found.is_shifted)


def received(number: int, points: int, at: datetime, now: datetime = NOW, origin: str = ORIGIN) -> None:
    """A movement that another site made then, and that comes now."""
    with db.write() as session:
        [what] = apply(session, origin, reserve(session), [Incoming(str(number), ANNA, points, at=at)], now)
        assert what.status == "applied"


def test_months_sites_and_sums():
    january, february = utc(2026, 1, 20), utc(2026, 2, 3)
    made(100, at=january)
    made(-30, at=january)
    made(50, at=february)
    received(1, 500, january)
    received(2, -20, february)
    found = settled()
    assert [month.name for month in found.months] == ["2026-01", "2026-02", "2026-03"]
    assert [month.came for month in found.months] == [
        {"own": Came(2, 100, 30), ORIGIN: Came(1, 500, 0)},
        {"own": Came(1, 50, 0), ORIGIN: Came(1, 0, 20)},
        {},
    ]
    assert [month.all for month in found.months] == [Came(3, 600, 30), Came(2, 50, 20), Came()]
    assert found.sums == {"own": Came(3, 150, 30), ORIGIN: Came(2, 500, 20)}
    assert found.sums["own"].difference == 120
    assert found.all == Came(5, 650, 50)
    assert settled(FEBRUARY).all == Came(2, 50, 20)


def test_the_month_is_that_in_which_it_was_made_not_in_which_it_came():
    received(1, 10, utc(2026, 2, 1) - MS, now=utc(2026, 2, 1))
    received(2, 7, utc(2026, 2, 1), now=utc(2026, 2, 1))
    assert [month.came for month in settled(JANUARY, FEBRUARY).months] == [
        {ORIGIN: Came(1, 10, 0)},
        {ORIGIN: Came(1, 7, 0)},
    ]


def test_what_stays_here_is_told_apart():
    recorded(
        Draft(ANNA, 1000, kind="opening"),
        Draft(ANNA, -7, kind="correction"),
        Draft(ANNA, -3, kind="expire"),
        Draft(ANNA, 5, kind="refund"),
    )
    received(1, 9, NOW)
    [month] = settled(MARCH).months
    assert month.came == {"own": Came(1, 5, 0), ORIGIN: Came(1, 9, 0)}
    assert month.stays == {"opening": Came(1, 1000, 0), "correction": Came(1, 0, 7), "expire": Came(1, 0, 3)}


def test_of_one_reserve():
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
    recorded(Draft(ANNA, 5), Draft(ANNA, 70, reserve="gold"))
    assert settled(MARCH).all == Came(1, 5, 0)
    assert settled(MARCH, key="gold").all == Came(1, 70, 0)


@pytest.mark.parametrize(
    ("zone", "day", "begins", "is_shifted"),
    [
        ("UTC", MARCH, utc(2026, 3, 1), False),
        ("Europe/Paris", MARCH, utc(2026, 2, 28, 23), False),
        ("Europe/Paris", date(2026, 4, 1), utc(2026, 3, 31, 22), False),
        ("America/New_York", date(2026, 11, 1), utc(2026, 11, 1, 4), False),
        ("America/New_York", date(2026, 12, 1), utc(2026, 12, 1, 5), False),
        # Half past the hour: the next full one of UTC.
        ("Asia/Kolkata", FEBRUARY, utc(2026, 1, 31, 19), True),
        ("America/St_Johns", FEBRUARY, utc(2026, 2, 1, 4), True),
        ("America/St_Johns", date(2026, 7, 1), utc(2026, 7, 1, 3), True),
        ("Asia/Kathmandu", FEBRUARY, utc(2026, 1, 31, 19), True),
    ],
)
def test_months_begin_by_the_clock_of_the_zone(zone, day, begins, is_shifted):
    late = begins + timedelta(days=3)
    received(1, 1, begins - MS, late)
    received(2, 20, begins, late)
    last = (day - timedelta(days=1)).replace(day=1)
    found = settled(last, day, zone=zone)
    assert found.months[0].ends_at == found.months[1].begins_at == begins
    assert [month.all for month in found.months] == [Came(1, 1, 0), Came(1, 20, 0)]
    assert found.is_shifted is is_shifted


def test_no_hour_is_in_two_months_and_none_in_no_month():
    days = [date(2025 + at // 12, at % 12 + 1, 1) for at in range(24)]
    for zone in ("Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "Asia/Beirut", "Pacific/Apia"):
        found = settled(*days, zone=zone).months
        assert all(one.ends_at == next_one.begins_at for one, next_one in pairwise(found))
        assert all(month.begins_at.minute == 0 for month in found)


def test_a_movement_of_a_newer_kind_and_sums_beyond_32_bits():
    for _ in range(3):
        recorded(Draft(ANNA, 2_000_000_000), Draft(ANNA, -2_000_000_000))
    with db.write() as session:
        apply(session, ORIGIN, reserve(session), [Incoming("1", ANNA, 3, kind="of a newer site", at=NOW)], NOW)
    assert settled(MARCH).sums == {"own": Came(6, 6_000_000_000, 6_000_000_000), ORIGIN: Came(1, 3, 0)}


def test_one_query_whatever_the_site_has_done():
    days = [date(2023 + (at + 3) // 12, (at + 3) % 12 + 1, 1) for at in range(36)]
    for movements in (10, 1990):
        with db.write() as session:
            fill(session, customers=5, movements=movements, remotes=1)
            pot = reserve(session)
        assert len(asked(lambda session, pot=pot: settle(session, pot, days, ZoneInfo("UTC")))) == 1
    with db.write() as session:
        assert settle(session, reserve(session), days, ZoneInfo("UTC")).all.movements == 2000
