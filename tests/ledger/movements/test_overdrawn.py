"""Movements that took a customer below zero: listed until they are long past and made up for; corrected once."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.ledger import overdrawn, reserves, verify
from pointsync.ledger.apply import Incoming, apply
from pointsync.models import Delivery, Movement
from pointsync.runtime import runtime
from pointsync.sync.remotes import remotes
from tests.ledger.record_drafts import ANNA, balance, count, made
from tests.support.apps import reserve, together
from tests.support.moving_clock import START as NOW
from tests.support.queries import asked, plan
from tests.support.remote_rows import typed

pytestmark = pytest.mark.usefixtures("app")

ORIGIN = "wrk_00000000000000aa"
BEN = "ben@shop.example"


def came(points: int, number: int = 1, customer: str = ANNA, now=NOW, key: str = "default") -> int:
    """Apply a movement of another site; its number here."""
    with db.write() as session:
        incoming = Incoming(str(number), customer, points=points, kind="spend")
        apply(session, ORIGIN, reserve(session, key), [incoming], now)
        return session.scalars(select(func.max(Movement.seq))).one()


def listed(now=NOW, days: int = 31, **more) -> list[tuple[int, int, bool]]:
    """The movements' points, what the customers have now, and whether each can be corrected."""
    with db.write() as session:
        rows = overdrawn.page(session, now - timedelta(days=days), **more).rows
        return [(row.movement.points, row.points, row.may_be_corrected) for row in rows]


def corrected(seq: int, now=NOW) -> Movement:
    """Correct it."""
    with db.write() as session:
        return overdrawn.correct(session, seq, now)


def test_only_what_took_somebody_below_zero_is_listed():
    made(10)
    came(-30, 1)
    came(-5, 2)
    made(5)  # below zero still, but not by this one
    came(-7, 3, BEN)
    assert listed() == [(-7, -7, True), (-5, -20, True), (-30, -20, True)]


def test_what_is_past_and_made_up_for_is_not_listed():
    came(-30, now=NOW - timedelta(days=32))
    assert listed() == [(-30, -30, True)], "however old, while the customer is below zero"
    made(100)
    assert listed() == []
    assert listed(days=33) == [(-30, 70, False)]


def test_where_the_reserve_allows_it_now_nothing_can_be_corrected():
    seq = came(-30)
    with db.write() as session:
        reserves.change(session, "default", "Points", True, True)
    assert listed() == [(-30, -30, False)]
    with pytest.raises(Conflict):
        corrected(seq)


def test_a_correction_brings_the_balance_to_zero_and_stays_here():
    with db.write() as session:
        remotes.add(session, runtime().vault, typed(), NOW, with_history=False)
    seq = came(-30)
    movement = corrected(seq, NOW + timedelta(hours=1))
    assert (movement.points, movement.kind, movement.balance) == (30, "correction", 0)
    assert balance() == 0
    assert listed() == [(-30, 0, False)]
    with db.write() as session:
        assert overdrawn.get(session, seq).correction.id == movement.id
        assert session.scalar(select(func.count()).select_from(Delivery)) == 0
        assert verify.differences(session) == []
        assert verify.flow_differences(session) == []


def test_once_for_each_movement():
    seq = came(-30)
    corrected(seq)
    came(-5, 2)
    with pytest.raises(Conflict) as refusal:
        corrected(seq)
    assert refusal.value.code == "corrected_before"
    assert balance() == -5
    assert listed() == [(-5, -5, True), (-30, -5, False)]


def test_it_never_takes_points_away():
    seq = came(-30)
    made(100)
    before = count()
    with pytest.raises(Conflict) as refusal:
        corrected(seq)
    assert refusal.value.code == "not_below_zero"
    assert (balance(), count()) == (70, before)


def test_at_once_it_is_corrected_once(app):
    seq = came(-30)

    def job() -> bool:
        try:
            db.in_write(lambda session: overdrawn.correct(session, seq, NOW))
        except Conflict:
            return False
        return True

    assert sorted(together(app, *[job] * 4)) == [False, False, False, True]
    assert (balance(), count()) == (0, 2)


def test_with_points_that_come_at_the_same_time_the_balance_is_what_they_make(app):
    seq = came(-30)

    def correct() -> None:
        try:
            db.in_write(lambda session: overdrawn.correct(session, seq, NOW))
        except Conflict:
            return

    together(app, correct, lambda: made(20, ref="a"), lambda: made(25, ref="b"))
    with db.write() as session:
        assert verify.differences(session) == []
    assert balance() in (15, 20, 25, 45)


def test_an_inactive_reserve_is_told():
    seq = came(-30)
    with db.write() as session:
        reserves.change(session, "default", "Points", False, False)
    with pytest.raises(Invalid):
        corrected(seq)
    assert balance() == -30


@pytest.mark.parametrize("seq", [999, 2**63 - 1])
def test_what_is_none(seq):
    made(10)
    with pytest.raises(NotFound):
        corrected(seq)
    with pytest.raises(NotFound):
        corrected(1)
    with pytest.raises(NotFound), db.write() as session:
        overdrawn.get(session, 1)


def test_there_and_back():
    for number in range(25):
        came(-1 - number, number + 1)

    def page(cursor=None):
        with db.write() as session:
            return overdrawn.page(session, NOW, cursor=cursor, size=10)

    pages = [page()]
    while pages[-1].next:
        pages.append(page(pages[-1].next))
    assert [row.movement.points for each in pages for row in each.rows] == [*range(-25, 0)]
    assert [row.movement.points for row in page(pages[-1].previous).rows] == [*range(-15, -5)]
    with pytest.raises(Invalid):
        page("broken")


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_it_is_found_by_the_index_of_such_movements():
    """On SQLite, whose plans are told exactly."""
    came(-30)
    queries = asked(lambda session: overdrawn.page(session, NOW))
    assert len(queries) == 2
    lines = str([plan(query) for query in queries])
    assert "ix_movement_below_zero" in lines
    assert "TEMP B-TREE" not in lines
