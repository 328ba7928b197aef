"""Rewards: added once, changed, never gone; redeemed once for each request, never with points that are not there."""

from functools import partial

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.errors import Conflict, Invalid, NotFound, Refused
from pointsync.ledger import reserves
from pointsync.ledger.rewards import rewards
from pointsync.ledger.rewards.common import MOST
from pointsync.ledger.verify import differences
from pointsync.models import Customer, Delivery, Movement, Redemption
from tests.ledger.record_drafts import ANNA, balance, counts, made
from tests.support.apps import reserve, together
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import added

pytestmark = pytest.mark.usefixtures("app")


def reward(title: str = "Mug", cost: int = 50, key: str = "default", description: str = "") -> int:
    """The id of a new reward."""
    with db.write() as session:
        return rewards.add(session, reserve(session, key), title, description, cost, NOW).id


def change(reward_id: int, title: str = "Mug", cost: int = 50, is_active: bool = True, description: str = "") -> None:
    """Change it."""
    with db.write() as session:
        rewards.change(session, reserve(session), reward_id, title, description, cost, is_active)


def kept(key: str = "default") -> list[tuple]:
    """The rewards of a reserve."""
    with db.write() as session:
        found = rewards.every(session, reserve(session, key))
        return [(each.title, each.description, each.cost, each.is_active) for each in found]


def redeem(reward_id: int, ref: str | None = None, customer: str = ANNA, key: str = "default", **more):
    """Redeem it for Anna."""
    source = more.pop("source", "test")
    return db.in_write(
        lambda session: rewards.redeem(session, reserve(session, key), reward_id, customer, ref, source, NOW, **more)
    )


def refused(kind: type[Refused], *args, **more) -> Refused:
    """Why that is not redeemed; nothing has changed then."""
    before = counts()
    with pytest.raises(kind) as refusal:
        redeem(*args, **more)
    assert counts() == before
    return refusal.value


def test_the_cheapest_first_and_each_reserve_its_own():
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
    reward(" Teapot ", 900, description=" For two ")
    reward("Mug", 50)
    reward("Mug", 70, key="gold")
    assert kept() == [("Mug", "", 50, True), ("Teapot", "For two", 900, True)]
    assert kept("gold") == [("Mug", "", 70, True)]


@pytest.mark.parametrize(
    ("title", "description", "cost", "fields"),
    [
        ("", "", 50, ["title"]),
        (" ", "", 50, ["title"]),
        ("a" * 101, "", 50, ["title"]),
        ("a\0b", "", 50, ["title"]),
        ("Tea", "a" * 501, 50, ["description"]),
        ("Tea", "\ud800", 50, ["description"]),
        ("Tea", "", 0, ["cost"]),
        ("Tea", "", -1, ["cost"]),
        ("Tea", "", 2_000_000_001, ["cost"]),
        ("", "a\nb", 0, ["description", "title", "cost"]),
    ],
)
def test_what_cannot_be_is_named_whole(title, description, cost, fields):
    number = reward()
    for call in (
        partial(reward, title, cost, description=description),
        partial(change, number, title, cost, description=description),
    ):
        with pytest.raises(Invalid) as refusal:
            call()
        assert sorted(refusal.value.fields) == sorted(fields)
    assert kept() == [("Mug", "", 50, True)]


def test_a_title_stands_once_in_a_reserve():
    first, second = reward("Mug"), reward("Tea")
    for call in (partial(reward, " Mug"), partial(change, second, "Mug")):
        with pytest.raises(Conflict) as refusal:
            call()
        assert (refusal.value.code, list(refusal.value.fields)) == ("title_taken", ["title"])
    change(first, "Mug", 60, False)
    assert kept() == [("Tea", "", 50, True), ("Mug", "", 60, False)]


def test_a_reserve_has_so_many_at_most():
    with db.write() as session:
        for number in range(MOST):
            rewards.add(session, reserve(session), f"Mug {number}", "", 50, NOW)
    with pytest.raises(Conflict) as refusal:
        reward()
    assert refusal.value.code == "too_many"
    assert len(kept()) == MOST


@pytest.mark.parametrize("call", [change, redeem])
def test_one_that_is_not_there(call):
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
    elsewhere = reward(key="gold")
    for number in (elsewhere, elsewhere + 1, 0, -1):
        with pytest.raises(NotFound):
            call(number)


def test_redeeming_takes_the_cost_and_is_sent():
    remote = added()
    made(120)
    number = reward("Mug <b>", 50)
    outcome = redeem(number, customer=" ANNA@Shop.example ")
    assert (outcome.status, outcome.email, balance()) == ("recorded", ANNA, 70)
    with db.write() as session:
        movement = session.scalars(select(Movement).order_by(Movement.seq.desc())).first()
        assert (movement.kind, movement.points, movement.balance) == ("redeem", -50, 70)
        assert movement.reason == "Redeemed: Mug <b>"
        owed = session.scalars(select(Delivery.remote_id).where(Delivery.movement_seq == movement.seq)).all()
        assert owed == [remote]
        assert session.get_one(Redemption, movement.seq).reward_id == number
        assert differences(session) == []


