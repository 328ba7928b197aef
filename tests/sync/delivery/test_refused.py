"""What a remote has refused waits for an admin, who has three ways to deal with it."""

from contextlib import suppress

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict, Invalid, NotFound, Refused
from pointsync.ledger.verify import differences
from pointsync.models import Balance, Delivery, Movement, State
from pointsync.sync.delivery import refused
from pointsync.sync.remotes import remotes
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import OTHER_AUTH, added, line, owed, settled, sold

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def remote_id(app) -> int:
    """A remote that has refused a movement of 25 points and is owed another one of 7."""
    line_id = added()
    sold(25)
    settled(line_id, State.FAILED, code="out_of_bounds", message="The balance would leave its bounds.", attempts=4)
    sold(7)
    return line_id


def delivery(state: State = State.FAILED) -> Delivery:
    """The first delivery in that state."""
    with db.write() as session:
        return session.scalars(select(Delivery).where(Delivery.state == state).order_by(Delivery.id)).first()


def listed(of: int | None = None):
    """What is listed for an admin."""
    with db.write() as session:
        return refused.listing(session, of)


def done(call, *args):
    """One of the three ways, committed."""
    with db.write() as session:
        return call(session, *args)


def balance() -> int:
    """Anna's points; and the ledger is sound."""
    with db.write() as session:
        assert differences(session) == []
        return session.scalars(select(Balance.points)).one()


def test_what_was_refused_is_listed_with_why_and_what(remote_id):
    [row] = listed()
    assert (row["remote"], row["code"], row["message"]) == (
        remote_id,
        "out_of_bounds",
        "The balance would leave its bounds.",
    )
    assert (row["movement"]["points"], row["movement"]["customer"]) == (25, "anna@shop.example")
    assert listed(remote_id) == [row]
    assert listed(remote_id + 1) == []


def test_of_a_deleted_line_nothing_is_listed(remote_id):
    with db.write() as session:
        remotes.remove(session, line(session, remote_id), NOW, dropping=2)
    assert listed() == []


def test_send_again_owes_it_as_if_it_had_never_been_sent(remote_id):
    done(refused.send_again, delivery().id)
    assert listed() == []
    assert owed(remote_id) == [25, 7]
    again = delivery(State.PENDING)
    assert (again.attempts, again.not_before) == (0, None)
    assert balance() == 32


def test_set_aside_keeps_the_reason(remote_id):
    done(refused.set_aside, delivery().id, " Given by hand. ")
    assert listed() == []
    assert owed(remote_id) == [7]
    assert delivery(State.ASIDE).message == "Given by hand."
    assert balance() == 32


def test_set_aside_with_a_reason_that_cannot_be_changes_nothing(remote_id):
    for reason in ("x" * 501, "two\nlines"):
        with pytest.raises(Invalid) as refusal:
            done(refused.set_aside, delivery().id, reason)
        assert list(refusal.value.fields) == ["reason"]
    assert len(listed()) == 1


def test_correct_here_takes_it_back_and_tells_nobody(remote_id):
    other = added(OTHER_AUTH, url="https://third.example")
    name = done(refused.correct, delivery().id, NOW)
    assert balance() == 7
    with db.write() as session:
        correction = session.scalars(select(Movement).order_by(Movement.seq.desc())).first()
        assert (correction.id, correction.kind, correction.points) == (name, "correction", -25)
        assert "refused" in correction.reason
    assert (owed(remote_id), owed(other, None)) == ([7], [])
    assert name in delivery(State.ASIDE).message
    assert listed() == []


def test_correct_here_goes_below_zero_where_the_points_are_spent(remote_id):
    sold(-30)
    done(refused.correct, delivery().id, NOW)
    assert balance() == -23
    with db.write() as session:
        assert session.scalars(select(Movement.below_zero).order_by(Movement.seq.desc())).first()


@pytest.mark.parametrize("first", ["again", "aside", "correct"])
def test_what_is_dealt_with_is_not_dealt_with_twice(remote_id, first):
    ways = {
        "again": (refused.send_again,),
        "aside": (refused.set_aside, "Given by hand."),
        "correct": (refused.correct, NOW),
    }
    number = delivery().id
    call, *args = ways[first]
    done(call, number, *args)
    before = balance()
    for call, *args in ways.values():
        with pytest.raises(Conflict) as refusal:
            done(call, number, *args)
        assert refusal.value.code == "not_refused"
    assert balance() == before


def test_a_second_refusal_of_what_was_sent_again_can_be_corrected(remote_id):
    done(refused.send_again, delivery().id)
    settled(remote_id, State.FAILED)
    assert len(listed()) == 2
    done(refused.correct, listed()[0]["id"], NOW)
    assert balance() == 7


def test_two_remotes_that_refuse_the_same_are_not_both_corrected(remote_id):
    """Taken back once, the movement counts for nobody here; a second correction would take it twice."""
    second = added(OTHER_AUTH, url="https://third.example")
    with db.write() as session:
        seq = session.scalars(select(Movement.seq).order_by(Movement.seq)).first()
        session.add(Delivery(movement_seq=seq, remote_id=second, state=State.FAILED, code="conflict"))
    first, other = listed()
    done(refused.correct, first["id"], NOW)
    assert balance() == 7
    with suppress(Refused):
        done(refused.correct, other["id"], NOW)
    assert balance() == 7


def test_a_delivery_that_is_none():
    for call, *args in ((refused.send_again,), (refused.set_aside, "x"), (refused.correct, NOW)):
        with pytest.raises(NotFound):
            done(call, 999, *args)
