"""Rewards: created, changed and never deleted; redeemed once per request, and only with enough points."""

from functools import partial

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.errors import Conflict, DomainError, InvalidInput, NotFound
from pointsync.ledger import reserves
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.rewards import rewards
from pointsync.ledger.rewards.common import MAX_PER_RESERVE
from pointsync.models import Customer, Delivery, Movement, Redemption
from tests.ledger.record_drafts import ANNA, balance, record_one, row_counts
from tests.support.apps import get_reserve, run_concurrently
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import add_remote

pytestmark = pytest.mark.usefixtures("app")


def add_reward(title: str = "Mug", cost: int = 50, key: str = "default", description: str = "") -> int:
    """Create a reward; returns its id."""
    with db.transaction() as session:
        return rewards.create(session, get_reserve(session, key), title, description, cost, NOW).id


def change_reward(
    reward_id: int, title: str = "Mug", cost: int = 50, is_active: bool = True, description: str = ""
) -> None:
    """Change a reward."""
    with db.transaction() as session:
        rewards.update(session, get_reserve(session), reward_id, title, description, cost, is_active)


def stored_rewards(key: str = "default") -> list[tuple]:
    """The rewards of a reserve."""
    with db.transaction() as session:
        found = rewards.list_all(session, get_reserve(session, key))
        return [(each.title, each.description, each.cost, each.is_active) for each in found]


def redeem(reward_id: int, ref: str | None = None, customer: str = ANNA, key: str = "default", **more):
    """Redeem a reward for Anna."""
    source = more.pop("source", "test")
    return db.run_in_transaction(
        lambda session: rewards.redeem(
            session, get_reserve(session, key), reward_id, customer, ref, source, NOW, **more
        )
    )


def expect_refused(kind: type[DomainError], *args, **more) -> DomainError:
    """The error of the redemption; checks that nothing has changed."""
    before = row_counts()
    with pytest.raises(kind) as refusal:
        redeem(*args, **more)
    assert row_counts() == before
    return refusal.value


def test_the_cheapest_first_and_each_reserve_its_own():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    add_reward(" Teapot ", 900, description=" For two ")
    add_reward("Mug", 50)
    add_reward("Mug", 70, key="gold")
    assert stored_rewards() == [("Mug", "", 50, True), ("Teapot", "For two", 900, True)]
    assert stored_rewards("gold") == [("Mug", "", 70, True)]


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
def test_all_invalid_fields_are_named_at_once(title, description, cost, fields):
    number = add_reward()
    for call in (
        partial(add_reward, title, cost, description=description),
        partial(change_reward, number, title, cost, description=description),
    ):
        with pytest.raises(InvalidInput) as refusal:
            call()
        assert sorted(refusal.value.fields) == sorted(fields)
    assert stored_rewards() == [("Mug", "", 50, True)]


def test_a_title_is_unique_in_a_reserve():
    first, second = add_reward("Mug"), add_reward("Tea")
    for call in (partial(add_reward, " Mug"), partial(change_reward, second, "Mug")):
        with pytest.raises(Conflict) as refusal:
            call()
        assert (refusal.value.code, list(refusal.value.fields)) == ("title_taken", ["title"])
    change_reward(first, "Mug", 60, False)
    assert stored_rewards() == [("Tea", "", 50, True), ("Mug", "", 60, False)]


def test_a_reserve_has_a_maximum():
    with db.transaction() as session:
        for number in range(MAX_PER_RESERVE):
            rewards.create(session, get_reserve(session), f"Mug {number}", "", 50, NOW)
    with pytest.raises(Conflict) as refusal:
        add_reward()
    assert refusal.value.code == "too_many"
    assert len(stored_rewards()) == MAX_PER_RESERVE


@pytest.mark.parametrize("call", [change_reward, redeem])
def test_an_unknown_one(call):
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    elsewhere = add_reward(key="gold")
    for number in (elsewhere, elsewhere + 1, 0, -1):
        with pytest.raises(NotFound):
            call(number)


def test_redeeming_takes_the_cost_and_is_sent():
    remote = add_remote()
    record_one(120)
    number = add_reward("Mug <b>", 50)
    outcome = redeem(number, customer=" ANNA@Shop.example ")
    assert (outcome.status, outcome.email, balance()) == ("recorded", ANNA, 70)
    with db.transaction() as session:
        movement = session.scalars(select(Movement).order_by(Movement.seq.desc())).first()
        assert (movement.kind, movement.points, movement.balance) == ("redeem", -50, 70)
        assert movement.reason == "Redeemed: Mug <b>"
        remote_ids = session.scalars(select(Delivery.remote_id).where(Delivery.movement_seq == movement.seq)).all()
        assert remote_ids == [remote]
        assert session.get_one(Redemption, movement.seq).reward_id == number
        assert find_balance_differences(session) == []


