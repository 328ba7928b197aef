"""Recording: points below zero, bounds, invalid fields and reserves."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pointsync import db
from pointsync.errors import Conflict, NotFound
from pointsync.ids import MAX_ID
from pointsync.ledger.record import Draft
from pointsync.models.movement import LOCAL_KINDS, SENT_KINDS
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, MAX_REF_LENGTH
from tests.ledger.record_drafts import ANNA, balance, expect_refused, record_all, record_one, row_counts
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW

pytestmark = pytest.mark.usefixtures("app")


def test_a_spend_below_zero_is_refused():
    for kind in ("spend", "redeem"):
        record_one(10)
        refusal = expect_refused(Draft(ANNA, -11, kind=kind), of=Conflict)
        assert refusal.code == "insufficient_points"
        assert "10" in refusal.message
        assert "11" in refusal.message
        assert record_one(-10, kind=kind).movement.balance == 0
        assert expect_refused(Draft(ANNA, -1), of=Conflict).code == "insufficient_points"
        assert expect_refused(Draft(ANNA, set_to=-1, kind=kind), of=Conflict).code == "insufficient_points"


def test_any_other_movement_below_zero_is_applied_and_flagged():
    for kind in sorted((SENT_KINDS | LOCAL_KINDS) - {"spend", "redeem"}):
        [outcome] = record_all(Draft(f"{kind}@shop.example", -11, kind=kind))
        assert (outcome.movement.balance, outcome.movement.below_zero) == (-11, True), kind


def test_a_spend_that_has_happened_is_applied_and_flagged():
    movement = record_one(-11, kind="spend", has_happened=True).movement
    assert (movement.balance, movement.below_zero) == (-11, True)


def test_only_what_takes_points_is_flagged():
    record_one(-11, kind="manual")
    assert not record_one(5).movement.below_zero
    assert record_one(-1, kind="refund").movement.below_zero
    assert not record_one(100).movement.below_zero


def test_a_reserve_may_allow_to_go_below_zero():
    with db.transaction() as session:
        get_reserve(session).may_go_below_zero = True
    movement = record_one(-11, kind="spend").movement
    assert (movement.balance, movement.below_zero) == (-11, False)


def test_the_bounds_of_points():
    assert record_one(MAX_POINTS).movement.balance == MAX_POINTS
    assert list(expect_refused(Draft(ANNA, 1)).fields) == ["points"]
    record_one(set_to=-MAX_POINTS)
    assert balance() == -MAX_POINTS
    assert list(expect_refused(Draft(ANNA, -1, kind="manual")).fields) == ["points"]
    for field, draft in (
        ("points", Draft("bob@shop.example", MAX_POINTS + 1)),
        ("points", Draft("bob@shop.example", -MAX_POINTS - 1, kind="manual")),
        ("set", Draft("bob@shop.example", set_to=MAX_POINTS + 1)),
        ("set", Draft("bob@shop.example", set_to=-MAX_POINTS - 1)),
        ("points", Draft("bob@shop.example", 10**30)),
    ):
        assert list(expect_refused(draft).fields) == [field]


def test_an_invalid_field_is_named_with_its_prefix():
    for draft, field in (
        (Draft(ANNA), "points"),
        (Draft(ANNA, 5, set_to=5), "points"),
        (Draft(ANNA, 0), "points"),
        (Draft("nobody", 5), "customer"),
        (Draft("", 5), "customer"),
        (Draft(ANNA, 5, reason="x" * (MAX_REASON_LENGTH + 1)), "reason"),
        (Draft(ANNA, 5, reason="two\nlines"), "reason"),
        (Draft(ANNA, 5, reason="nul\x00"), "reason"),
        (Draft(ANNA, 5, reason="lone \ud800"), "reason"),
        (Draft(ANNA, 5, ref="x" * (MAX_REF_LENGTH + 1)), "ref"),
        (Draft(ANNA, 5, ref=""), "ref"),
        (Draft(ANNA, 5, ref="  "), "ref"),
        (Draft(ANNA, 5, ref=" 7"), "ref"),
        (Draft(ANNA, 5, ref="7\n"), "ref"),
        (Draft(ANNA, 5, ref="a\tb"), "ref"),
        (Draft(ANNA, 5, ref="\x00"), "ref"),
        (Draft(ANNA, 5, at=NOW + timedelta(days=1, milliseconds=1)), "at"),
    ):
        assert list(expect_refused(draft).fields) == [field], draft
        placed = replace(draft, field_prefix="movements[3].")
        assert list(expect_refused(placed).fields) == [f"movements[3].{field}"], draft


def test_texts_may_have_their_limit():
    movement = record_one(5, reason="ü" * MAX_REASON_LENGTH, ref="é" * MAX_REF_LENGTH).movement
    assert (len(movement.reason), len(movement.ref)) == (MAX_REASON_LENGTH, MAX_REF_LENGTH)


def test_a_time_slightly_ahead_becomes_now():
    assert record_one(5, at=NOW + timedelta(days=1)).movement.at == NOW
    assert record_one(5, at=NOW).movement.at == NOW
    assert record_one(5, at=NOW - timedelta(days=9999)).movement.at == NOW - timedelta(days=9999)


def test_an_unknown_reserve_is_named_with_those_there_are():
    for key in ("gold", "", "a/b", "x" * 200, "\x00"):
        refusal = expect_refused(Draft(ANNA, 5, reserve=key, field_prefix="movements[0]."), of=NotFound)
        assert (refusal.code, list(refusal.fields)) == ("unknown_reserve", ["movements[0].reserve"])
        assert "default" in refusal.message


def test_an_inactive_reserve_takes_nothing():
    with db.transaction() as session:
        get_reserve(session).is_active = False
    refusal = expect_refused(Draft(ANNA, 5))
    assert (refusal.code, list(refusal.fields)) == ("inactive_reserve", ["reserve"])


def test_a_call_has_its_limit():
    assert len(record_all(*[Draft(f"c{number % 700}@shop.example", 1) for number in range(1000)])) == 1000
    assert "1,000" in expect_refused(*[Draft(ANNA, 1)] * 1001).message
    assert row_counts()[:2] == [1000, 700]
    assert record_all() == []


@pytest.mark.parametrize("year", [2081, 2089, 2090, 9999])
def test_a_clock_that_is_far_ahead_leaves_ids(year):
    results = [record_all(Draft(ANNA, 1), now=now) for now in (NOW, NOW.replace(year=year), NOW)]
    before, ahead, after = (int(result.movement.id) for [result] in results)
    assert before < ahead < after < MAX_ID // 2
