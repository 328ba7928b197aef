"""A movement that makes the other side fail never blocks other movements."""

from datetime import timedelta

import pytest

from pointsync.ledger.record import Draft
from tests.peer import interceptors
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

Pair = tuple[PeerSite, PeerSite]
DELAY = timedelta(seconds=180)
COUNT = 200
KINDS = pytest.mark.parametrize(("status", "code"), [(500, None), (500, "custom"), (400, "malformed")], ids=str)


@KINDS
@pytest.mark.parametrize(
    "position", [pytest.param(0, marks=pytest.mark.long), 77, pytest.param(COUNT - 1, marks=pytest.mark.long)]
)
def test_all_other_movements_are_delivered(
    pair: Pair, moving_clock: MovingClock, status: int, code: str | None, position: int
) -> None:
    """This happens before the other movements have used up their attempts."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    movement_ids = a.record_all([Draft(f"customer{number}@example.test", number + 1) for number in range(COUNT)])
    b.interceptor = interceptors.refuse_batches(interceptors.contains_movement(movement_ids[position]), status, code)
    for _ in range(10):
        a.deliver(remote_id)
        moving_clock.advance(DELAY)
    assert a.undelivered_ids() == [movement_ids[position]]
    assert len(b.movements()) == COUNT - 1
    later_id = a.record(ALICE, 5)
    for _ in range(3):
        a.deliver(remote_id)
        moving_clock.advance(DELAY)
    assert a.delivery(later_id).state == "delivered", "later movements are delivered too"
    b.interceptor = None
    for _ in range(3):
        moving_clock.advance(DELAY)
        a.deliver(remote_id)
    assert a.balances() == b.balances()
    assert len(b.movements()) == COUNT + 1


@KINDS
def test_a_poisoned_movement_that_waited_alone_lets_later_ones_pass(
    pair: Pair, moving_clock: MovingClock, status: int, code: str | None
) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    poisoned_id = a.record(ALICE, 1)
    b.interceptor = interceptors.refuse_batches(interceptors.contains_movement(poisoned_id), status, code)
    for _ in range(4):
        a.deliver(remote_id)
        moving_clock.advance(DELAY)
    later_id = a.record(ALICE, 10)
    for _ in range(3):
        a.deliver(remote_id)
        moving_clock.advance(DELAY)
    assert (a.delivery(poisoned_id).state, a.delivery(later_id).state) == ("pending", "delivered")
