"""Movements that somebody edits in the database are noticed, and the sums show what is there now."""

import pytest
from flask import Flask
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.digests import DigestSum
from pointsync.ledger import received_summary
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity import movement_changes, scrub, undigested
from pointsync.models import AlteredMovement, Customer, DeliveryState, Movement, MovementChange, Remote, Site
from pointsync.sync.comparison import delivered
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import ANNA, add_remote, record_points, set_delivery_states

ORIGIN = "wrk_00000000000000aa"


@pytest.fixture(autouse=True)
def ledger(app: Flask) -> int:
    """Three received movements, and three of this site that are delivered to a remote; the remote's id."""
    remote_id = add_remote()
    record_points(1, 2, 3)
    set_delivery_states(remote_id, DeliveryState.DELIVERED)
    with db.transaction() as session:
        incoming = [IncomingMovement(str(number), ANNA, number) for number in (10, 20, 30)]
        apply(session, ORIGIN, get_reserve(session), incoming, NOW)
        delivered.recount(session, session.get_one(Remote, remote_id))
    return remote_id


def process() -> None:
    """What the heartbeat does."""
    while db.run_in_transaction(lambda session: movement_changes.process_next_chunk(session, NOW)):
        pass


def sums(remote_id: int = 1) -> tuple[DigestSum | None, DigestSum]:
    """What is held of the other site, and what is delivered to it."""
    with db.transaction() as session:
        held = received_summary.get_sum(session, ORIGIN, get_reserve(session).id)
        return held, session.get_one(Remote, remote_id, populate_existing=True).delivered


def assert_sums_are_right(remote_id: int = 1) -> None:
    """The stored sums are those of the rows."""
    with db.transaction() as session:
        assert scrub.find_wrong_sums(session) == {}
        assert not delivered.recount(session, session.get_one(Remote, remote_id, populate_existing=True))


def edit(old_points: int, **values: object) -> None:
    with db.transaction() as session:
        session.execute(update(Movement).where(Movement.points == old_points).values(**values))


@pytest.mark.parametrize(("points", "changes_held"), [(20, True), (2, False)])
def test_an_edit_changes_the_sums_until_it_is_undone(ledger: int, points: int, changes_held: bool) -> None:
    held, sent = sums()
    edit(points, points=1000)
    process()
    assert_sums_are_right()
    now_held, now_sent = sums()
    assert (now_held != held, now_sent != sent) == (changes_held, not changes_held)
    with db.transaction() as session:
        assert movement_changes.count_altered(session) == 1
    edit(1000, points=points)
    process()
    assert sums() == (held, sent)
    with db.transaction() as session:
        assert movement_changes.count_altered(session) == 0
        assert not movement_changes.are_waiting(session)


def test_a_row_that_takes_the_number_of_a_deleted_one(ledger: int) -> None:
    """SQLite gives the number of a deleted last row to the next one, perhaps before the deletion is noticed."""
    with db.transaction() as session:
        incoming = [IncomingMovement("40", ANNA, 40)]
        session.execute(delete(Movement).where(Movement.points == 30))
        apply(session, ORIGIN, get_reserve(session), incoming, NOW)
        session.execute(update(Movement).where(Movement.points == 40).values(points=41))
    process()
    assert_sums_are_right()
    with db.transaction() as session:
        session.execute(delete(Movement).where(Movement.points.in_((41, 20, 10))))
    record_points(5)
    process()
    assert_sums_are_right()
    with db.transaction() as session:
        assert movement_changes.count_altered(session) == 0


def test_several_edits_before_a_heartbeat_count_once(ledger: int) -> None:
    before = sums()
    for first, second in ((20, 21), (21, 22), (22, 20), (3, 4), (4, 5)):
        edit(first, points=second)
    process()
    assert_sums_are_right()
    assert sums()[0] == before[0]
    assert sums()[1] != before[1]


def test_a_thorough_edit_changes_the_sum_too(ledger: int) -> None:
    """The digest is edited with the points: the row is consistent, but not what the other site has."""
    before = sums()
    edit(20, points=1000, digest=12345)
    process()
    assert_sums_are_right()
    assert sums()[0] != before[0]


def test_a_deleted_movement_is_no_longer_in_the_sums(ledger: int) -> None:
    held, _ = sums()
    with db.transaction() as session:
        session.execute(delete(Movement).where(Movement.points == 20))
    process()
    now_held, _ = sums()
    assert held
    assert now_held
    assert now_held.count == held.count - 1
    assert_sums_are_right()


@pytest.mark.parametrize(("points", "is_equal"), [(20, (True, True)), (2, (False, True))])
def test_remotes_with_edited_movements_count_as_different(
    ledger: int, points: int, is_equal: tuple[bool, bool]
) -> None:
    """Movement 20 is of a site that is no remote, 2 is of this one."""
    with db.transaction() as session:
        session.execute(update(Remote).values(is_equal_there=True, is_equal_here=True, checked_at=NOW))
    edit(points, points=1000)
    process()
    with db.transaction() as session:
        remote = session.get_one(Remote, ledger, populate_existing=True)
        assert (remote.is_equal_there, remote.is_equal_here) == is_equal
        assert (remote.differs_since is None, remote.checked_at is not None) == (all(is_equal), all(is_equal))