def test_the_same_ref_redeems_once_even_when_the_cost_has_changed():
    record_one(120)
    number = add_reward()
    first = redeem(number, "order-7")
    change_reward(number, "Cup", 500, is_active=False)
    again = redeem(number, "order-7", customer="Anna@shop.EXAMPLE", expected_cost=50)
    assert (first.status, again.status) == ("recorded", "duplicate")
    assert again.movement.id == first.movement.id
    assert balance() == 70
    change_reward(number, is_active=True)
    assert redeem(number, "order-7", source="another").status == "recorded"
    assert balance() == 20


def test_the_same_ref_for_something_else_is_refused():
    record_one(500)
    mug, tea = add_reward(), add_reward("Tea")
    redeem(mug, "order-7")
    record_one(-5, ref="order-8")
    for args, more in (
        ((tea, "order-7"), {}),
        ((mug, "order-7"), {"customer": "bob@shop.example"}),
        ((mug, "order-8"), {}),
    ):
        refusal = expect_refused(Conflict, *args, **more)
        assert (refusal.code, list(refusal.fields)) == ("ref_conflict", ["ref"])
    assert balance() == 445


def test_more_points_than_the_balance():
    record_one(49)
    number = add_reward()
    refusal = expect_refused(Conflict, number)
    assert (refusal.code, list(refusal.fields)) == ("insufficient_points", ["customer"])
    assert "49" in refusal.message
    assert expect_refused(Conflict, number, customer="nobody@shop.example").code == "insufficient_points"
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 1
        reserves.update(session, "default", "Points", True, True)
    assert redeem(number).movement.balance == -1


def test_an_inactive_reward_and_an_inactive_reserve():
    record_one(500)
    number = add_reward()
    change_reward(number, is_active=False)
    refusal = expect_refused(InvalidInput, number)
    assert (refusal.code, list(refusal.fields)) == ("inactive_reward", ["reward"])
    change_reward(number)
    with db.transaction() as session:
        reserves.update(session, "default", "Points", False, False)
    assert expect_refused(InvalidInput, number).code == "inactive_reserve"
    assert balance() == 500


def test_another_cost_than_was_shown():
    record_one(500)
    number = add_reward(cost=60)
    refusal = expect_refused(Conflict, number, expected_cost=50)
    assert (refusal.code, list(refusal.fields)) == ("cost_changed", ["reward"])
    assert redeem(number, expected_cost=60).movement.points == -60


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
def test_invalid_requests(customer, ref, field):
    record_one(500)
    number = add_reward()
    assert list(expect_refused(InvalidInput, number, ref, customer=customer).fields) == [field]


def test_the_rewards_a_customer_can_redeem():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
        reserves.create(session, "free", None, NOW, may_go_below_zero=True)
        reserves.create(session, "old", None, NOW, is_active=False, may_go_below_zero=True)
        for key in ("default", "free", "gold", "old"):
            rewards.create(session, get_reserve(session, key), "Tea", "", 60, NOW)
            rewards.create(session, get_reserve(session, key), "Mug", "", 50, NOW)
    off = add_reward("Off", 1)
    change_reward(off, "Off", 1, is_active=False)
    record_one(50)
    record_one(5, reserve="gold")
    with db.transaction() as session:
        found = rewards.list_affordable(session, session.scalars(select(Customer)).one(), NOW)
    assert [(each.reserve.key, each.reward.title, each.points) for each in found] == [
        ("default", "Mug", 50),
        ("free", "Mug", 0),
        ("free", "Tea", 0),
    ]


def redeem_outcome(number: int, ref: str | None = None) -> str:
    """Redeem it; returns the status or the error code."""
    try:
        return redeem(number, ref).status
    except DomainError as error:
        return error.code


def test_the_last_points_are_redeemed_once(app):
    record_one(50)
    number = add_reward()
    outcomes = run_concurrently(app, *[partial(redeem_outcome, number)] * 6)
    assert sorted(outcomes) == ["insufficient_points"] * 5 + ["recorded"]
    assert balance() == 0


def test_the_same_request_from_six_at_once_redeems_once(app):
    record_one(500)
    number = add_reward()
    outcomes = run_concurrently(app, *[partial(redeem_outcome, number, "order-7")] * 6)
    assert sorted(outcomes) == ["duplicate"] * 5 + ["recorded"]
    assert balance() == 450
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Redemption)) == 1


def test_the_same_title_from_four_at_once_is_added_once(app):
    def add() -> str:
        try:
            return str(
                db.run_in_transaction(
                    lambda session: rewards.create(session, get_reserve(session), "Mug", "", 50, NOW)
                ).cost
            )
        except DomainError as error:
            return error.code

    assert sorted(run_concurrently(app, *[add] * 4)) == ["50"] + ["title_taken"] * 3
