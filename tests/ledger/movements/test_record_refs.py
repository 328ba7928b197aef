"""Recording with a ref: the same content once, and other content is a conflict, within its source."""

from datetime import timedelta

import pytest

from pointsync import db
from pointsync.errors import Conflict
from pointsync.ledger import reserves
from pointsync.ledger.record import Draft
from tests.ledger.record_drafts import ANNA, balance, expect_refused, movement_count, record_all, record_one
from tests.support.moving_clock import START as NOW

LATER = NOW + timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("app")


def test_a_set_with_a_ref_that_changed_nothing_does_not_set_back_later():
    record_one(10)
    assert record_one(set_to=10, ref="set-1").status == "unchanged"
    record_one(5)
    again = record_one(set_to=10, ref="set-1")
    assert (again.status, again.to_json().id, balance()) == ("unchanged", None, 15)


def test_the_same_ref_with_the_same_content_is_recorded_once():
    first = record_one(25, ref="order-7", reason="first")
    for again in (
        record_one(25, ref="order-7"),
        record_one(25, ref="order-7", kind="earn", reason="other words", at=LATER),
    ):
        assert (again.status, again.movement.id) == ("duplicate", first.movement.id)
    assert (movement_count(), balance()) == (1, 25)


def test_a_customer_spelled_otherwise_is_the_same_content():
    record_one(25, ref="order-7")
    [again] = record_all(Draft(" ANNA@Shop.Example ", 25, ref="order-7"))
    assert again.status == "duplicate"


def test_the_same_ref_with_other_content_is_a_conflict():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    record_one(25, ref="order-7")
    for other in (
        Draft(ANNA, 26, ref="order-7"),
        Draft(ANNA, -25, ref="order-7"),
        Draft("bob@shop.example", 25, ref="order-7"),
        Draft(ANNA, 25, ref="order-7", kind="manual"),
        Draft(ANNA, 25, ref="order-7", reserve="gold"),
        Draft(ANNA, set_to=25, ref="order-7"),
    ):
        refusal = expect_refused(other, of=Conflict)
        assert (refusal.code, list(refusal.fields)) == ("ref_conflict", ["ref"]), other
    assert balance() == 25


def test_a_set_is_known_by_what_it_was_set_to():
    record_one(10)
    first = record_one(set_to=25, ref="s")
    record_one(5)
    assert record_one(set_to=25, ref="s").movement.id == first.movement.id
    assert expect_refused(Draft(ANNA, set_to=26, ref="s"), of=Conflict).code == "ref_conflict"
    assert expect_refused(Draft(ANNA, 15, ref="s"), of=Conflict).code == "ref_conflict"


def test_a_ref_is_unique_within_its_source_only():
    record_all(Draft(ANNA, 25, ref="1"), source="api:web")
    [other] = record_all(Draft(ANNA, 7, ref="1"), source="api:till")
    assert (other.status, balance()) == ("recorded", 32)


def test_the_same_ref_twice_in_one_call():
    first, second = record_all(Draft(ANNA, 25, ref="1"), Draft(ANNA, 25, ref="1"))
    assert (first.status, second.status) == ("recorded", "duplicate")
    assert first.movement.id == second.movement.id is not None
    assert (movement_count(), balance()) == (1, 25)


def test_a_conflict_within_one_call_records_nothing():
    refusal = expect_refused(
        Draft(ANNA, 25, ref="1"), Draft(ANNA, 26, ref="1", field_prefix="movements[1]."), of=Conflict
    )
    assert (refusal.code, list(refusal.fields)) == ("ref_conflict", ["movements[1].ref"])
    assert "None" not in refusal.message


def test_movements_without_a_ref_are_each_their_own():
    record_all(Draft(ANNA, 25), Draft(ANNA, 25))
    record_one(25)
    assert (movement_count(), balance()) == (3, 75)
