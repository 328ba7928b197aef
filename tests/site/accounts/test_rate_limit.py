"""Rates counted in the database: never more than promised, however many ask at once, and never shut for good."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.accounts import rate_limit
from pointsync.accounts.rate_limit import Rate
from pointsync.models import Bucket
from tests.support.moving_clock import START

TEN = Rate(10)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _here(app: Flask):
    with app.app_context():
        yield


def ask(now: datetime, name: str = "ada", rate: Rate = TEN) -> int:
    return db.in_write(lambda session: rate_limit.take(session, rate, "door", name, now=now))


def kept() -> int:
    return db.db.session.scalar(select(func.count()).select_from(Bucket))


def test_so_many_at_once_and_then_one_by_one() -> None:
    assert [ask(START) for _ in range(12)] == [0] * 10 + [6, 6]
    assert ask(START + timedelta(seconds=5.9)) == 1
    assert [ask(START + timedelta(seconds=6)) for _ in range(2)] == [0, 6]
    assert [ask(START + timedelta(minutes=2)) for _ in range(11)] == [0] * 10 + [6]


def test_each_name_has_its_own() -> None:
    for _ in range(10):
        ask(START)
    assert (ask(START), ask(START, "bob")) == (6, 0)


def test_waiting_is_told_without_a_write() -> None:
    reading = db.db.session()
    assert rate_limit.wait(reading, TEN, "door", "ada", now=START) == 0
    assert kept() == 0
    for _ in range(10):
        ask(START)
    assert rate_limit.wait(reading, TEN, "door", "ada", now=START) == 6


def test_what_is_refused_takes_nothing() -> None:
    for _ in range(50):
        ask(START)
    assert ask(START + timedelta(seconds=6)) == 0


def test_a_clock_set_back_shuts_nobody_out() -> None:
    for _ in range(10):
        ask(START)
    yesterday = START - timedelta(days=1)
    assert rate_limit.wait(db.db.session(), TEN, "door", "ada", now=yesterday) == 0
    assert [ask(yesterday) for _ in range(11)] == [0] * 10 + [6]


def test_emptied_it_takes_as_many_again() -> None:
    for _ in range(10):
        ask(START)
    db.in_write(lambda session: rate_limit.empty(session, "door", "ada"))
    assert ask(START) == 0


def test_those_that_leaked_empty_are_forgotten() -> None:
    ask(START)
    for _ in range(10):
        ask(START, "bob")
    prune: Callable[[Session], None] = lambda session: rate_limit.prune(session, START + timedelta(seconds=6))  # noqa: E731
    db.in_write(prune)
    assert kept() == 1
    assert ask(START + timedelta(seconds=6), "bob") == 0


def test_names_and_addresses_are_not_kept(app: Flask) -> None:
    ask(START, "203.0.113.7")
    assert "203.0.113.7" not in str(db.db.session.execute(select(Bucket.digest, Bucket.empty_at_ms)).all())


def test_many_at_once_get_no_more(app: Flask) -> None:
    def one(_: int) -> int:
        with app.app_context():
            return ask(START)

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(one, range(40)))
    assert waits.count(0) == 10


@given(rate=st.integers(1, 1000), gaps=st.lists(st.integers(0, 20_000), max_size=40))
def test_in_no_minute_more_than_twice_the_rate_and_on_average_no_more(rate: int, gaps: list[int]) -> None:
    """A full bucket at once, and what leaks out of it meanwhile: that is all there is in any stretch of time."""
    with db.write() as session:
        rate_limit.empty(session, "door", "p")
        now, good = START, list[datetime]()
        for gap in gaps:
            now += timedelta(milliseconds=gap)
            if not rate_limit.take(session, Rate(rate), "door", "p", now=now):
                good.append(now)
    step = timedelta(milliseconds=rate_limit.MINUTE_MS // rate)
    for at, first in enumerate(good):
        for count, last in enumerate(good[at:], 1):
            assert (count - 1) * step <= last - first + MINUTE
