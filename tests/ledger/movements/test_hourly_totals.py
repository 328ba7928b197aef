"""Flows are counted with the movements, whoever makes these and however many at once."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.ledger import reserves
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.record import Draft, record
from pointsync.ledger.verify import flow_differences
from pointsync.models import Flow, Reserve, Site
from tests.ledger.record_drafts import ANNA, made, recorded, refused
from tests.support.apps import reserve, together
from tests.support.moving_clock import START as NOW
from tests.support.queries import watched

ORIGIN = "wrk_0123456789abcdef"
BOB = "bob@shop.example"


def applied(*incoming: Incoming, origin: str = ORIGIN, key: str = "default", now=NOW) -> list[str]:
    """What became of each, in a transaction of its own."""
    return [
        each.status
        for each in db.in_write(lambda session: apply(session, origin, reserve(session, key), incoming, now))
    ]


def flows() -> list[tuple]:
    """The flows of all kinds together, `own` for this site's; and each is what its movements came to."""
    with db.write() as session:
        assert flow_differences(session) == []
        own = session.scalars(select(Site.auth)).one()
        sums = (func.sum(Flow.movements), func.sum(Flow.given), func.sum(Flow.taken))
        rows = session.execute(
            select(Flow.hour, Flow.origin, Reserve.key, *sums)
            .join(Reserve, Reserve.id == Flow.reserve_id)
            .group_by(Flow.hour, Flow.origin, Reserve.key)
        )
        return sorted((hour, "own" if origin == own else origin, key, *map(int, of)) for hour, origin, key, *of in rows)


@pytest.fixture(autouse=True)
def gold(app) -> None:
    """A second reserve."""
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)


def test_what_a_batch_gives_and_takes():
    recorded(Draft(ANNA, 10), Draft(BOB, 25), Draft(ANNA, -4), Draft(ANNA, 7, reserve="gold"))
    assert flows() == [(NOW, "own", "default", 3, 35, 4), (NOW, "own", "gold", 1, 7, 0)]


def test_batches_of_an_hour_add_up_and_the_next_hour_begins_anew():
    made(10)
    recorded(Draft(ANNA, -3), now=NOW + timedelta(minutes=59, seconds=59, milliseconds=999))
    recorded(Draft(ANNA, 5), now=NOW + timedelta(hours=1))
    assert flows() == [(NOW, "own", "default", 2, 10, 3), (NOW + timedelta(hours=1), "own", "default", 1, 5, 0)]


def test_the_hour_is_when_it_was_made_not_when_it_came_here():
    then, aside = NOW - timedelta(days=3), timedelta(minutes=59, seconds=59, milliseconds=999)
    made(10, at=then + aside)
    made(1, at=NOW + timedelta(hours=2))  # a clock a little ahead: it was not made before it was recorded
    assert applied(Incoming("1", ANNA, 20, at=then), Incoming("2", ANNA, -5, at=then + aside)) == ["applied"] * 2
    assert applied(Incoming("3", ANNA, 7)) == ["applied"]  # the WooRewards dialect tells no moment
    assert flows() == [
        (then, "own", "default", 1, 10, 0),
        (then, ORIGIN, "default", 2, 20, 5),
        (NOW, "own", "default", 1, 1, 0),
        (NOW, ORIGIN, "default", 1, 7, 0),
    ]


@pytest.mark.parametrize(
    ("ahead", "counts"), [(timedelta(days=1), timedelta(days=1)), (timedelta(days=1, seconds=1), timedelta())]
)
def test_a_moment_more_than_a_day_ahead_counts_as_arrival(ahead, counts):
    applied(Incoming("1", ANNA, 20, at=NOW + ahead))
    assert flows() == [(NOW + counts, ORIGIN, "default", 1, 20, 0)]


