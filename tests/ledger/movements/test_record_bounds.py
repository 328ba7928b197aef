"""What recording takes: points below zero, bounds, faulty fields, reserves."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pointsync import db
from pointsync.errors import Conflict, NotFound
from pointsync.ledger.record import Draft
from pointsync.models.movement import LOCAL_KINDS, SENT_KINDS
from pointsync.text_limits import MAX_POINTS, MAX_REASON, MAX_REF
from tests.ledger.record_drafts import ANNA, balance, counts, made, recorded, refused
from tests.support.apps import reserve
from tests.support.moving_clock import START as NOW

pytestmark = pytest.mark.usefixtures("app")


def test_a_spend_below_zero_is_refused():
    for kind in ("spend", "redeem"):
        made(10)
        refusal = refused(Draft(ANNA, -11, kind=kind), of=Conflict)
        assert refusal.code == "insufficient_points"
        assert "10" in refusal.message
        assert "11" in refusal.message
        assert made(-10, kind=kind).movement.balance == 0
        assert refused(Draft(ANNA, -1), of=Conflict).code == "insufficient_points"
        assert refused(Draft(ANNA, set_to=-1, kind=kind), of=Conflict).code == "insufficient_points"


def test_any_other_movement_below_zero_is_applied_and_flagged():
    for kind in sorted((SENT_KINDS | LOCAL_KINDS) - {"spend", "redeem"}):
        [outcome] = recorded(Draft(f"{kind}@shop.example", -11, kind=kind))
        assert (outcome.movement.balance, outcome.movement.below_zero) == (-11, True), kind


def test_what_has_happened_in_the_shop_already_is_applied_and_flagged():
    movement = made(-11, kind="spend", is_done=True).movement
    assert (movement.balance, movement.below_zero) == (-11, True)


def test_only_what_takes_points_is_flagged():
    made(-11, kind="manual")
    assert not made(5).movement.below_zero
    assert made(-1, kind="refund").movement.below_zero
    assert not made(100).movement.below_zero


def test_a_reserve_may_allow_to_go_below_zero():
    with db.write() as session:
        reserve(session).may_go_below_zero = True
    movement = made(-11, kind="spend").movement
    assert (movement.balance, movement.below_zero) == (-11, False)


def test_the_bounds_of_points():
    assert made(MAX_POINTS).movement.balance == MAX_POINTS
    assert list(refused(Draft(ANNA, 1)).fields) == ["points"]
    made(set_to=-MAX_POINTS)
    assert balance() == -MAX_POINTS
    assert list(refused(Draft(ANNA, -1, kind="manual")).fields) == ["points"]
    for field, draft in (
        ("points", Draft("bob@shop.example", MAX_POINTS + 1)),
        ("points", Draft("bob@shop.example", -MAX_POINTS - 1, kind="manual")),
        ("set", Draft("bob@shop.example", set_to=MAX_POINTS + 1)),
        ("set", Draft("bob@shop.example", set_to=-MAX_POINTS - 1)),
        ("points", Draft("bob@shop.example", 10**30)),
    ):
        assert list(refused(draft).fields) == [field]


def test_a_faulty_field_is_named_with_its_place():
    for draft, field in (
        (Draft(ANNA), "points"),
        (Draft(ANNA, 5, set_to=5), "points"),
        (Draft(ANNA, 0), "points"),
        (Draft("nobody", 5), "customer"),
        (Draft("", 5), "customer"),
        (Draft(ANNA, 5, reason="x" * (MAX_REASON + 1)), "reason"),
        (Draft(ANNA, 5, reason="two\nlines"), "reason"),
        (Draft(ANNA, 5, reason="nul\x00"), "reason"),
        (Draft(ANNA, 5, reason="lone \ud800"), "reason"),
        (Draft(ANNA, 5, ref="x" * (MAX_REF + 1)), "ref"),
        (Draft(ANNA, 5, ref=""), "ref"),
        (Draft(ANNA, 5, ref="  "), "ref"),
        (Draft(ANNA, 5, ref=" 7"), "ref"),
        (Draft(ANNA, 5, ref="7\n"), "ref"),
        (Draft(ANNA, 5, ref="a\tb"), "ref"),
        (Draft(ANNA, 5, ref="\x00"), "ref"),
        (Draft(ANNA, 5, at=NOW + timedelta(days=1, milliseconds=1)), "at"),
    ):
        assert list(refused(draft).fields) == [field], draft
        placed = replace(draft, where="movements[3].")
        assert list(refused(placed).fields) == [f"movements[3].{field}"], draft


def test_texts_may_have_their_limit():
    movement = made(5, reason="ü" * MAX_REASON, ref="é" * MAX_REF).movement
    assert (len(movement.reason), len(movement.ref)) == (MAX_REASON, MAX_REF)


def test_a_moment_a_little_ahead_is_now():
    assert made(5, at=NOW + timedelta(days=1)).movement.at == NOW
    assert made(5, at=NOW).movement.at == NOW
    assert made(5, at=NOW - timedelta(days=9999)).movement.at == NOW - timedelta(days=9999)


def test_an_unknown_reserve_is_named_with_those_there_are():
    for key in ("gold", "", "a/b", "x" * 200, "\x00"):
        refusal = refused(Draft(ANNA, 5, reserve=key, where="movements[0]."), of=NotFound)
        assert (refusal.code, list(refusal.fields)) == ("unknown_reserve", ["movements[0].reserve"])
        assert "default" in refusal.message


def test_an_inactive_reserve_takes_nothing():
    with db.write() as session:
        reserve(session).is_active = False
    refusal = refused(Draft(ANNA, 5))
    assert (refusal.code, list(refusal.fields)) == ("inactive_reserve", ["reserve"])


def test_a_call_has_its_limit():
    assert len(recorded(*[Draft(f"c{number % 700}@shop.example", 1) for number in range(1000)])) == 1000
    assert "1,000" in refused(*[Draft(ANNA, 1)] * 1001).message
    assert counts()[:2] == [1000, 700]
    assert recorded() == []
