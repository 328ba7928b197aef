"""Movements that took a customer below zero: listed until they are old and resolved; corrected once."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.errors import Conflict, InvalidInput, NotFound, TryLater
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.below_zero import overdrawn
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.integrity import verify
from pointsync.models import Delivery, Movement
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import remotes
from tests.ledger.record_drafts import ANNA, balance, movement_count, record_one
from tests.support.apps import get_reserve, run_concurrently
from tests.support.moving_clock import START as NOW
from tests.support.queries import queries_of, query_plan
from tests.support.remote_rows import remote_input

pytestmark = pytest.mark.usefixtures("app")

ORIGIN = "wrk_00000000000000aa"
BEN = "ben@shop.example"


def apply_movement(points: int, number: int = 1, customer: str = ANNA, now=NOW, key: str = "default") -> int:
    """Apply a movement of another site; returns its `seq`."""
    with db.transaction() as session:
        incoming = IncomingMovement(str(number), customer, points=points, kind="spend")
        apply(session, ORIGIN, get_reserve(session, key), [incoming], now)
        return session.scalars(select(func.max(Movement.seq))).one()


def list_overdrawn(now=NOW, days: int = 31, **more) -> list[tuple[int, int, bool]]:
    """The movements' points, the customers' current points, and whether each is correctable."""
    with db.transaction() as session:
        rows = overdrawn.list_page(session, now - timedelta(days=days), **more).rows
        return [(row.movement.points, row.points, row.is_correctable) for row in rows]


def correct_movement(seq: int, now=NOW, correct=overdrawn.correct) -> Movement:
    """Correct a movement, on all sites or with `overdrawn.correct_here`."""
    with db.transaction() as session:
        return correct(session, seq, now)


each_way = pytest.mark.parametrize(
    ("correct", "kind", "delivery_count"), [(overdrawn.correct, "manual", 1), (overdrawn.correct_here, "correction", 0)]
)


def test_only_what_took_somebody_below_zero_is_listed():
    record_one(10)
    apply_movement(-30, 1)
    apply_movement(-5, 2)
    record_one(5)  # still below zero, but not because of this movement
    apply_movement(-7, 3, BEN)
    assert list_overdrawn() == [(-7, -7, True), (-5, -20, True), (-30, -20, True)]


def test_resolved_overdrafts_are_not_listed():
    apply_movement(-30, now=NOW - timedelta(days=32))
    assert list_overdrawn() == [(-30, -30, True)], "old movements are listed while the customer is below zero"
    record_one(100)
    assert list_overdrawn() == []
    assert list_overdrawn(days=33) == [(-30, 70, False)]


def test_where_the_reserve_allows_it_now_nothing_can_be_corrected():
    seq = apply_movement(-30)
    with db.transaction() as session:
        reserves.update(session, "default", "Points", True, True)
    assert list_overdrawn() == [(-30, -30, False)]
    with pytest.raises(Conflict):
        correct_movement(seq)


@each_way
def test_a_correction_brings_the_balance_to_zero(correct, kind, delivery_count):
    with db.transaction() as session:
        remotes.add(session, get_runtime().vault, remote_input(), NOW, with_backfill=False)
    seq = apply_movement(-30)
    movement = correct_movement(seq, NOW + timedelta(hours=1), correct)
    assert (movement.points, movement.kind, movement.balance) == (30, kind, 0)
    assert movement.reason == "The balance was below zero"
    assert balance() == 0
    assert list_overdrawn() == [(-30, 0, False)]
    with db.transaction() as session:
        assert overdrawn.get(session, seq).correction.id == movement.id
        assert session.scalar(select(func.count()).select_from(Delivery)) == delivery_count
        assert verify.find_balance_differences(session) == []
        assert verify.find_hourly_total_differences(session) == []


@each_way
@pytest.mark.parametrize("again", [overdrawn.correct, overdrawn.correct_here])
def test_once_for_each_movement(correct, kind, delivery_count, again):
    seq = apply_movement(-30)
    correct_movement(seq, correct=correct)
    apply_movement(-5, 2)
    with pytest.raises(Conflict) as refusal:
        correct_movement(seq, correct=again)
    assert refusal.value.code == "corrected_before"
    assert balance() == -5
    assert list_overdrawn() == [(-5, -5, True), (-30, -5, False)]


def test_a_correction_never_takes_points_away():
    seq = apply_movement(-30)
    record_one(100)
    before = movement_count()
    with pytest.raises(Conflict) as refusal:
        correct_movement(seq)
    assert refusal.value.code == "not_below_zero"
    assert (balance(), movement_count()) == (70, before)


def test_concurrent_corrections_correct_it_once(app):
    seq = apply_movement(-30)

    def job() -> bool:
        try:
            db.run_in_transaction(lambda session: overdrawn.correct(session, seq, NOW))
        except Conflict:
            return False
        return True

    assert sorted(run_concurrently(app, *[job] * 4)) == [False, False, False, True]
    assert (balance(), movement_count()) == (0, 2)


def test_concurrent_points_and_redemptions_add_up(app):
    seq = apply_movement(-30)

    def correct() -> None:
        try:
            db.run_in_transaction(lambda session: overdrawn.correct(session, seq, NOW))
        except Conflict:
            return

    run_concurrently(app, correct, lambda: record_one(20, ref="a"), lambda: record_one(25, ref="b"))
    with db.transaction() as session:
        assert verify.find_balance_differences(session) == []
    assert balance() in (15, 20, 25, 45)


@each_way
def test_an_incomplete_balance_is_not_corrected(correct, kind, delivery_count):
    """Lost movements are on their way back, which may bring it above zero."""
    seq = apply_movement(-30)
    with db.transaction() as session:
        fetch_back.begin(session, NOW)
    with pytest.raises(TryLater):
        correct_movement(seq, correct=correct)
    assert balance() == -30


def test_what_happened_since_is_listed():
    record_one(10)
    seq = apply_movement(-30)
    record_one(1)
    apply_movement(-4, 2)
    apply_movement(-9, 3, BEN)
    with db.transaction() as session:
        movement = overdrawn.get(session, seq).movement
        assert [each.points for each in overdrawn.list_later(session, movement, 5)] == [-4, 1]
        assert [each.points for each in overdrawn.list_later(session, movement, 1)] == [-4]


def test_only_corrections_that_stay_here_are_declared_differences():
    correct_movement(apply_movement(-30, 1))
    correct_movement(apply_movement(-7, 2, BEN), correct=overdrawn.correct_here)
    record_one(5, kind="manual")
    with db.transaction() as session:
        rows = overdrawn.list_differences(session).rows
        assert [(each.points, each.customer.email, each.reserve.key) for each in rows] == [(7, BEN, "default")]


def test_an_inactive_reserve_is_reported():
    seq = apply_movement(-30)
    with db.transaction() as session:
        reserves.update(session, "default", "Points", False, False)
    with pytest.raises(InvalidInput):
        correct_movement(seq)
    assert balance() == -30


@pytest.mark.parametrize("seq", [999, 2**63 - 1])
def test_unknown_movements(seq):
    record_one(10)
    with pytest.raises(NotFound):
        correct_movement(seq)
    with pytest.raises(NotFound):
        correct_movement(1)
    with pytest.raises(NotFound), db.transaction() as session:
        overdrawn.get(session, 1)


def test_there_and_back():
    for number in range(25):
        apply_movement(-1 - number, number + 1)

    def page(cursor=None):
        with db.transaction() as session:
            return overdrawn.list_page(session, NOW, cursor=cursor, size=10)

    pages = [page()]
    while pages[-1].next:
        pages.append(page(pages[-1].next))
    assert [row.movement.points for each in pages for row in each.rows] == [*range(-25, 0)]
    assert [row.movement.points for row in page(pages[-1].previous).rows] == [*range(-15, -5)]
    with pytest.raises(InvalidInput):
        page("broken")


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_it_is_found_by_the_index_of_such_movements():
    """On SQLite, whose plans can be checked exactly."""
    apply_movement(-30)
    queries = queries_of(lambda session: overdrawn.list_page(session, NOW))
    assert len(queries) == 2
    lines = str([query_plan(query) for query in queries])
    assert "ix_movement_below_zero" in lines
    assert "TEMP B-TREE" not in lines