def test_a_batch_of_history_over_many_hours_is_written_in_one_go(app):
    """As many statements as a batch of one hour: the rows of its thousand hours go together."""

    def batch(first: int, apart: timedelta) -> int:
        history = [Incoming(str(first + each), ANNA, 1, at=NOW - each * apart, is_history=True) for each in range(1000)]
        with watched() as found:
            db.in_write(lambda session: apply(session, ORIGIN, reserve(session), history, NOW))
        return len(found)

    one_hour = batch(1, timedelta())
    assert batch(2000, timedelta(hours=1)) <= one_hour
    with db.write() as session:
        assert session.scalar(select(func.count()).select_from(Flow)) == 1000
        assert flow_differences(session) == []


def test_each_origin_has_its_own():
    made(1)
    assert applied(Incoming("1", ANNA, 20), Incoming("2", ANNA, -5)) == ["applied"] * 2
    assert applied(Incoming("1", BOB, 7), origin="a long way off", key="gold") == ["applied"]
    assert flows() == [
        (NOW, "a long way off", "gold", 1, 7, 0),
        (NOW, "own", "default", 1, 1, 0),
        (NOW, ORIGIN, "default", 2, 20, 5),
    ]


def test_duplicates_conflicts_and_what_is_refused_do_not_count():
    applied(Incoming("1", ANNA, 20))
    statuses = applied(
        Incoming("1", ANNA, 20), Incoming("1", ANNA, 21), Incoming("2", "nobody", 1), Incoming("3", ANNA, 1)
    )
    assert statuses == ["duplicate", "conflict", "refused", "applied"]
    recorded(Draft(ANNA, 10, ref="order-1"))
    recorded(Draft(ANNA, 10, ref="order-1"))
    refused(Draft(ANNA, 5), Draft(ANNA, 0))
    assert flows() == [(NOW, "own", "default", 1, 10, 0), (NOW, ORIGIN, "default", 2, 21, 0)]


def test_movements_of_no_points_do_not_count_since_no_other_site_hears_of_them():
    made(10)
    recorded(Draft(ANNA, set_to=10, ref="count-1"))
    applied(Incoming("1", ANNA, set_to=10), Incoming("2", ANNA, 0))
    assert flows() == [(NOW, "own", "default", 1, 10, 0)]


def test_a_set_without_effect_or_ref_makes_no_flow():
    recorded(Draft(ANNA, set_to=0))
    assert flows() == []


def test_each_kind_has_its_own():
    recorded(Draft(ANNA, 10), Draft(ANNA, -4), Draft(BOB, 6), Draft(BOB, -1, kind="refund"))
    assert applied(Incoming("1", ANNA, 20, kind="of a newer site")) == ["applied"]
    with db.write() as session:
        rows = session.execute(select(Flow.kind, Flow.movements, Flow.given, Flow.taken).order_by(Flow.kind))
        assert [tuple(row) for row in rows] == [
            ("earn", 2, 16, 0),
            ("of a newer site", 1, 20, 0),
            ("refund", 1, 0, 1),
            ("spend", 1, 0, 4),
        ]
    flows()


@pytest.mark.parametrize("kind", ["opening", "correction", "expire"])
def test_kinds_that_stay_here_count_too(kind):
    made(-8, kind=kind)
    assert flows() == [(NOW, "own", "default", 1, 0, 8)]


def test_sums_beyond_32_bits():
    for number in range(3):
        recorded(Draft(ANNA, 2_000_000_000), now=NOW + timedelta(seconds=2 * number))
        recorded(Draft(ANNA, -2_000_000_000), now=NOW + timedelta(seconds=2 * number + 1))
    assert flows() == [(NOW, "own", "default", 6, 6_000_000_000, 6_000_000_000)]


def test_many_at_once_lose_nothing(app):
    jobs = [
        *(partial(db.in_write, lambda session: record(session, [Draft(ANNA, 1)], "test", NOW)) for _ in range(6)),
        *(partial(applied, Incoming(str(number), ANNA, -1)) for number in range(1, 7)),
        *(partial(applied, Incoming(str(number), BOB, 2), origin="wrk_fedcba9876543210") for number in range(1, 5)),
    ]
    together(app, *jobs)
    assert flows() == [
        (NOW, "own", "default", 6, 6, 0),
        (NOW, ORIGIN, "default", 6, 0, 6),
        (NOW, "wrk_fedcba9876543210", "default", 4, 8, 0),
    ]
