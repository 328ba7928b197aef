"""What becomes of a movement that remotes return."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync import db, digests, ids
from pointsync.ledger.integrity.verify import find_balance_differences, find_hourly_total_differences
from pointsync.ledger.record import Draft, record
from pointsync.models import Delivery, DeliveryState, Movement, Remote, Site
from tests.ledger.holds import hold_steps
from tests.support.moving_clock import START
from tests.support.remote_rows import ANNA, add_remote
from tests.sync.fetch_back.returns import (
    FIRST_ID,
    HOOK,
    LOST_AT,
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

BOB = "bob@shop.example"


@pytest.fixture
def remote_ids(app: object) -> list[int]:
    """Two remotes."""
    return add_remotes()


def test_it_is_recorded_as_it_was(remote_ids):
    begin()
    give_back(remote_ids[0], lost(1, 10, kind="import"), lost(2, -30, BOB, ref=None, source=None))
    give_back(remote_ids[1])
    assert record_returned()
    with db.transaction() as session:
        first, second = session.scalars(select(Movement).order_by(Movement.seq)).all()
        assert (first.id, first.kind, first.points, first.balance) == (str(FIRST_ID + 1), "import", 10, 10)
        assert (first.reason, first.source, first.ref) == ("Order 1", SHOP, "order-1")
        assert (first.at, first.recorded_at, first.is_history) == (LOST_AT + timedelta(minutes=1), START, True)
        assert (second.points, second.below_zero, second.ref) == (-30, True, None)
        assert session.get_one(Site, 1).last_id >= FIRST_ID + 2
        assert find_balance_differences(session) == find_hourly_total_differences(session) == []
        assert [session.get_one(Remote, each).delivered_count for each in remote_ids] == [2, 0]
    assert delivery_states(FIRST_ID + 1) == {remote_ids[0]: "delivered", remote_ids[1]: "pending"}


def test_nothing_is_recorded_before_all_have_returned_theirs(remote_ids):
    begin()
    give_back(remote_ids[0], lost(1), is_last=False)
    assert not record_returned()
    give_back(remote_ids[0], lost(2))
    assert not record_returned()
    assert own_movements() == []
    give_back(remote_ids[1], lost(2))
    assert record_returned()
    assert delivery_states(FIRST_ID + 2) == dict.fromkeys(remote_ids, "delivered")


def test_a_page_that_arrives_twice_changes_nothing(remote_ids):
    begin()
    for _ in range(2):
        give_back(remote_ids[0], lost(1))
        give_back(remote_ids[1])
    assert record_returned()
    assert len(own_movements()) == 1


def test_what_is_here_already_is_left_alone(remote_ids):
    recorded = repeat(1).movement
    begin()
    give_back(remote_ids[0], replace(lost(1), id=int(recorded.id), digest=recorded.digest))
    give_back(remote_ids[1])
    assert record_returned()
    assert [each.id for each in own_movements()] == [recorded.id]


def test_a_time_that_no_remote_knows_is_that_of_the_id(remote_ids):
    movement_id = ids.lowest_id_at(LOST_AT) + 5
    unknown_at = replace(lost(1), id=movement_id, digest=digests.digest(str(movement_id), 10, ANNA), at=None)
    begin()
    give_back(remote_ids[0], unknown_at)
    give_back(remote_ids[1], replace(unknown_at, ref=None, source=None))
    assert record_returned()
    with db.transaction() as session:
        assert session.scalars(select(Movement.at)).one() == LOST_AT


def test_what_only_one_remote_knows_is_taken_from_it(remote_ids):
    begin()
    give_back(remote_ids[0], lost(1, source=None, at=None))
    give_back(remote_ids[1], lost(1))
    assert record_returned()
    [movement] = own_movements()
    assert (movement.source, movement.ref) == (SHOP, "order-1")


@pytest.mark.parametrize(
    "difference",
    [
        {"points": 11},
        {"customer": BOB},
        {"kind": "manual"},
        {"ref": "order-7"},
        {"source": HOOK},
        {"at": START - timedelta(days=1)},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_nothing_is_recorded_if_the_remotes_differ(remote_ids, difference):
    begin()
    give_back(remote_ids[0], lost(1), lost(2))
    give_back(remote_ids[1], lost(1, **difference), lost(2))
    assert record_returned()
    assert [each.id for each in own_movements()] == [str(FIRST_ID + 2)]
    [decision] = waiting_decisions()
    assert (decision.movement_id, decision.problem, len(decision.returned)) == (FIRST_ID + 1, "sites_differ", 2)


def test_what_contradicts_its_digest_there_is_not_recorded(remote_ids):
    begin()
    give_back(remote_ids[0], lost(1, is_altered=True))
    give_back(remote_ids[1])
    assert record_returned()
    assert own_movements() == []
    assert [each.problem for each in waiting_decisions()] == ["altered_there"]


def test_many_come_back_in_chunks(remote_ids):
    repeats = [repeat(number, source=SHOP).movement.id for number in (1, 199, 200, 201, 450)]
    begin()
    give_back(remote_ids[0], *(lost(number) for number in range(1, 451)))
    give_back(remote_ids[1])
    assert record_returned()
    own = own_movements()
    assert sum(each.points for each in own) == 4500
    assert [each.id for each in own if each.id in repeats] == repeats
    assert len({each.ref for each in own if each.source == SHOP}) == 450
    with db.transaction() as session:
        assert find_balance_differences(session) == find_hourly_total_differences(session) == []


class TestRepeats:
    """The shop repeated an order here, because it was lost."""

    def test_one_with_the_same_content_is_taken_back(self, remote_ids):
        again = repeat(1, source=SHOP).movement
        begin()
        give_back(remote_ids[0], lost(1))
        give_back(remote_ids[1], lost(1))
        assert record_returned()
        repeated, correction, first = own_movements()
        assert (repeated.id, repeated.source, repeated.ref) == (again.id, None, None)
        assert (correction.kind, correction.points) == ("correction", -10)
        assert (first.id, first.source, first.ref) == (str(FIRST_ID + 1), SHOP, "order-1")
        assert delivery_states(again.id) == dict.fromkeys(remote_ids, "aside")
        assert delivery_states(first.id) == dict.fromkeys(remote_ids, "delivered")

    def test_a_capture_of_a_hold_can_be_repeated_afterwards(self, remote_ids):
        hold_steps.give(50)
        hold_steps.place(10)
        hold_steps.take(movement_ref="order-1")
        begin()
        for remote_id in remote_ids:
            give_back(remote_id, lost(1, points=-10, kind="spend", at=None))
        assert record_returned()
        assert [each.points for each in own_movements()] == [50, -10, 10, -10]
        hold, status = hold_steps.take(movement_ref="order-1")
        assert (status, hold.movement_seq) == ("duplicate", 4)

    def test_a_remote_that_has_the_repeat_does_not_get_the_first_one(self, remote_ids):
        again = repeat(1, source=SHOP).movement
        with db.transaction() as session:
            session.scalars(
                select(Delivery).where(Delivery.remote_id == remote_ids[1])
            ).one().state = DeliveryState.DELIVERED
        begin()
        give_back(remote_ids[0], lost(1))
        give_back(remote_ids[1])
        assert record_returned()
        assert delivery_states(again.id) == {remote_ids[0]: "aside", remote_ids[1]: "delivered"}
        assert delivery_states(FIRST_ID + 1) == {remote_ids[0]: "delivered", remote_ids[1]: "aside"}

    @pytest.mark.parametrize("fields", [{"points": 11}, {"customer": BOB}, {"at": START - timedelta(days=2)}])
    def test_one_with_other_content_is_for_an_admin(self, remote_ids, fields):
        again = repeat(1, source=SHOP, **fields).movement
        begin()
        give_back(remote_ids[0], lost(1))
        give_back(remote_ids[1])
        assert record_returned()
        assert [each.id for each in own_movements()] == [again.id]
        [decision] = waiting_decisions()
        assert (decision.problem, [each.id for each in decision.own]) == ("other_content", [again.id])

    def test_the_same_ref_of_another_source_is_no_repeat(self, remote_ids):
        repeat(1, source=HOOK)
        begin()
        give_back(remote_ids[0], lost(1))
        give_back(remote_ids[1])
        assert record_returned()
        assert {(each.source, each.ref) for each in own_movements()} == {(HOOK, "order-1"), (SHOP, "order-1")}

    def test_without_a_known_source_the_ref_decides(self, remote_ids):
        again = repeat(1, source="command").movement
        begin()
        give_back(remote_ids[0], lost(1, source=None))
        give_back(remote_ids[1])
        assert record_returned()
        assert [each.kind for each in own_movements()] == ["earn", "correction", "earn"]
        assert delivery_states(again.id) == dict.fromkeys(remote_ids, "aside")

    def test_two_returned_ones_with_the_same_ref_count_once(self, remote_ids):
        """After an earlier restore, one remote has the first one and the other has the repeat."""
        begin()
        give_back(remote_ids[0], lost(1))
        give_back(remote_ids[1], lost(2, ref="order-1", at=LOST_AT + timedelta(minutes=1)))
        assert record_returned()
        assert [(each.kind, each.points) for each in own_movements()] == [
            ("earn", 10),
            ("correction", -10),
            ("earn", 10),
        ]
        assert delivery_states(FIRST_ID + 1) == {remote_ids[0]: "delivered", remote_ids[1]: "aside"}
        assert delivery_states(FIRST_ID + 2) == {remote_ids[0]: "aside", remote_ids[1]: "delivered"}


class TestUsedIds:
    """A movement here has the id of one that comes back."""

    def use_id(self) -> str:
        with db.transaction() as session:
            [result] = record(session, [Draft(BOB, 5)], "test", START)
            movement = session.scalars(select(Movement).where(Movement.id == result.movement.id)).one()
            movement.id = str(FIRST_ID + 1)
        return movement.id

    def test_it_gets_a_new_id_if_nobody_has_it(self, remote_ids):
        used_id = self.use_id()
        with db.transaction() as session:
            session.scalars(select(Delivery).limit(1)).one().state = DeliveryState.FAILED
        begin()
        give_back(remote_ids[0], lost(1))
        give_back(remote_ids[1], lost(1))
        assert record_returned()
        first, second = own_movements()
        assert (first.customer, first.points, second.id, second.customer) == (BOB, 5, used_id, ANNA)
        assert int(first.id) > FIRST_ID + 1
        assert delivery_states(first.id) == dict.fromkeys(remote_ids, "pending")

    def test_an_admin_decides_if_somebody_has_it(self, remote_ids):
        used_id = self.use_id()
        with db.transaction() as session:
            session.scalars(select(Delivery).limit(1)).one().state = DeliveryState.DELIVERED
        begin()
        give_back(remote_ids[0], lost(1))
        give_back(remote_ids[1])
        assert record_returned()
        assert [(each.id, each.points) for each in own_movements()] == [(used_id, 5)]
        [decision] = waiting_decisions()
        assert (decision.problem, [each.points for each in decision.own]) == ("id_in_use", [5])


def test_a_woorewards_shop_may_have_it(remote_ids):
    shop = add_remote("wrk_00000000000000ff", target_reserve="shop")
    with db.transaction() as session:
        session.get_one(Remote, shop).dialect = "woorewards"
    begin()
    for remote_id in remote_ids:
        give_back(remote_id, lost(1))
    assert record_returned()
    with db.transaction() as session:
        delivery = session.scalars(select(Delivery).where(Delivery.remote_id == shop)).one()
        assert (delivery.state, delivery.called_at) == ("pending", START), "a duplicate there counts as delivered"


def test_a_balance_out_of_bounds_is_for_an_admin(remote_ids):
    with db.transaction() as session:
        record(session, [Draft(ANNA, 2_000_000_000)], "test", START)
    begin()
    give_back(remote_ids[0], lost(1), lost(2, customer=BOB))
    give_back(remote_ids[1])
    assert record_returned()
    assert [each.points for each in own_movements()] == [2_000_000_000, 10]
    assert [each.problem for each in waiting_decisions()] == ["out_of_bounds"]
