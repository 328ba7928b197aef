"""Deliveries that a remote refused wait for an admin, who can send them again, set them aside or correct them."""

from contextlib import suppress

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict, DomainError, InvalidInput, NotFound
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.models import Balance, Delivery, DeliveryState, Movement
from pointsync.sync.delivery import refused
from pointsync.sync.remotes import remotes
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import (
    OTHER_AUTH,
    add_remote,
    get_remote,
    outstanding_points,
    record_points,
    set_delivery_states,
)

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def remote_id(app) -> int:
    """A remote that refused a movement of 25 points and has another one of 7 waiting."""
    refusing_id = add_remote()
    record_points(25)
    set_delivery_states(
        refusing_id,
        DeliveryState.FAILED,
        code="out_of_bounds",
        message="The balance would leave its bounds.",
        attempts=4,
    )
    record_points(7)
    return refusing_id


def get_delivery(state: DeliveryState = DeliveryState.FAILED) -> Delivery:
    """The first delivery in that state."""
    with db.transaction() as session:
        return session.scalars(select(Delivery).where(Delivery.state == state).order_by(Delivery.id)).first()


def list_refused(remote_id: int | None = None):
    """The refused deliveries as an admin sees them."""
    with db.transaction() as session:
        return refused.list_json(session, remote_id)


def run_committed(call, *args):
    """Make the call in a transaction."""
    with db.transaction() as session:
        return call(session, *args)


def balance() -> int:
    """Anna's points; the ledger must be consistent."""
    with db.transaction() as session:
        assert find_balance_differences(session) == []
        return session.scalars(select(Balance.points)).one()


def test_refused_deliveries_are_listed_with_the_reason_and_the_movement(remote_id):
    [row] = list_refused()
    assert (row["remote"], row["code"], row["message"]) == (
        remote_id,
        "out_of_bounds",
        "The balance would leave its bounds.",
    )
    assert (row["movement"]["points"], row["movement"]["customer"]) == (25, "anna@shop.example")
    assert list_refused(remote_id) == [row]
    assert list_refused(remote_id + 1) == []


def test_refusals_of_a_deleted_remote_are_not_listed(remote_id):
    with db.transaction() as session:
        remotes.delete(session, get_remote(session, remote_id), NOW, expected_drop_count=2)
    assert list_refused() == []


def test_send_again_resets_the_delivery(remote_id):
    run_committed(refused.send_again, get_delivery().id)
    assert list_refused() == []
    assert outstanding_points(remote_id) == [25, 7]
    again = get_delivery(DeliveryState.PENDING)
    assert (again.attempts, again.not_before) == (0, None)
    assert balance() == 32


def test_set_aside_keeps_the_reason(remote_id):
    run_committed(refused.set_aside, get_delivery().id, " Added there by phone. ")
    assert list_refused() == []
    assert outstanding_points(remote_id) == [7]
    assert get_delivery(DeliveryState.SET_ASIDE).message == "Added there by phone."
    assert balance() == 32


def test_set_aside_with_an_invalid_reason_changes_nothing(remote_id):
    for reason in ("x" * 501, "two\nlines"):
        with pytest.raises(InvalidInput) as refusal:
            run_committed(refused.set_aside, get_delivery().id, reason)
        assert list(refusal.value.fields) == ["reason"]
    assert len(list_refused()) == 1


def test_correct_here_takes_the_points_back_and_sends_nothing(remote_id):
    other = add_remote(OTHER_AUTH, url="https://third.example")
    correction_id = run_committed(refused.correct, get_delivery().id, NOW)
    assert balance() == 7
    with db.transaction() as session:
        correction = session.scalars(select(Movement).order_by(Movement.seq.desc())).first()
        assert (correction.id, correction.kind, correction.points) == (correction_id, "correction", -25)
        assert "refused" in correction.reason
    assert (outstanding_points(remote_id), outstanding_points(other, None)) == ([7], [])
    assert correction_id in get_delivery(DeliveryState.SET_ASIDE).message
    assert list_refused() == []


def test_correct_here_goes_below_zero_when_the_points_were_spent(remote_id):
    record_points(-30)
    run_committed(refused.correct, get_delivery().id, NOW)
    assert balance() == -23
    with db.transaction() as session:
        assert session.scalars(select(Movement.below_zero).order_by(Movement.seq.desc())).first()


@pytest.mark.parametrize("first", ["again", "aside", "correct"])
def test_a_resolved_delivery_cannot_be_resolved_again(remote_id, first):
    actions = {
        "again": (refused.send_again,),
        "aside": (refused.set_aside, "Added there by phone."),
        "correct": (refused.correct, NOW),
    }
    delivery_id = get_delivery().id
    call, *args = actions[first]
    run_committed(call, delivery_id, *args)
    before = balance()
    for call, *args in actions.values():
        with pytest.raises(Conflict) as refusal:
            run_committed(call, delivery_id, *args)
        assert refusal.value.code == "not_refused"
    assert balance() == before


def test_a_delivery_refused_again_can_be_corrected(remote_id):
    run_committed(refused.send_again, get_delivery().id)
    set_delivery_states(remote_id, DeliveryState.FAILED)
    assert len(list_refused()) == 2
    run_committed(refused.correct, list_refused()[0]["id"], NOW)
    assert balance() == 7


def test_a_movement_refused_by_two_remotes_is_corrected_once(remote_id):
    """The first correction takes the points back; a second one would take them twice."""
    second = add_remote(OTHER_AUTH, url="https://third.example")
    with db.transaction() as session:
        seq = session.scalars(select(Movement.seq).order_by(Movement.seq)).first()
        session.add(Delivery(movement_seq=seq, remote_id=second, state=DeliveryState.FAILED, code="conflict"))
    first, other = list_refused()
    run_committed(refused.correct, first["id"], NOW)
    assert balance() == 7
    with suppress(DomainError):
        run_committed(refused.correct, other["id"], NOW)
    assert balance() == 7


def test_an_unknown_delivery_is_not_found():
    for call, *args in ((refused.send_again,), (refused.set_aside, "x"), (refused.correct, NOW)):
        with pytest.raises(NotFound):
            run_committed(call, 999, *args)
