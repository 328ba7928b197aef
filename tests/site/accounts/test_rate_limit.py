"""Rate limits in the database: never exceeded by concurrent calls, and never locked forever."""

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
from pointsync.accounts.rate_limit import RateLimit
from pointsync.models import RateBucket
from tests.support.apps import ALSO_POSTGRES
from tests.support.moving_clock import START

TEN = RateLimit(10)
MINUTE = timedelta(minutes=1)


pytestmark = pytest.mark.parametrize("app", ALSO_POSTGRES, indirect=True)


@pytest.fixture(autouse=True)
def app_context(app: Flask):
    with app.app_context():
        yield


def take_token(now: datetime, name: str = "ada", rate: RateLimit = TEN) -> int:
    return db.run_in_transaction(lambda session: rate_limit.consume(session, rate, "sign-in", name, now=now))


def stored_buckets() -> int:
    return db.session.scalar(select(func.count()).select_from(RateBucket))


def test_a_burst_and_then_one_by_one() -> None:
    assert [take_token(START) for _ in range(12)] == [0] * 10 + [6, 6]
    assert take_token(START + timedelta(seconds=5.9)) == 1
    assert [take_token(START + timedelta(seconds=6)) for _ in range(2)] == [0, 6]
    assert [take_token(START + timedelta(minutes=2)) for _ in range(11)] == [0] * 10 + [6]


def test_each_key_has_its_own_bucket() -> None:
    for _ in range(10):
        take_token(START)
    assert (take_token(START), take_token(START, "bob")) == (6, 0)


def test_the_wait_is_computed_without_a_write() -> None:
    session = db.session()
    assert rate_limit.seconds_to_wait(session, TEN, "sign-in", "ada", now=START) == 0
    assert stored_buckets() == 0
    for _ in range(10):
        take_token(START)
    assert rate_limit.seconds_to_wait(session, TEN, "sign-in", "ada", now=START) == 6


def test_refused_calls_do_not_count() -> None:
    for _ in range(50):
        take_token(START)
    assert take_token(START + timedelta(seconds=6)) == 0


def test_a_clock_set_back_locks_nobody_out() -> None:
    for _ in range(10):
        take_token(START)
    yesterday = START - timedelta(days=1)
    assert rate_limit.seconds_to_wait(db.session(), TEN, "sign-in", "ada", now=yesterday) == 0
    assert [take_token(yesterday) for _ in range(11)] == [0] * 10 + [6]


def test_a_reset_bucket_is_empty() -> None:
    for _ in range(10):
        take_token(START)
    db.run_in_transaction(lambda session: rate_limit.reset(session, "sign-in", "ada"))
    assert take_token(START) == 0


def test_empty_buckets_are_deleted() -> None:
    take_token(START)
    for _ in range(10):
        take_token(START, "bob")
    prune: Callable[[Session], None] = lambda session: rate_limit.prune(session, START + timedelta(seconds=6))  # noqa: E731
    db.run_in_transaction(prune)
    assert stored_buckets() == 1
    assert take_token(START + timedelta(seconds=6), "bob") == 0


def test_names_and_addresses_are_not_stored(app: Flask) -> None:
    take_token(START, "203.0.113.7")
    assert "203.0.113.7" not in str(db.session.execute(select(RateBucket.digest, RateBucket.empty_at_ms)).all())


def test_concurrent_calls_do_not_exceed_the_limit(app: Flask) -> None:
    def take_one(_: int) -> int:
        with app.app_context():
            return take_token(START)

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(take_one, range(40)))
    assert waits.count(0) == 10


@given(rate=st.integers(1, 1000), gaps=st.lists(st.integers(0, 20_000), max_size=40))
def test_any_period_allows_its_share_and_one_burst(rate: int, gaps: list[int]) -> None:
    """In any period, at most a full bucket passes, plus what leaks out of it meanwhile."""
    with db.transaction() as session:
        rate_limit.reset(session, "sign-in", "p")
        now, allowed = START, list[datetime]()
        for gap in gaps:
            now += timedelta(milliseconds=gap)
            if not rate_limit.consume(session, RateLimit(rate), "sign-in", "p", now=now):
                allowed.append(now)
    step = timedelta(milliseconds=rate_limit.MINUTE_MS // rate)
    for at, first in enumerate(allowed):
        for count, last in enumerate(allowed[at:], 1):
            assert (count - 1) * step <= last - first + MINUTE


def test_buckets_from_before_the_clock_was_set_back_are_deleted() -> None:
    take_token(START)
    take_token(START + MINUTE / 2, "bob")
    with db.transaction() as session:
        rate_limit.prune(session, START - timedelta(hours=1))
    assert stored_buckets() == 0
