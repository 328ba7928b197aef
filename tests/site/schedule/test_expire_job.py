"""The job that expires: once a day, whoever starts it how often, caught up after a stop, in the site's time zone."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from pointsync import db, leases
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.rule import period
from pointsync.ledger.record import Draft, record
from pointsync.models import Lease, Movement, Worker
from pointsync.runtime import runtime
from pointsync.schedule import ticks
from pointsync.sync.site import general
from tests.support.apps import reserve
from tests.support.moving_clock import START, MovingClock

ANNA = "anna@shop.example"
DAY = timedelta(days=1)


@pytest.fixture
def _ten_days(app: Flask, moving_clock: MovingClock) -> None:
    """Points are lost ten days after they were given; days are those of Auckland, 13 hours ahead of UTC."""
    with db.write() as session:
        general.set_time_zone(session, "Pacific/Auckland")
        rules.set_rule(session, reserve(session), period("transactional", 10, "days", date(2026, 3, 1)))


def give(points: int, now: datetime) -> None:
    with db.write() as session:
        record(session, [Draft(ANNA, points)], "test", now)


def expired() -> list[tuple[datetime, int]]:
    with db.write() as session:
        query = select(Movement.at, Movement.points).where(Movement.kind == "expire").order_by(Movement.seq)
        return [(at, points) for at, points in session.execute(query)]


def writes(work: Callable[[], None]) -> int:
    """How many movements there are more after it."""
    before = len(expired())
    work()
    return len(expired()) - before


@pytest.mark.usefixtures("_ten_days")
def test_it_runs_once_a_day_and_catches_up(moving_clock: MovingClock) -> None:
    for day in range(4):
        give(10 + day, START + day * DAY)  # 1:00 in Auckland, on 2 March and after
    moving_clock.advance(10 * DAY - timedelta(hours=2))  # 23:00 there, on 11 March
    assert writes(ticks.expire) == 0
    moving_clock.advance(timedelta(hours=1))  # 12 March
    assert writes(ticks.expire) == 1
    assert writes(ticks.expire) == writes(ticks.expire) == 0
    moving_clock.advance(3 * DAY)
    assert writes(ticks.expire) == 3
    assert expired() == [(datetime(2026, 3, 11 + day, 11, tzinfo=UTC), -10 - day) for day in range(4)]


@pytest.mark.usefixtures("_ten_days")
def test_what_comes_late_is_worked_out_at_the_next_tick(moving_clock: MovingClock) -> None:
    give(100, START)
    moving_clock.advance(10 * DAY)
    assert writes(ticks.expire) == 1
    with db.write() as session:
        spent = Incoming("1", ANNA, -40, kind="spend", at=START + DAY)
        apply(session, "wrk_aaaaaaaaaaaaaaaa", reserve(session), [spent], moving_clock.now())
    assert writes(ticks.expire) == 1
    assert writes(ticks.expire) == 0
    assert [points for _, points in expired()] == [-100, 40]


@pytest.mark.usefixtures("_ten_days")
def test_another_process_that_is_at_it_is_left_to_it(moving_clock: MovingClock) -> None:
    give(100, START)
    moving_clock.advance(10 * DAY)
    with db.write() as session:
        leases.beat(session, "another")
        session.get_one(Worker, "another").host = "elsewhere"
        assert leases.take(session, "expire", "another", 60)
    assert writes(ticks.expire) == 0
    with db.write() as session:
        session.get_one(Lease, "expire").holder = runtime().worker_id
    assert writes(ticks.expire) == 1


def test_without_a_rule_nothing_is_done(app: Flask, moving_clock: MovingClock) -> None:
    give(100, START)
    moving_clock.advance(1_000 * DAY)
    assert writes(ticks.expire) == 0
    with db.write() as session:
        assert session.get(Lease, "expire") is None
