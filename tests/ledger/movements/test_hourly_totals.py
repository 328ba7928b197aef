"""Hourly totals are updated with every movement, also in concurrent transactions."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity.verify import find_hourly_total_differences
from pointsync.ledger.record import Draft, record
from pointsync.models import HourlyTotal, Reserve, Site
from tests.ledger.record_drafts import ANNA, expect_refused, record_all, record_one
from tests.support.apps import get_reserve, run_concurrently
from tests.support.moving_clock import START as NOW
from tests.support.queries import record_queries

ORIGIN = "wrk_0123456789abcdef"
BOB = "bob@shop.example"


def apply_statuses(*incoming: IncomingMovement, origin: str = ORIGIN, key: str = "default", now=NOW) -> list[str]:
    """Apply a batch in one transaction; returns the statuses."""
    return [
        each.status
        for each in db.run_in_transaction(
            lambda session: apply(session, origin, get_reserve(session, key), incoming, now)
        )
    ]


def hourly_totals() -> list[tuple]:
    """The totals of all kinds, with `own` for this site; checks that they equal the sums of the movements."""
    with db.transaction() as session:
        assert find_hourly_total_differences(session) == []
        own = session.scalars(select(Site.auth)).one()
        sums = (func.sum(HourlyTotal.movements), func.sum(HourlyTotal.given), func.sum(HourlyTotal.taken))
        rows = session.execute(
            select(HourlyTotal.hour, HourlyTotal.origin, Reserve.key, *sums)
            .join(Reserve, Reserve.id == HourlyTotal.reserve_id)
            .group_by(HourlyTotal.hour, HourlyTotal.origin, Reserve.key)
        )
        return sorted((hour, "own" if origin == own else origin, key, *map(int, of)) for hour, origin, key, *of in rows)


@pytest.fixture(autouse=True)
def gold(app) -> None:
    """A second reserve."""
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)


def test_the_sums_of_a_batch():
    record_all(Draft(ANNA, 10), Draft(BOB, 25), Draft(ANNA, -4), Draft(ANNA, 7, reserve="gold"))
    assert hourly_totals() == [(NOW, "own", "default", 3, 35, 4), (NOW, "own", "gold", 1, 7, 0)]


def test_batches_of_an_hour_add_up_and_the_next_hour_starts_a_new_row():
    record_one(10)
    record_all(Draft(ANNA, -3), now=NOW + timedelta(minutes=59, seconds=59, milliseconds=999))
    record_all(Draft(ANNA, 5), now=NOW + timedelta(hours=1))
    assert hourly_totals() == [(NOW, "own", "default", 2, 10, 3), (NOW + timedelta(hours=1), "own", "default", 1, 5, 0)]


def test_the_hour_is_when_it_was_recorded_at_its_origin_not_here():
    then, offset = NOW - timedelta(days=3), timedelta(minutes=59, seconds=59, milliseconds=999)
    record_one(10, at=then + offset)
    record_one(1, at=NOW + timedelta(hours=2))  # the other clock is ahead, so the time of recording counts
    assert (
        apply_statuses(IncomingMovement("1", ANNA, 20, at=then), IncomingMovement("2", ANNA, -5, at=then + offset))
        == ["applied"] * 2
    )
    assert apply_statuses(IncomingMovement("3", ANNA, 7)) == ["applied"]  # the WooRewards dialect has no time
    assert hourly_totals() == [
        (then, "own", "default", 1, 10, 0),
        (then, ORIGIN, "default", 2, 20, 5),
        (NOW, "own", "default", 1, 1, 0),
        (NOW, ORIGIN, "default", 1, 7, 0),
    ]


@pytest.mark.parametrize(
    ("ahead", "counts"), [(timedelta(days=1), timedelta(days=1)), (timedelta(days=1, seconds=1), timedelta())]
)
def test_a_time_more_than_a_day_ahead_becomes_the_arrival_time(ahead, counts):
    apply_statuses(IncomingMovement("1", ANNA, 20, at=NOW + ahead))
    assert hourly_totals() == [(NOW + counts, ORIGIN, "default", 1, 20, 0)]


def test_a_backfill_batch_over_many_hours_is_written_at_once(app):
    """As many statements as a batch of one hour: all totals are written in one statement."""

    def batch(first: int, gap: timedelta) -> int:
        history = [
            IncomingMovement(str(first + each), ANNA, 1, at=NOW - each * gap, is_history=True) for each in range(1000)
        ]
        with record_queries() as found:
            db.run_in_transaction(lambda session: apply(session, ORIGIN, get_reserve(session), history, NOW))
        return len(found)

    one_hour = batch(1, timedelta())
    assert batch(2000, timedelta(hours=1)) <= one_hour
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(HourlyTotal)) == 1000
        assert find_hourly_total_differences(session) == []


def test_each_origin_has_its_own():
    record_one(1)
    assert apply_statuses(IncomingMovement("1", ANNA, 20), IncomingMovement("2", ANNA, -5)) == ["applied"] * 2
    assert apply_statuses(IncomingMovement("1", BOB, 7), origin="a long way off", key="gold") == ["applied"]
    assert hourly_totals() == [
        (NOW, "a long way off", "gold", 1, 7, 0),
        (NOW, "own", "default", 1, 1, 0),
        (NOW, ORIGIN, "default", 2, 20, 5),
    ]


def test_duplicates_conflicts_and_what_is_refused_do_not_count():
    apply_statuses(IncomingMovement("1", ANNA, 20))
    statuses = apply_statuses(
        IncomingMovement("1", ANNA, 20),
        IncomingMovement("1", ANNA, 21),
        IncomingMovement("2", "nobody", 1),
        IncomingMovement("3", ANNA, 1),
    )
    assert statuses == ["duplicate", "conflict", "refused", "applied"]
    record_all(Draft(ANNA, 10, ref="order-1"))
    record_all(Draft(ANNA, 10, ref="order-1"))
    expect_refused(Draft(ANNA, 5), Draft(ANNA, 0))
    assert hourly_totals() == [(NOW, "own", "default", 1, 10, 0), (NOW, ORIGIN, "default", 2, 21, 0)]


def test_movements_of_0_points_do_not_count_since_they_are_not_sent():
    record_one(10)
    record_all(Draft(ANNA, set_to=10, ref="count-1"))
    apply_statuses(IncomingMovement("1", ANNA, set_to=10), IncomingMovement("2", ANNA, 0))
    assert hourly_totals() == [(NOW, "own", "default", 1, 10, 0)]


def test_a_set_without_effect_or_ref_adds_no_hourly_total():
    record_all(Draft(ANNA, set_to=0))
    assert hourly_totals() == []


def test_each_kind_has_its_own():
    record_all(Draft(ANNA, 10), Draft(ANNA, -4), Draft(BOB, 6), Draft(BOB, -1, kind="refund"))
    assert apply_statuses(IncomingMovement("1", ANNA, 20, kind="of a newer site")) == ["applied"]
    with db.transaction() as session:
        rows = session.execute(
            select(HourlyTotal.kind, HourlyTotal.movements, HourlyTotal.given, HourlyTotal.taken).order_by(
                HourlyTotal.kind
            )
        )
        assert [tuple(row) for row in rows] == [
            ("earn", 2, 16, 0),
            ("of a newer site", 1, 20, 0),
            ("refund", 1, 0, 1),
            ("spend", 1, 0, 4),
        ]
    hourly_totals()


@pytest.mark.parametrize("kind", ["opening", "correction", "expire"])
def test_local_kinds_count_too(kind):
    record_one(-8, kind=kind)
    assert hourly_totals() == [(NOW, "own", "default", 1, 0, 8)]


def test_sums_beyond_32_bits():
    for number in range(3):
        record_all(Draft(ANNA, 2_000_000_000), now=NOW + timedelta(seconds=2 * number))
        record_all(Draft(ANNA, -2_000_000_000), now=NOW + timedelta(seconds=2 * number + 1))
    assert hourly_totals() == [(NOW, "own", "default", 6, 6_000_000_000, 6_000_000_000)]


def test_concurrent_calls_lose_nothing(app):
    jobs = [
        *(
            partial(db.run_in_transaction, lambda session: record(session, [Draft(ANNA, 1)], "test", NOW))
            for _ in range(6)
        ),
        *(partial(apply_statuses, IncomingMovement(str(number), ANNA, -1)) for number in range(1, 7)),
        *(
            partial(apply_statuses, IncomingMovement(str(number), BOB, 2), origin="wrk_fedcba9876543210")
            for number in range(1, 5)
        ),
    ]
    run_concurrently(app, *jobs)
    assert hourly_totals() == [
        (NOW, "own", "default", 6, 6, 0),
        (NOW, ORIGIN, "default", 6, 0, 6),
        (NOW, "wrk_fedcba9876543210", "default", 4, 8, 0),
    ]
