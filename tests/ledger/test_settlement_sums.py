"""Settlement: what each site gave and took per month of a time zone, from hourly totals only."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.hourly_totals import HourTotals
from pointsync.ledger.record import Draft
from pointsync.ledger.settlement_sums import MonthTotals, Settlement, calculate
from pointsync.models import Site
from tests.ledger.record_drafts import ANNA, record_all, record_one
from tests.support.apps import get_reserve
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START as NOW
from tests.support.queries import queries_of

pytestmark = pytest.mark.usefixtures("app")

ORIGIN = "wrk_0123456789abcdef"
JANUARY, FEBRUARY, MARCH = (date(2026, month, 1) for month in (1, 2, 3))
MS = timedelta(milliseconds=1)


def utc(year: int, month: int, day: int, hour: int = 0) -> datetime:
    """A time in UTC."""
    return datetime(year, month, day, hour, tzinfo=UTC)


def settlement_months(*days: date, zone: str = "UTC", key: str = "default") -> Settlement:
    """The months, with `own` for this site."""
    with db.transaction() as session:
        own = session.get_one(Site, 1).auth
        found = calculate(session, get_reserve(session, key), days or (JANUARY, FEBRUARY, MARCH), ZoneInfo(zone))
    months = []
    for month in found.months:
        totals = {"own" if auth == own else auth: each for auth, each in month.totals_by_origin.items()}
        months.append(MonthTotals(month.day, month.begins_at, month.ends_at, totals, month.local_totals_by_kind))
    return Settlement(tuple(months), found.is_shifted)


def apply_movement(number: int, points: int, at: datetime, now: datetime = NOW, origin: str = ORIGIN) -> None:
    """Apply a movement that another site recorded then, and that arrives now."""
    with db.transaction() as session:
        [result] = apply(
            session, origin, get_reserve(session), [IncomingMovement(str(number), ANNA, points, at=at)], now
        )
        assert result.status == "applied"


def test_months_sites_and_sums():
    january, february = utc(2026, 1, 20), utc(2026, 2, 3)
    record_one(100, at=january)
    record_one(-30, at=january)
    record_one(50, at=february)
    apply_movement(1, 500, january)
    apply_movement(2, -20, february)
    found = settlement_months()
    assert [month.name for month in found.months] == ["2026-01", "2026-02", "2026-03"]
    assert [month.totals_by_origin for month in found.months] == [
        {"own": HourTotals(2, 100, 30), ORIGIN: HourTotals(1, 500, 0)},
        {"own": HourTotals(1, 50, 0), ORIGIN: HourTotals(1, 0, 20)},
        {},
    ]
    assert [month.total for month in found.months] == [HourTotals(3, 600, 30), HourTotals(2, 50, 20), HourTotals()]
    assert found.totals_by_origin == {"own": HourTotals(3, 150, 30), ORIGIN: HourTotals(2, 500, 20)}
    assert found.totals_by_origin["own"].net == 120
    assert found.total == HourTotals(5, 650, 50)
    assert settlement_months(FEBRUARY).total == HourTotals(2, 50, 20)


def test_the_month_is_that_of_the_origin_not_of_the_arrival():
    apply_movement(1, 10, utc(2026, 2, 1) - MS, now=utc(2026, 2, 1))
    apply_movement(2, 7, utc(2026, 2, 1), now=utc(2026, 2, 1))
    assert [month.totals_by_origin for month in settlement_months(JANUARY, FEBRUARY).months] == [
        {ORIGIN: HourTotals(1, 10, 0)},
        {ORIGIN: HourTotals(1, 7, 0)},
    ]


def test_local_kinds_are_listed_separately():
    record_all(
        Draft(ANNA, 1000, kind="opening"),
        Draft(ANNA, -7, kind="correction"),
        Draft(ANNA, -3, kind="expire"),
        Draft(ANNA, 5, kind="refund"),
    )
    apply_movement(1, 9, NOW)
    [month] = settlement_months(MARCH).months
    assert month.totals_by_origin == {"own": HourTotals(1, 5, 0), ORIGIN: HourTotals(1, 9, 0)}
    assert month.local_totals_by_kind == {
        "opening": HourTotals(1, 1000, 0),
        "correction": HourTotals(1, 0, 7),
        "expire": HourTotals(1, 0, 3),
    }


def test_one_reserve():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    record_all(Draft(ANNA, 5), Draft(ANNA, 70, reserve="gold"))
    assert settlement_months(MARCH).total == HourTotals(1, 5, 0)
    assert settlement_months(MARCH, key="gold").total == HourTotals(1, 70, 0)


@pytest.mark.parametrize(
    ("zone", "day", "begins", "is_shifted"),
    [
        ("UTC", MARCH, utc(2026, 3, 1), False),
        ("Europe/Paris", MARCH, utc(2026, 2, 28, 23), False),
        ("Europe/Paris", date(2026, 4, 1), utc(2026, 3, 31, 22), False),
        ("America/New_York", date(2026, 11, 1), utc(2026, 11, 1, 4), False),
        ("America/New_York", date(2026, 12, 1), utc(2026, 12, 1, 5), False),
        # Midnight is at half past an hour of UTC, so the month begins at the next full hour.
        ("Asia/Kolkata", FEBRUARY, utc(2026, 1, 31, 19), True),
        ("America/St_Johns", FEBRUARY, utc(2026, 2, 1, 4), True),
        ("America/St_Johns", date(2026, 7, 1), utc(2026, 7, 1, 3), True),
        ("Asia/Kathmandu", FEBRUARY, utc(2026, 1, 31, 19), True),
    ],
)
def test_months_begin_by_the_clock_of_the_zone(zone, day, begins, is_shifted):
    late = begins + timedelta(days=3)
    apply_movement(1, 1, begins - MS, late)
    apply_movement(2, 20, begins, late)
    last = (day - timedelta(days=1)).replace(day=1)
    found = settlement_months(last, day, zone=zone)
    assert found.months[0].ends_at == found.months[1].begins_at == begins
    assert [month.total for month in found.months] == [HourTotals(1, 1, 0), HourTotals(1, 20, 0)]
    assert found.is_shifted is is_shifted


def test_each_hour_is_in_exactly_one_month():
    days = [date(2025 + at // 12, at % 12 + 1, 1) for at in range(24)]
    for zone in ("Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "Asia/Beirut", "Pacific/Apia"):
        found = settlement_months(*days, zone=zone).months
        assert all(one.ends_at == next_one.begins_at for one, next_one in pairwise(found))
        assert all(month.begins_at.minute == 0 for month in found)


def test_a_movement_of_a_newer_kind_and_sums_beyond_32_bits():
    for _ in range(3):
        record_all(Draft(ANNA, 2_000_000_000), Draft(ANNA, -2_000_000_000))
    with db.transaction() as session:
        apply(
            session, ORIGIN, get_reserve(session), [IncomingMovement("1", ANNA, 3, kind="of a newer site", at=NOW)], NOW
        )
    assert settlement_months(MARCH).totals_by_origin == {
        "own": HourTotals(6, 6_000_000_000, 6_000_000_000),
        ORIGIN: HourTotals(1, 3, 0),
    }


def test_one_query_at_any_size():
    days = [date(2023 + (at + 3) // 12, (at + 3) % 12 + 1, 1) for at in range(36)]
    for movements in (10, 1990):
        with db.transaction() as session:
            insert_rows(session, customers=5, movements=movements, remotes=1)
            reserve = get_reserve(session)
        assert len(queries_of(lambda session, reserve=reserve: calculate(session, reserve, days, ZoneInfo("UTC")))) == 1
    with db.transaction() as session:
        assert calculate(session, get_reserve(session), days, ZoneInfo("UTC")).total.movements == 2000