def test_the_same_ref_redeems_once_whatever_it_costs_by_then():
    made(120)
    number = reward()
    first = redeem(number, "order-7")
    change(number, "Cup", 500, is_active=False)
    again = redeem(number, "order-7", customer="Anna@shop.EXAMPLE", shown_cost=50)
    assert (first.status, again.status) == ("recorded", "duplicate")
    assert again.movement.id == first.movement.id
    assert balance() == 70
    change(number, is_active=True)
    assert redeem(number, "order-7", source="another").status == "recorded"
    assert balance() == 20


def test_the_same_ref_for_something_else_is_refused():
    made(500)
    mug, tea = reward(), reward("Tea")
    redeem(mug, "order-7")
    made(-5, ref="order-8")
    for args, more in (
        ((tea, "order-7"), {}),
        ((mug, "order-7"), {"customer": "bob@shop.example"}),
        ((mug, "order-8"), {}),
    ):
        refusal = refused(Conflict, *args, **more)
        assert (refusal.code, list(refusal.fields)) == ("ref_conflict", ["ref"])
    assert balance() == 445


def test_points_that_are_not_there():
    made(49)
    number = reward()
    refusal = refused(Conflict, number)
    assert (refusal.code, list(refusal.fields)) == ("insufficient_points", ["customer"])
    assert "49" in refusal.message
    assert refused(Conflict, number, customer="nobody@shop.example").code == "insufficient_points"
    with db.write() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 1
        reserves.change(session, "default", "Points", True, True)
    assert redeem(number).movement.balance == -1


def test_what_is_not_active():
    made(500)
    number = reward()
    change(number, is_active=False)
    refusal = refused(Invalid, number)
    assert (refusal.code, list(refusal.fields)) == ("inactive_reward", ["reward"])
    change(number)
    with db.write() as session:
        reserves.change(session, "default", "Points", False, False)
    assert refused(Invalid, number).code == "inactive_reserve"
    assert balance() == 500


def test_another_cost_than_was_shown():
    made(500)
    number = reward(cost=60)
    refusal = refused(Conflict, number, shown_cost=50)
    assert (refusal.code, list(refusal.fields)) == ("cost_changed", ["reward"])
    assert redeem(number, shown_cost=60).movement.points == -60


@pytest.mark.parametrize(
    ("customer", "ref", "field"),
    [
        ("nobody", None, "customer"),
        (ANNA, "", "ref"),
        (ANNA, " x", "ref"),
        (ANNA, "a\0b", "ref"),
        (ANNA, "a" * 192, "ref"),
    ],
)
def test_what_cannot_be_asked(customer, ref, field):
    made(500)
    number = reward()
    assert list(refused(Invalid, number, ref, customer=customer).fields) == [field]


def test_what_a_customer_can_have():
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
        reserves.add(session, "free", None, NOW, may_go_below_zero=True)
        reserves.add(session, "old", None, NOW, is_active=False, may_go_below_zero=True)
        for key in ("default", "free", "gold", "old"):
            rewards.add(session, reserve(session, key), "Tea", "", 60, NOW)
            rewards.add(session, reserve(session, key), "Mug", "", 50, NOW)
    off = reward("Off", 1)
    change(off, "Off", 1, is_active=False)
    made(50)
    made(5, reserve="gold")
    with db.write() as session:
        found = rewards.affordable(session, session.scalars(select(Customer)).one())
    assert [(each.reserve.key, each.reward.title, each.points) for each in found] == [
        ("default", "Mug", 50),
        ("free", "Mug", 0),
        ("free", "Tea", 0),
    ]


def tried(number: int, ref: str | None = None) -> str:
    """What comes of redeeming it, as a word."""
    try:
        return redeem(number, ref).status
    except Refused as error:
        return error.code


def test_the_last_points_are_redeemed_once(app):
    made(50)
    number = reward()
    outcomes = together(app, *[partial(tried, number)] * 6)
    assert sorted(outcomes) == ["insufficient_points"] * 5 + ["recorded"]
    assert balance() == 0


def test_the_same_request_from_six_at_once_redeems_once(app):
    made(500)
    number = reward()
    outcomes = together(app, *[partial(tried, number, "order-7")] * 6)
    assert sorted(outcomes) == ["duplicate"] * 5 + ["recorded"]
    assert balance() == 450
    with db.write() as session:
        assert session.scalar(select(func.count()).select_from(Redemption)) == 1


def test_the_same_title_from_four_at_once_is_added_once(app):
    def add() -> str:
        try:
            return str(db.in_write(lambda session: rewards.add(session, reserve(session), "Mug", "", 50, NOW)).cost)
        except Refused as error:
            return error.code

    assert sorted(together(app, *[add] * 4)) == ["50"] + ["title_taken"] * 3
