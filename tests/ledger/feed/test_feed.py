"""The feed: every movement once, in the order in which it was recorded here; a cursor of a lost state is refused."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from pointsync import db
from pointsync.db.commit_signal import get_signal
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger.feed import feed, safe_point
from pointsync.ledger.feed.lineage import get_lineage
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, HourlyTotal, Movement, Site
from tests.ledger.expiry.expiry_steps import apply_late
from tests.ledger.record_drafts import ANNA, record_all, record_one
from tests.support.moving_clock import START as NOW


def read(after: str | None = None, limit: int = 100) -> tuple[list[int], str]:
    """The points of a page, and its `next`."""
    session = db.session()
    session.rollback()
    page = feed.read_page(session, feed.find_position(session, after), limit)
    return [each.movement.points for each in page.entries], str(page.next)


def test_every_movement_in_the_order_of_recording(app):
    record_all(Draft(ANNA, 50), Draft("ben@shop.example", 7, kind="opening"), Draft(ANNA, -1, kind="correction"))
    apply_late(-90, NOW - timedelta(days=9), NOW)
    record_all(Draft(ANNA, -2, kind="expire"))
    session = db.session()
    page = feed.read_page(session, feed.find_position(session, None), 100)
    assert [(each.email, each.movement.points, each.movement.balance, each.reserve_key) for each in page.entries] == [
        (ANNA, 50, 50, "default"),
        ("ben@shop.example", 7, 7, "default"),
        (ANNA, -1, 49, "default"),
        (ANNA, -90, -41, "default"),
        (ANNA, -2, -43, "default"),
    ]
    assert page.entries[-1].cursor == page.next


def test_pages(app):
    for points in range(1, 6):
        record_one(points)
    first, cursor = read(limit=2)
    second, cursor = read(cursor, limit=2)
    third, cursor = read(cursor, limit=2)
    assert (first, second, third) == ([1, 2], [3, 4], [5])
    assert read(cursor) == ([], cursor)
    record_one(6)
    assert read(cursor)[0] == [6]


def test_latest_begins_with_what_comes(app):
    empty = read(feed.LATEST)
    assert empty[0] == []
    record_one(1)
    assert read(empty[1])[0] == [1]
    _, cursor = read(feed.LATEST)
    record_one(2)
    assert read(cursor)[0] == [2]


def test_a_movement_of_no_points_is_left_out_and_not_read_again(app):
    record_one(5)
    record_one(set_to=5, ref="set-1")
    points, cursor = read()
    assert points == [5]
    assert read(cursor) == ([], cursor)
    record_one(1)
    assert read(cursor)[0] == [1]


@pytest.mark.parametrize("text", ["", "1", "LATEST", "0" * 12 + "-1-", "x" * 12 + "-1-00000000", "a\0b", "١" * 12])
def test_what_is_no_cursor(app, text):
    with pytest.raises(InvalidInput) as refusal:
        read(text)
    assert list(refusal.value.fields) == ["after"]


def expect_invalid(cursor: str) -> None:
    with pytest.raises(Conflict) as refusal:
        read(cursor)
    assert refusal.value.code == "cursor_invalid"
    assert "after=latest" in refusal.value.message


def test_a_cursor_of_another_database(app):
    record_one(1)
    _, cursor = read()
    lineage, seq, check = cursor.split("-")
    expect_invalid(f"{'0' * 12}-{seq}-{check}")
    expect_invalid(f"{lineage}-{seq}-00000000")
    expect_invalid(f"{lineage}-0-{check}")
    expect_invalid(f"{lineage}-{int(seq) + 1}-{check}")
    expect_invalid(f"{lineage}-{'9' * 18}-{check}")


def roll_back_to(seq: int) -> None:
    """Let the database lose all movements after `seq`, as if an earlier copy of it were put back."""
    with db.transaction() as session:
        session.execute(delete(Delivery))
        session.execute(delete(HourlyTotal))
        session.execute(delete(Movement).where(Movement.seq > seq))
        if session.get_bind().dialect.name == "postgresql":
            session.connection().exec_driver_sql(f"SELECT setval('movement_seq_seq', {seq})")


def test_a_database_that_lost_movements_before_anybody_has_noticed(app):
    record_one(1)
    _, early = read()
    kept_seq = int(early.split("-")[1])
    record_one(2)
    record_one(3)
    _, late = read()
    roll_back_to(kept_seq)
    expect_invalid(late)
    record_one(4)
    record_one(5)
    expect_invalid(late)
    assert read(early)[0] == [4, 5]


def test_an_admin_says_that_the_database_was_restored(app):
    record_one(1)
    _, cursor = read()
    with db.transaction() as session:
        fetch_back.begin(session, NOW)
    expect_invalid(cursor)


def test_the_lineage_survives_what_loses_nothing(app):
    with db.transaction() as session:
        before = get_lineage(session)
        session.execute(update(Site).values(run="0" * 32, call=99, place="elsewhere", hold="moved?"))
        assert get_lineage(session) == before
        session.execute(update(Site).values(marker="f" * 32))
        assert get_lineage(session) != before


def test_numbers_that_become_visible_in_another_order(postgres_app):
    """The movement with the lower number is committed later: both are read, in their order."""
    from tests.support.apps import create_site, delete_all_rows

    inserted, may_commit = threading.Event(), threading.Event()

    def apply_slowly() -> None:
        with postgres_app.app_context(), db.transaction() as session:
            from pointsync.ledger.apply import IncomingMovement, apply
            from tests.support.apps import get_reserve

            apply(
                session, "wrk_bbbbbbbbbbbbbbbb", get_reserve(session), [IncomingMovement("1", "slow@x.example", 1)], NOW
            )
            inserted.set()
            assert may_commit.wait(30)

    with postgres_app.app_context():
        create_site()
        try:
            record_one(7)
            _, start = read()
            slow = threading.Thread(target=apply_slowly)
            slow.start()
            assert inserted.wait(30)
            record_one(2)
            naive = db.session.scalars(select(Movement.points).order_by(Movement.seq)).all()
            assert naive == [7, 2], "the control: what a reader without the safe point would see now"
            assert read(start) == ([], start)
            assert read(feed.LATEST)[1] == start
            assert feed.has_more(db.session(), feed.find_position(db.session(), start))
            may_commit.set()
            slow.join(30)
            assert read(start)[0] == [1, 2]
        finally:
            may_commit.set()
            db.session.remove()
            delete_all_rows()


def test_a_movement_that_is_rolled_back_holds_up_nobody(app):
    record_one(1)
    _, cursor = read()
    with db.transaction() as session:
        record(session, [Draft(ANNA, 5)], "test", NOW)
        session.rollback()
    record_one(2)
    assert read(cursor)[0] == [2]


def test_a_commit_with_movements_wakes_those_who_wait(app):
    signal = get_signal()
    before = signal.count
    with db.transaction() as session:
        session.execute(update(Site).values(call=1))
    assert signal.count == before
    record_one(1)
    assert signal.count == before + 1
    signal.wait(before, 30)  # returns at once


def test_the_keys_of_the_locks_are_no_other_locks():
    assert safe_point._NAMESPACE << safe_point._SEQ_BITS > 2**32
    assert (safe_point._NAMESPACE + 1) << safe_point._SEQ_BITS < 2**63
