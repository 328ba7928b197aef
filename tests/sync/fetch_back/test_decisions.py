"""What an admin decides about a returned movement, and what follows for every site."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger.fetch_back import decisions
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.models import AuditEntry, Delivery, DeliveryState, Movement, ReturnProblem
from tests.support.moving_clock import START
from tests.support.remote_rows import ANNA
from tests.sync.fetch_back.returns import (
    FIRST_ID,
    SHOP,
    add_remotes,
    begin,
    delivery_states,
    give_back,
    lost,
    own_movements,
    record_returned,
    repeat,
    waiting_decisions,
)

MOVEMENT_ID = FIRST_ID + 1
BOB = "bob@shop.example"


@pytest.fixture
def remote_ids(app: object) -> list[int]:
    """Two remotes."""
    return add_remotes()


def decide(choice: str, movement_id: int = MOVEMENT_ID, remote_id: int | None = None) -> ReturnProblem | None:
    with db.transaction() as session:
        problem = decisions.decide(session, movement_id, choice, START, remote_id)
        session.flush()
        assert find_balance_differences(session) == []
        return problem


def balance() -> int:
    return sum(each.points for each in own_movements() if each.customer == ANNA)


class TestOtherContent:
    """The shop repeated its ref with 15 points; the returned movement has 10, and the first remote has it."""

    @pytest.fixture
    def repeat_id(self, remote_ids: list[int]) -> str:
        movement_id = repeat(1, 15, source=SHOP).movement.id
        begin()
        give_back(remote_ids[0], lost(1))
        give_back(remote_ids[1])
        assert record_returned()
        return movement_id

    def test_both_values_are_listed(self, remote_ids, repeat_id):
        [decision] = waiting_decisions()
        assert (decision.movement_id, decision.choices) == (MOVEMENT_ID, ("returned", "here", "both"))
        assert [(each.remote_id, each.points) for each in decision.returned] == [(remote_ids[0], 10)]
        assert [(each.id, each.points) for each in decision.own] == [(repeat_id, 15)]

    def test_the_returned_one_counts(self, remote_ids, repeat_id):
        assert decide("returned") is None
        assert balance() == 10
        assert delivery_states(repeat_id) == dict.fromkeys(remote_ids, "aside")
        assert delivery_states(MOVEMENT_ID) == {remote_ids[0]: "delivered", remote_ids[1]: "pending"}
        assert next(each for each in own_movements() if each.id == str(MOVEMENT_ID)).source == SHOP
        assert waiting_decisions() == []

    def test_the_one_here_counts(self, remote_ids, repeat_id):
        assert decide("here") is None
        assert balance() == 15
        *_, reversal = own_movements()
        assert (reversal.kind, reversal.points) == ("manual", -10)
        assert delivery_states(MOVEMENT_ID) == {remote_ids[0]: "delivered", remote_ids[1]: "aside"}
        assert delivery_states(reversal.id) == {remote_ids[0]: "pending", remote_ids[1]: "aside"}
        assert delivery_states(repeat_id) == dict.fromkeys(remote_ids, "pending")
        assert repeat(1, 15, source=SHOP).status == "duplicate"

    def test_both_count(self, remote_ids, repeat_id):
        assert decide("both") is None
        assert balance() == 25
        assert delivery_states(MOVEMENT_ID) == {remote_ids[0]: "delivered", remote_ids[1]: "pending"}
        assert repeat(1, 15, source=SHOP).movement.id == repeat_id

    def test_it_is_logged_and_decided_once(self, remote_ids, repeat_id):
        decide("both")
        with db.transaction() as session:
            entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
            assert (entry.action, entry.noun, entry.thing) == ("decided about", "returned movement", ANNA)
            assert entry.after == {"problem": "other_content", "choice": "both", "remote": None}
        with pytest.raises(NotFound):
            decide("both")

    def test_another_choice_is_refused(self, remote_ids, repeat_id):
        with pytest.raises(InvalidInput, match="returned, here, both"):
            decide("all")


class TestSitesDiffer:
    """The first remote has 10 points, the second one 11."""

    @pytest.fixture(autouse=True)
    def returned(self, remote_ids: list[int]) -> None:
        begin()
        give_back(remote_ids[0], lost(1))
        give_back(remote_ids[1], lost(1, 11))
        assert record_returned()

    def test_one_of_them_counts(self, remote_ids):
        assert decide("returned", remote_id=remote_ids[1]) is None
        assert balance() == 11
        assert delivery_states(MOVEMENT_ID) == {remote_ids[0]: "aside", remote_ids[1]: "delivered"}

    def test_the_remote_must_be_named(self, remote_ids):
        for remote_id in (None, 99):
            with pytest.raises(InvalidInput, match=f"{remote_ids[0]}, {remote_ids[1]}"):
                decide("returned", remote_id=remote_id)

    def test_none_counts(self):
        assert decide("here") is None
        assert own_movements() == []
        assert waiting_decisions() == []

    def test_the_chosen_one_may_need_another_decision(self, remote_ids):
        repeat(1, 15, source=SHOP)
        assert decide("returned", remote_id=remote_ids[0]) == "other_content"
        [decision] = waiting_decisions()
        assert [each.remote_id for each in decision.returned] == [remote_ids[0]]
        assert decide("returned") is None
        assert balance() == 10


def test_an_altered_one_counts_if_an_admin_says_so(remote_ids):
    begin()
    give_back(remote_ids[0], lost(1, is_altered=True))
    give_back(remote_ids[1])
    assert record_returned()
    assert decide("returned") is None
    assert balance() == 10


def test_an_id_in_use_gets_a_new_one(remote_ids):
    used_id = repeat(2, 5, BOB, source=SHOP).movement.id
    with db.transaction() as session:
        movement = session.scalars(select(Movement).where(Movement.id == used_id)).one()
        movement.id = str(MOVEMENT_ID)
        for delivery in session.scalars(select(Delivery)):
            delivery.state = DeliveryState.DELIVERED
    begin()
    give_back(remote_ids[0], replace(lost(1), ref=None))
    give_back(remote_ids[1])
    assert record_returned()
    assert waiting_decisions()[0].choices == ("here", "both")
    assert decide("both") is None
    *_, reissued = own_movements()
    assert (reissued.customer, reissued.points) == (ANNA, 10)
    assert int(reissued.id) > MOVEMENT_ID
    assert delivery_states(reissued.id) == {remote_ids[0]: "aside", remote_ids[1]: "pending"}


def test_one_out_of_bounds_is_tried_again(remote_ids):
    repeat(5, 2_000_000_000, source=SHOP)
    begin()
    give_back(remote_ids[0], lost(1))
    give_back(remote_ids[1])
    assert record_returned()
    with pytest.raises(Conflict, match="bounds"):
        decide("returned")
    assert len(waiting_decisions()) == 1
    repeat(6, -1000, source=SHOP)
    assert decide("returned") is None
    assert balance() == 2_000_000_000 - 990
