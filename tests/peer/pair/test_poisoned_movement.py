"""One movement that the other side cannot digest never blocks those around it."""

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
KINDS = pytest.mark.parametrize(("status", "code"), [(500, None), (500, "own words"), (400, "malformed")], ids=str)


@KINDS
@pytest.mark.parametrize("place", [0, 77, COUNT - 1])
def test_all_but_the_poisoned_one_get_through(
    pair: Pair, moving_clock: MovingClock, status: int, code: str | None, place: int
) -> None:
    """Before the attempts of the healthy ones are used up, and so before the line turns red for them."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    made = a.record_all([Draft(f"customer{number}@example.test", number + 1) for number in range(COUNT)])
    b.front = interceptors.refusing(interceptors.holding(made[place]), status, code)
    for _ in range(10):
        a.deliver(remote_id)
        moving_clock.advance(DELAY)
    assert a.undelivered() == [made[place]]
    assert len(b.movements()) == COUNT - 1
    behind = a.record(ALICE, 5)
    for _ in range(3):
        a.deliver(remote_id)
        moving_clock.advance(DELAY)
    assert a.delivery(behind).state == "delivered", "nor those that come after it"
    b.front = None
    for _ in range(3):
        moving_clock.advance(DELAY)
        a.deliver(remote_id)
    assert a.balances() == b.balances()
    assert len(b.movements()) == COUNT + 1


@KINDS
def test_one_that_has_waited_alone_lets_the_next_pass(
    pair: Pair, moving_clock: MovingClock, status: int, code: str | None
) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    poisoned = a.record(ALICE, 1)
    b.front = interceptors.refusing(interceptors.holding(poisoned), status, code)
    for _ in range(4):
        a.deliver(remote_id)
        moving_clock.advance(DELAY)
    behind = a.record(ALICE, 10)
    for _ in range(3):
        a.deliver(remote_id)
        moving_clock.advance(DELAY)
    assert (a.delivery(poisoned).state, a.delivery(behind).state) == ("pending", "delivered")
