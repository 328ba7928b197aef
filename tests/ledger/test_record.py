"""Recording what was made here: kinds, sets, refs, bounds; all or nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.errors import Conflict, Invalid, NotFound, Refused
from pointsync.ledger import reserves
from pointsync.ledger.bounds import MAX_POINTS, MAX_REASON, MAX_REF
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, Movement, Site
from pointsync.models.movement import LOCAL_KINDS, SENT_KINDS
from tests.support.frozen import START as NOW
from tests.support.local import reserve

ANNA = "anna@shop.example"
LATER = NOW + timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("app")


def recorded(*drafts: Draft, source: str = "test", now=NOW):
    """The outcomes of `drafts`, committed."""
    with db.write() as session:
        return record(session, drafts, source, now)


def made(points: int | None = None, **more):
    """The one movement that a draft for Anna made."""
    [outcome] = recorded(Draft(ANNA, points, **more))
    return outcome


def balance(email: str = ANNA, key: str = "default") -> int | None:
    """What the database holds; None where there is no balance."""
    with db.write() as session:
        return session.scalar(
            select(Balance.points)
            .join(Customer, Customer.id == Balance.customer_id)
            .where(Customer.email == email, Balance.reserve_id == reserve(session, key).id)
        )


def count() -> int:
    """How many movements there are."""
    return counts()[0]


def counts() -> list[int]:
    """How many movements, customers and balances there are."""
    with db.write() as session:
        return [session.scalar(select(func.count()).select_from(model)) for model in (Movement, Customer, Balance)]


def refused(*drafts: Draft, of: type[Refused] = Invalid) -> Refused:
    """Why these are refused; nothing has changed then."""
    before = counts()
    with pytest.raises(of) as refusal:
        recorded(*drafts)
    assert counts() == before
    return refusal.value


def test_a_movement_is_kept_as_it_was_made():
    outcome = made(25, reason=" Order 7 – süß ", ref="order-7", at=NOW - timedelta(days=3))
    with db.write() as session:
        movement = session.scalars(select(Movement)).one()
        site = session.get_one(Site, 1)
        assert (movement.origin, movement.id) == (site.auth, str(site.last_id))
        assert (movement.points, movement.balance, movement.kind) == (25, 25, "earn")
        assert (movement.reason, movement.ref, movement.source) == ("Order 7 – süß", "order-7", "test")
        assert (movement.at, movement.recorded_at) == (NOW - timedelta(days=3), NOW)
        assert (movement.below_zero, movement.is_history, movement.set_to) == (False, False, None)
    assert outcome.shape == {
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


def test_every_kind_is_taken_with_either_sign():
    kinds = sorted(SENT_KINDS | LOCAL_KINDS)
    outcomes = recorded(*(Draft(f"{kind}@shop.example", points, kind=kind) for kind in kinds for points in (70, -30)))
    assert [(each.movement.kind, each.movement.balance) for each in outcomes] == [
        (kind, points) for kind in kinds for points in (70, 40)
    ]


def test_the_usual_kind_follows_the_sign():
    assert [made(10).movement.kind, made(-5).movement.kind, made(set_to=3).movement.kind] == ["earn", "spend", "manual"]


def test_another_kind_is_refused():
    for kind in ("", "bonus", "EARN", "earn "):
        assert "kind" in refused(Draft(ANNA, 5, kind=kind)).fields


def test_a_set_is_the_difference_at_the_moment_it_is_made():
    made(10)
    down = made(set_to=4).movement
    assert (down.points, down.set_to, down.balance) == (-6, 4, 4)
    up = made(set_to=50).movement
    assert (up.points, up.balance, balance()) == (46, 50, 50)


def test_a_set_to_what_is_there_records_nothing():
    made(10)
    outcome = made(set_to=10)
    assert (outcome.status, outcome.shape["id"], count()) == ("unchanged", None, 1)


def test_a_set_with_a_ref_that_changed_nothing_does_not_set_back_later():
    made(10)
    assert made(set_to=10, ref="set-1").status == "unchanged"
    made(5)
    again = made(set_to=10, ref="set-1")
    assert (again.status, again.shape["id"], balance()) == ("unchanged", None, 15)


def test_sets_and_points_of_one_call_follow_each_other():
    outcomes = recorded(Draft(ANNA, 10), Draft(ANNA, set_to=25), Draft(ANNA, -5), Draft(ANNA, set_to=0))
    assert [outcome.movement.points for outcome in outcomes] == [10, 15, -5, -20]
    assert [outcome.movement.balance for outcome in outcomes] == [10, 25, 20, 0]
    assert balance() == 0


def test_the_same_ref_with_the_same_content_is_recorded_once():
    first = made(25, ref="order-7", reason="first")
    for again in (made(25, ref="order-7"), made(25, ref="order-7", kind="earn", reason="other words", at=LATER)):
        assert (again.status, again.movement.id) == ("duplicate", first.movement.id)
    assert (count(), balance()) == (1, 25)


def test_a_customer_spelled_otherwise_is_the_same_content():
    made(25, ref="order-7")
    [again] = recorded(Draft(" ANNA@Shop.Example ", 25, ref="order-7"))
    assert again.status == "duplicate"


def test_the_same_ref_with_other_content_is_a_conflict():
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
    made(25, ref="order-7")
    for other in (
        Draft(ANNA, 26, ref="order-7"),
        Draft(ANNA, -25, ref="order-7"),
        Draft("bob@shop.example", 25, ref="order-7"),
        Draft(ANNA, 25, ref="order-7", kind="manual"),
        Draft(ANNA, 25, ref="order-7", reserve="gold"),
        Draft(ANNA, set_to=25, ref="order-7"),
    ):
        refusal = refused(other, of=Conflict)
        assert (refusal.code, list(refusal.fields)) == ("ref_conflict", ["ref"]), other
    assert balance() == 25


def test_a_set_is_known_by_what_it_was_set_to():
    made(10)
    first = made(set_to=25, ref="s")
    made(5)
    assert made(set_to=25, ref="s").movement.id == first.movement.id
    assert refused(Draft(ANNA, set_to=26, ref="s"), of=Conflict).code == "ref_conflict"
    assert refused(Draft(ANNA, 15, ref="s"), of=Conflict).code == "ref_conflict"


def test_a_ref_is_unique_within_its_source_only():
    recorded(Draft(ANNA, 25, ref="1"), source="api:web")
    [other] = recorded(Draft(ANNA, 7, ref="1"), source="api:till")
    assert (other.status, balance()) == ("recorded", 32)


def test_the_same_ref_twice_in_one_call():
    first, second = recorded(Draft(ANNA, 25, ref="1"), Draft(ANNA, 25, ref="1"))
    assert (first.status, second.status) == ("recorded", "duplicate")
    assert first.movement.id == second.movement.id is not None
    assert (count(), balance()) == (1, 25)


def test_a_conflict_within_one_call_records_nothing():
    refusal = refused(Draft(ANNA, 25, ref="1"), Draft(ANNA, 26, ref="1", where="movements[1]."), of=Conflict)
    assert (refusal.code, list(refusal.fields)) == ("ref_conflict", ["movements[1].ref"])
    assert "None" not in refusal.message


def test_movements_without_a_ref_are_each_their_own():
    recorded(Draft(ANNA, 25), Draft(ANNA, 25))
    made(25)
    assert (count(), balance()) == (3, 75)


def test_a_call_is_recorded_whole_or_not_at_all():
    for place in range(3):
        drafts = [Draft(ANNA, 5), Draft("bob@shop.example", 5), Draft("eve@shop.example", 5)]
        drafts[place] = Draft("new@shop.example", -1, kind="spend", where=f"movements[{place}].")
        refusal = refused(*drafts, of=Conflict)
        assert list(refusal.fields) == [f"movements[{place}].points"]


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


def test_each_reserve_has_its_own_balance():
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
    recorded(Draft(ANNA, 5), Draft(ANNA, 70, reserve="gold"), Draft(ANNA, -2))
    assert (balance(), balance(key="gold")) == (3, 70)


def test_a_call_has_its_limit():
    assert len(recorded(*[Draft(f"c{number % 700}@shop.example", 1) for number in range(1000)])) == 1000
    assert "1,000" in refused(*[Draft(ANNA, 1)] * 1001).message
    assert counts()[:2] == [1000, 700]
    assert recorded() == []


def test_an_error_after_the_record_takes_it_back():
    def work(session):
        record(session, [Draft(ANNA, 5)], "test", NOW)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        db.in_write(work)
    assert (counts(), balance()) == ([0, 0, 0], None)