def test_a_movement_moved_to_another_origin(ledger: int) -> None:
    with db.transaction() as session:
        apply(session, "wrk_00000000000000bb", get_reserve(session), [IncomingMovement("1", ANNA, 5)], NOW)
    edit(20, origin="wrk_00000000000000bb")
    process()
    assert_sums_are_right()


def test_an_edited_address_is_noticed_at_once(ledger: int) -> None:
    before = sums()
    set_address(ANNA, "typo@shop.example")
    process()
    assert_sums_are_right()
    assert all(now != then for now, then in zip(sums(), before, strict=True))
    set_address("typo@shop.example", ANNA)
    process()
    assert sums() == before
    with db.transaction() as session:
        assert movement_changes.count_altered(session) == 0


@pytest.mark.parametrize("is_noticed", [True, False])
def test_a_movement_is_moved_to_another_customer_than_it_was_sent_for(ledger: int, is_noticed: bool) -> None:
    """The address as it was sent is stored with the movement, so its digest could be computed as before."""
    with db.transaction() as session:
        apply(session, ORIGIN, get_reserve(session), [IncomingMovement("40", "straße@shop.example", 40)], NOW)
        assert session.scalar(select(Movement.sent_customer).where(Movement.points == 40))
    before, _ = sums()
    with db.transaction() as session:
        anna_id = session.scalars(select(Customer.id).where(Customer.email == ANNA)).one()
    edit(40, customer_id=anna_id)
    if not is_noticed:
        with db.transaction() as session:
            session.execute(delete(MovementChange))
        scrub_all()
    process()
    assert_sums_are_right()
    assert sums()[0] != before
    with db.transaction() as session:
        # The origin sends it again.
        result = apply(session, ORIGIN, get_reserve(session), [IncomingMovement("40", "straße@shop.example", 40)], NOW)
        assert result[0].status == "applied"
    assert sums()[0] == before


def test_what_is_right_again_without_a_note_is_found_by_the_scrub(ledger: int) -> None:
    before = sums()
    edit(20, points=1000)
    process()
    edit(1000, points=20)
    with db.transaction() as session:
        session.execute(delete(MovementChange))
    scrub_all()
    process()
    assert sums() == before
    with db.transaction() as session:
        assert movement_changes.count_altered(session) == 0


def set_address(old: str, new: str) -> None:
    with db.transaction() as session:
        session.execute(update(Customer).where(Customer.email == old).values(email=new))


def test_the_site_itself_causes_no_note(ledger: int) -> None:
    with db.transaction() as session:
        assert session.scalars(select(MovementChange.id)).all() == []


def test_what_no_trigger_noted_is_found_by_the_scrub(ledger: int) -> None:
    """Somebody edited with triggers switched off, or the disk changed a byte."""
    edit(20, points=1000)
    with db.transaction() as session:
        session.execute(delete(MovementChange))
    scrub_all()
    process()
    assert_sums_are_right()
    with db.transaction() as session:
        assert session.scalars(select(AlteredMovement.movement_seq)).all()


def scrub_all() -> None:
    """One whole scrub."""
    after_seq: int | None = 0
    while after_seq is not None:
        with db.transaction() as session:
            notes, after_seq = scrub.find_altered(session, after_seq)
            scrub.save_part(session, notes, after_seq, NOW)


def test_a_wrong_sum_is_counted_anew(ledger: int) -> None:
    with db.transaction() as session:
        received_summary.change(session, ORIGIN, get_reserve(session).id, DigestSum(5, 77))
    with db.transaction() as session:
        wrong = scrub.find_wrong_sums(session)
        assert set(wrong) == {(ORIGIN, get_reserve(session).id)}
        scrub.correct_sums(session, wrong.keys(), NOW)
    assert_sums_are_right()


def test_movements_from_before_digests_are_digested_part_by_part(ledger: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sums()
    with db.transaction() as session:
        forget_digests(session)
        assert received_summary.get_sum(session, ORIGIN, get_reserve(session).id) is None
    record_points(7)
    monkeypatch.setattr(undigested, "CHUNK_SIZE", 2)
    part_count = 1
    while db.run_in_transaction(lambda session: undigested.digest_next_chunk(session, NOW)):
        part_count += 1
    assert part_count == 3
    assert sums() == before
    assert_sums_are_right()
    with db.transaction() as session:
        assert undigested.progress(session) is None
        assert session.scalars(select(Movement.seq).where(Movement.digest.is_(None))).all() == []


def forget_digests(session: Session) -> None:
    """The state right after the upgrade of a version without digests."""
    last_seq = Movement.get_last_seq(session)
    session.execute(update(Movement).values(digest=None))
    session.execute(delete(MovementChange))
    session.execute(text("UPDATE holding SET hash = NULL"))
    session.execute(text("UPDATE remote SET delivered_count = 0, delivered_hash = NULL"))
    session.execute(update(Site).values(undigested_seq=last_seq, undigested_total=last_seq))
    session.expire_all()
