"""Recording movements: stored fields, kinds and sets; all or none."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict
from pointsync.ledger import reserves
from pointsync.ledger.record import Draft, record
from pointsync.models import Movement, Site
from pointsync.models.movement import LOCAL_KINDS, SENT_KINDS
from tests.ledger.record_drafts import ANNA, balance, expect_refused, movement_count, record_all, record_one, row_counts
from tests.support.moving_clock import START as NOW

pytestmark = pytest.mark.usefixtures("app")


def test_a_movement_is_stored_as_it_was_given():
    outcome = record_one(25, reason=" Order 7 – süß ", ref="order-7", at=NOW - timedelta(days=3))
    with db.transaction() as session:
        movement = session.scalars(select(Movement)).one()
        site = session.get_one(Site, 1)
        assert (movement.origin, movement.id) == (site.auth, str(site.last_id))
        assert (movement.points, movement.balance, movement.kind) == (25, 25, "earn")
        assert (movement.reason, movement.ref, movement.source) == ("Order 7 – süß", "order-7", "test")
        assert (movement.at, movement.recorded_at) == (NOW - timedelta(days=3), NOW)
        assert (movement.below_zero, movement.is_history, movement.set_to) == (False, False, None)
    assert msgspec.to_builtins(outcome.to_json()) == {
        "id": movement.id,
        "ref": "order-7",
        "origin": movement.origin,
        "customer": ANNA,
        "reserve": "default",
        "kind": "earn",
        "points": 25,
        "balance": 25,
        "reason": "Order 7 – süß",
        "at": "2026-02-26T12:00:00Z",
        "recorded_at": "2026-03-01T12:00:00Z",
        "status": "recorded",
    }


def test_every_kind_is_accepted_with_either_sign():
    kinds = sorted(SENT_KINDS | LOCAL_KINDS)
    outcomes = record_all(*(Draft(f"{kind}@shop.example", points, kind=kind) for kind in kinds for points in (70, -30)))
    assert [(each.movement.kind, each.movement.balance) for each in outcomes] == [
        (kind, points) for kind in kinds for points in (70, 40)
    ]


def test_the_usual_kind_follows_the_sign():
    assert [record_one(10).movement.kind, record_one(-5).movement.kind, record_one(set_to=3).movement.kind] == [
        "earn",
        "spend",
        "manual",
    ]


def test_another_kind_is_refused():
    for kind in ("", "bonus", "EARN", "earn "):
        assert "kind" in expect_refused(Draft(ANNA, 5, kind=kind)).fields


def test_a_set_is_the_difference_when_it_is_recorded():
    record_one(10)
    down = record_one(set_to=4).movement
    assert (down.points, down.set_to, down.balance) == (-6, 4, 4)
    up = record_one(set_to=50).movement
    assert (up.points, up.balance, balance()) == (46, 50, 50)


def test_a_set_to_the_current_balance_records_nothing():
    record_one(10)
    outcome = record_one(set_to=10)
    assert (outcome.status, outcome.to_json().id, movement_count()) == ("unchanged", None, 1)


def test_sets_and_points_of_one_call_follow_each_other():
    outcomes = record_all(Draft(ANNA, 10), Draft(ANNA, set_to=25), Draft(ANNA, -5), Draft(ANNA, set_to=0))
    assert [outcome.movement.points for outcome in outcomes] == [10, 15, -5, -20]
    assert [outcome.movement.balance for outcome in outcomes] == [10, 25, 20, 0]
    assert balance() == 0


def test_a_call_is_recorded_whole_or_not_at_all():
    for place in range(3):
        drafts = [Draft(ANNA, 5), Draft("bob@shop.example", 5), Draft("eve@shop.example", 5)]
        drafts[place] = Draft("new@shop.example", -1, kind="spend", field_prefix=f"movements[{place}].")
        refusal = expect_refused(*drafts, of=Conflict)
        assert list(refusal.fields) == [f"movements[{place}].points"]


def test_each_reserve_has_its_own_balance():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    record_all(Draft(ANNA, 5), Draft(ANNA, 70, reserve="gold"), Draft(ANNA, -2))
    assert (balance(), balance(key="gold")) == (3, 70)


def test_an_error_after_the_record_takes_it_back():
    def operation(session):
        record(session, [Draft(ANNA, 5)], "test", NOW)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        db.run_in_transaction(operation)
    assert (row_counts(), balance()) == ([0, 0, 0], None)
