"""Green means equal: both sites compare what they hold, and repair or show the difference."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.models import Delivery, DeliveryState, Remote
from pointsync.sync.comparison import delivered
from pointsync.sync.remotes import queue, remotes
from tests.peer.pair.edited_sites import Pair, differences, edit, status, sync
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

PAUSE = timedelta(minutes=6)


def set_aside(site: PeerSite, movement_id: str) -> None:
    """Forget that a movement was delivered, as if its answer was lost and an admin then set it aside."""
    delivery_id = site.delivery(movement_id).id

    def change(session: Session) -> None:
        delivery = session.get_one(Delivery, delivery_id)
        delivery.state = DeliveryState.SET_ASIDE
        session.flush()
        delivered.recount(session, Remote.get_for_update(session, delivery.remote_id))

    site.write(change)


def test_equal_sites_say_so(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = sync(a, b, 1, 2, 3)
    assert status(a, remote_id) == ("green", "Equal, compared 0 s ago, 3 movements.")


def test_a_movement_deleted_there_is_sent_again(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    remote_id, [_, deleted_id, _] = sync(a, b, 1, 2, 3)
    edit(b, "DELETE FROM movement WHERE id = ?", deleted_id)
    edit(b, "UPDATE balance SET points = points - 2")
    a.check(remote_id)
    assert a.delivery(deleted_id).state == "pending"
    assert status(a, remote_id)[0] == "warning"
    a.deliver(remote_id)
    a.check(remote_id)
    assert status(a, remote_id)[0] == "green"
    assert a.balance(ALICE) == b.balance(ALICE) == 6


@pytest.mark.parametrize(
    "column", ["points = 1000, reason = 'edited'", "customer_id = (SELECT min(id) FROM customer), reason = 'edited'"]
)
def test_a_movement_edited_there_is_shown(pair: Pair, column: str) -> None:
    a, b = pair
    b.record("somebody@shop.example", 1)
    remote_id, [edited_id, _] = sync(a, b, 10, 2)
    edit(b, f"UPDATE movement SET {column} WHERE points = 10")
    a.check(remote_id)
    assert differences(a) == [(edited_id, "altered_there", 10)]
    code, text = status(a, remote_id)
    assert code == "error"
    assert "1 movement not the same on both sites" in text
    alice = "(SELECT id FROM customer WHERE email = ?)"
    edit(b, f"UPDATE movement SET points = 10, customer_id = {alice} WHERE reason = 'edited'", ALICE)


def test_what_is_edited_back_is_green_again(pair: Pair) -> None:
    a, b = pair
    remote_id, [edited_id] = sync(a, b, 10)
    edit(b, "UPDATE movement SET points = 1000 WHERE id = ?", edited_id)
    a.check(remote_id)
    assert differences(a)
    edit(b, "UPDATE movement SET points = 10 WHERE id = ?", edited_id)
    a.check(remote_id)
    assert (differences(a), status(a, remote_id)[0]) == ([], "green"), "equal sums say that no movement differs"


def test_another_difference_is_found_while_one_waits_for_a_decision(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    remote_id, [edited_id, deleted_id, _] = sync(a, b, 10, 2, 3)
    edit(b, "UPDATE movement SET points = 1000 WHERE id = ?", edited_id)
    a.check(remote_id)
    edit(b, "DELETE FROM movement WHERE id = ?", deleted_id)
    edit(b, "UPDATE balance SET points = points - 2")
    moving_clock.advance(timedelta(seconds=10))
    a.check(remote_id)
    assert a.delivery(deleted_id).state == "pending"
    a.deliver(remote_id)
    assert differences(a) == [(edited_id, "altered_there", 10)]
    edit(b, "UPDATE movement SET points = 10 WHERE id = ?", edited_id)


def test_a_movement_edited_here_is_shown(pair: Pair) -> None:
    a, b = pair
    remote_id, [edited_id, _] = sync(a, b, 10, 2)
    edit(a, "UPDATE movement SET points = 1000 WHERE id = ?", edited_id)
    a.check(remote_id)
    assert differences(a) == [(edited_id, "altered_here", 1000)]
    edit(a, "UPDATE movement SET points = 10 WHERE id = ?", edited_id)


def test_a_movement_deleted_here_is_unknown_here(pair: Pair) -> None:
    a, b = pair
    remote_id, [deleted_id, _] = sync(a, b, 10, 2)
    edit(a, "DELETE FROM movement WHERE id = ?", deleted_id)
    edit(a, "UPDATE balance SET points = points - 10")
    a.check(remote_id)
    assert differences(a) == [(deleted_id, "unknown_here", None)]


def test_the_receiver_sees_that_it_lost_a_movement(pair: Pair) -> None:
    a, b = pair
    _, [deleted_id] = sync(a, b, 10)
    [to_a] = b.read(lambda session: [each.id for each in queue.list_all(session)])
    b.check(to_a)
    assert status(b, to_a)[0] == "green"
    edit(b, "DELETE FROM movement WHERE id = ?", deleted_id)
    edit(b, "UPDATE balance SET points = 0")
    b.check(to_a)
    code, text = status(b, to_a)
    assert code == "warning"
    assert "does not hold exactly what the other site has delivered" in text


def test_what_was_set_aside_but_is_there_counts_as_delivered(pair: Pair) -> None:
    a, b = pair
    remote_id, [_, movement_id] = sync(a, b, 1, 5)
    set_aside(a, movement_id)
    a.check(remote_id)
    assert a.delivery(movement_id).state == "delivered"
    a.check(remote_id)
    assert status(a, remote_id)[0] == "green"


def test_an_added_remote_knows_what_it_delivered(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = sync(a, b, 1, 2)
    a.write(lambda session: remotes.delete(session, remotes.get(session, remote_id), clock.now()))
    again_id, _ = a.list_site(b)
    assert again_id == remote_id
    a.record(ALICE, 3)
    a.deliver(again_id)
    a.check(again_id)
    assert status(a, again_id) == ("green", "Equal, compared 0 s ago, 3 movements.")


def test_a_site_without_hashes_cannot_be_compared(pair: Pair, moving_clock: MovingClock) -> None:
    """One that still digests its old movements answers without `hash`. Nobody knows then whether both are equal."""
    a, b = pair
    remote_id, _ = sync(a, b, 1)
    edit(b, "UPDATE site SET undigested_seq = 1")
    a.record(ALICE, 2)
    a.deliver(remote_id)
    a.check(remote_id)
    assert status(a, remote_id) == ("warning", "Delivered, not compared yet.")
    moving_clock.advance(timedelta(hours=1))
    a.check(remote_id)
    assert status(a, remote_id) == ("warning", "Delivered, not compared yet.")
    edit(b, "UPDATE site SET undigested_seq = NULL")
    a.check(remote_id)
    assert status(a, remote_id)[0] == "green"


def test_an_invented_sum_is_a_warning_and_stops_nothing(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = sync(a, b, 1, 2)
    edit(b, "UPDATE holding SET hash = ?, count = 99", bytes(16))
    a.check(remote_id)
    assert a.delivery_states(remote_id) == ["delivered", "delivered"]
    assert differences(a) == []
    assert status(a, remote_id)[0] == "warning"
    assert a.identity.sending_stopped_reason is None


def test_a_new_target_is_a_new_remote_that_gets_what_waits(pair: Pair) -> None:
    a, b = pair
    b.add_reserve("gold", "Gold")
    remote_id, _ = sync(a, b, 1, 2)
    waiting_id = a.record(ALICE, 3)
    new_id = a.change_remote(remote_id, target_reserve="gold")
    assert new_id != remote_id
    a.deliver(new_id)
    assert a.delivery(waiting_id).state == "delivered"
    assert (b.balance(ALICE), b.balance(ALICE, "gold")) == (3, 3)
    a.check(new_id)
    assert status(a, new_id) == ("green", "Equal, compared 0 s ago, 1 movement.")
