"""The expiry job: once a day in the site's time zone, however often it runs, and caught up after a stop."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from pointsync import db, leases
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.rule import make_period_rule
from pointsync.ledger.record import Draft, record
from pointsync.models import Lease, Movement, Worker
from pointsync.runtime import get_runtime
from pointsync.schedule import ticks
from pointsync.sync.site import general
from tests.support.apps import get_reserve
from tests.support.moving_clock import START, MovingClock

ANNA = "anna@shop.example"
DAY = timedelta(days=1)


@pytest.fixture
def ten_day_rule(app: Flask, moving_clock: MovingClock) -> None:
    """Points expire ten days after they were earned. Days are counted in Auckland, 13 hours ahead of UTC."""
    with db.transaction() as session:
        general.set_time_zone(session, "Pacific/Auckland")
        rules.set_rule(session, get_reserve(session), make_period_rule("transactional", 10, "days", date(2026, 3, 1)))


def record_points(points: int, now: datetime) -> None:
    with db.transaction() as session:
        record(session, [Draft(ANNA, points)], "test", now)


def expire_movements() -> list[tuple[datetime, int]]:
    with db.transaction() as session:
        query = select(Movement.at, Movement.points).where(Movement.kind == "expire").order_by(Movement.seq)
        return [(at, points) for at, points in session.execute(query)]


def recorded_count(job: Callable[[], None]) -> int:
    """Run the job and return how many points it expired, in movements."""
    before = len(expire_movements())
    job()
    return len(expire_movements()) - before


@pytest.mark.usefixtures("ten_day_rule")
def test_points_expire_once_a_day_and_missed_days_are_caught_up(moving_clock: MovingClock) -> None:
    for day in range(4):
        record_points(10 + day, START + day * DAY)  # 1:00 in Auckland, on 2 March and after
    moving_clock.advance(10 * DAY - timedelta(hours=2))  # 23:00 there, on 11 March
    assert recorded_count(ticks.expire_points) == 0
    moving_clock.advance(timedelta(hours=1))  # 12 March
    assert recorded_count(ticks.expire_points) == 1
    assert recorded_count(ticks.expire_points) == recorded_count(ticks.expire_points) == 0
    moving_clock.advance(3 * DAY)
    assert recorded_count(ticks.expire_points) == 3
    assert expire_movements() == [(datetime(2026, 3, 11 + day, 11, tzinfo=UTC), -10 - day) for day in range(4)]


@pytest.mark.usefixtures("ten_day_rule")
def test_late_movements_are_handled_at_the_next_tick(moving_clock: MovingClock) -> None:
    record_points(100, START)
    moving_clock.advance(10 * DAY)
    assert recorded_count(ticks.expire_points) == 1
    with db.transaction() as session:
        spent = IncomingMovement("1", ANNA, -40, kind="spend", at=START + DAY)
        apply(session, "wrk_aaaaaaaaaaaaaaaa", get_reserve(session), [spent], moving_clock.now())
    assert recorded_count(ticks.expire_points) == 1
    assert recorded_count(ticks.expire_points) == 0
    assert [points for _, points in expire_movements()] == [-100, 40]


@pytest.mark.usefixtures("ten_day_rule")
def test_only_the_holder_of_the_lease_expires_points(moving_clock: MovingClock) -> None:
    record_points(100, START)
    moving_clock.advance(10 * DAY)
    with db.transaction() as session:
        leases.record_heartbeat(session, "another")
        session.get_one(Worker, "another").host = "elsewhere"
        assert leases.acquire(session, "expire", "another", 60)
    assert recorded_count(ticks.expire_points) == 0
    with db.transaction() as session:
        session.get_one(Lease, "expire").holder = get_runtime().worker_id
    assert recorded_count(ticks.expire_points) == 1


def test_without_a_rule_nothing_expires(app: Flask, moving_clock: MovingClock) -> None:
    record_points(100, START)
    moving_clock.advance(1_000 * DAY)
    assert recorded_count(ticks.expire_points) == 0
    with db.transaction() as session:
        assert session.get(Lease, "expire") is None


@pytest.mark.usefixtures("ten_day_rule")
def test_a_clock_that_was_a_year_ahead_takes_no_points_for_good(moving_clock: MovingClock) -> None:
    record_points(100, START)
    moving_clock.advance(timedelta(days=365))
    assert recorded_count(ticks.expire_points) == 1
    moving_clock.advance(-timedelta(days=365) + timedelta(hours=1))
    assert recorded_count(ticks.expire_points) == 1
    assert recorded_count(ticks.expire_points) == 0
    assert [points for _, points in expire_movements()] == [-100, 100]
    moving_clock.advance(10 * DAY)
    assert recorded_count(ticks.expire_points) == 1, "and they expire on their day"
