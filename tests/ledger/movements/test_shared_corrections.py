"""Two sites correct the same balance below zero before they know of each other: one correction counts."""

import pytest
from sqlalchemy import select

from pointsync import db, ids
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.below_zero import overdrawn, shared_corrections
from pointsync.ledger.integrity import verify
from pointsync.models import Delivery, Movement
from pointsync.text_limits import MAX_POINTS
from tests.ledger.record_drafts import ANNA, balance, record_one
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import add_remote

pytestmark = pytest.mark.usefixtures("app")

OTHER, THIRD = "wrk_00000000000000aa", "wrk_ffffffffffffffff"
LOWEST, HIGHEST = "1", str(ids.MAX_ID)


def apply_one(movement_id: str, points: int, ref: str | None = None, origin: str = OTHER, **more: str) -> None:
    """Apply a movement of another site."""
    with db.transaction() as session:
        kind = "spend" if points < 0 else more.pop("kind", "manual")
        incoming = IncomingMovement(movement_id, more.pop("customer", ANNA), points=points, kind=kind, ref=ref)
        apply(session, origin, get_reserve(session, more.pop("reserve", "default")), [incoming], NOW)


def overdraw(points: int, movement_id: str = "7") -> int:
    """Take Anna below zero by a movement of another site; returns its `seq`."""
    apply_one(movement_id, points)
    return movements()[-1].seq


def correct(seq: int) -> str:
    """Correct it on all sites; returns the ref."""
    with db.transaction() as session:
        return overdrawn.correct(session, seq, NOW).ref


def movements() -> list[Movement]:
    with db.transaction() as session:
        assert verify.find_balance_differences(session) == []
        assert verify.find_hourly_total_differences(session) == []
        return list(session.scalars(select(Movement).order_by(Movement.seq)))


def test_the_higher_correction_is_taken_back_on_its_own_site():
    remote_id = add_remote()
    seq = overdraw(-30)
    ref = correct(seq)
    assert ref == f"below-zero:{seq}:1"
    apply_one(LOWEST, 30, "below-zero:99:1")
    last = movements()[-1]
    assert (last.points, last.kind, last.ref) == (-30, "manual", f"{ref}:taken-back")
    assert last.reason == "Taken back: another site had corrected the same balance"
    assert balance() == 0
    with db.transaction() as session:
        row = overdrawn.get(session, seq)
        assert (row.is_taken_back, row.is_corrected, row.is_correctable) == (True, False, False)
        sent = session.scalars(select(Movement.points).join(Delivery, Delivery.movement_seq == Movement.seq))
        assert sorted(sent) == [-30, 30]
        assert session.scalars(select(Delivery.remote_id)).all() == [remote_id] * 2


def test_the_lower_correction_stays():
    correct(overdraw(-30))
    count = len(movements())
    apply_one(HIGHEST, 30, "below-zero:99:1")
    assert len(movements()) == count + 1
    assert balance() == 30, "until the other site takes its own back"
    apply_one("8", -30, "below-zero:99:1:taken-back")
    assert balance() == 0


def test_corrections_of_equal_ids_are_in_the_order_of_their_sites():
    correct(overdraw(-30))
    own = movements()[-1]
    apply_one(own.id, 30, "below-zero:99:1", THIRD)
    assert (movements()[-1].origin, balance()) == (THIRD, 30)
    apply_one(own.id, 30, "below-zero:99:1", OTHER)
    expected = [-30] if own.origin > OTHER else []
    assert [each.points for each in movements() if each.ref and each.ref.endswith("taken-back")] == expected


def test_of_three_corrections_one_stays():
    correct(overdraw(-30))
    apply_one(LOWEST, 30, "below-zero:99:1")
    apply_one("2", 30, "below-zero:5:1", THIRD)
    assert [each.points for each in movements() if each.source == "correction"] == [30, -30], "taken back once"


def test_a_later_balance_below_zero_is_corrected_again():
    """The number is above all that are known, so that the new correction is no duplicate of an earlier one."""
    correct(overdraw(-30))
    apply_one("9", 50, "below-zero:99:4")
    second = overdraw(-80, "11")
    ref = correct(second)
    assert ref == f"below-zero:{second}:5"
    apply_one("2", 50, "below-zero:99:4")  # the same again
    apply_one("3", 5, "below-zero:100:6")  # the next one, of a site that knew ours
    assert [each.points for each in movements() if each.source == "correction"] == [30, 30]


@pytest.mark.parametrize(
    ("points", "ref", "more"),
    [
        (30, None, {}),
        (30, "below-zero:99", {}),
        (30, "below-zero:99:1:taken-back", {}),
        (30, "below-zero::1", {}),
        (30, f"below-zero:{'9' * 30}:1", {}),
        (30, f"below-zero:1:{'1' * 30}", {}),
        (30, "below-zero:99:2", {}),
        (-30, "below-zero:99:1", {}),
        (30, "below-zero:99:1", {"kind": "earn"}),
        (30, "below-zero:99:1", {"customer": "ben@shop.example"}),
    ],
)
def test_other_movements_take_nothing_back(points, ref, more):
    correct(overdraw(-30))
    apply_one(LOWEST, points, ref, **more)
    assert [each.points for each in movements() if each.source == "correction"] == [30]


def test_local_corrections_are_not_taken_back():
    seq = overdraw(-30)
    with db.transaction() as session:
        overdrawn.correct_here(session, seq, NOW)
    apply_one(LOWEST, 30, "below-zero:99:1")
    assert balance() == 30


def test_a_batch_is_applied_although_the_balance_could_not_bear_the_withdrawal():
    correct(overdraw(-30))
    apply_one("8", -MAX_POINTS)
    apply_one(LOWEST, 20, "below-zero:99:1")
    assert balance() == 20 - MAX_POINTS


def test_a_taken_back_correction_can_be_made_again():
    seq = overdraw(-30)
    correct(seq)
    apply_one(LOWEST, 30, "below-zero:99:1")
    record_one(-12, kind="manual")
    assert correct(seq) == f"below-zero:{seq}:2"
    assert balance() == 0
    with db.transaction() as session:
        assert overdrawn.get(session, seq).is_corrected


def test_the_ref_of_what_was_taken_back():
    assert shared_corrections.taken_back_ref("below-zero:3:1") == "below-zero:3:1:taken-back"
