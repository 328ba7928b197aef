"""Two sites: each movement arrives at the other site once, and nothing comes back."""

from pointsync.ledger.record import Draft
from tests.peer import interceptors
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE

Pair = tuple[PeerSite, PeerSite]


def test_each_gets_the_others_movements_and_no_echo(pair: Pair) -> None:
    a, b = pair
    to_b, _ = a.list_site(b)
    to_a, _ = b.list_site(a)
    a.record(ALICE, 30, ref="order:1", reason="Order 1")
    b.record(ALICE, -10, kind="manual")
    a.record(ALICE, set_to=100)
    for _ in range(2):
        a.deliver(to_b)
        b.deliver(to_a)
    assert a.balance(ALICE) == b.balance(ALICE) == 90
    for sender, receiver in ((a, b), (b, a)):
        sent, received = sender.movements(sender.identity.auth), receiver.movements(sender.identity.auth)
        assert [(each.id, each.points, each.kind, each.reason, each.at, each.ref) for each in sent] == [
            (each.id, each.points, each.kind, each.reason, each.at, each.ref) for each in received
        ]
    assert len(a.movements()) == len(b.movements()) == 3
    assert {a.remote_json(to_b)["status"], b.remote_json(to_a)["status"]} == {"green"}


def test_many_movements_go_in_few_batches(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    for _ in range(3):
        a.record_all([Draft(f"customer{number}@example.test", number + 1) for number in range(500)])
    a.deliver(remote_id)
    assert a.balances() == b.balances()
    assert len(b.movements()) == 1500
    assert interceptors.batch_count(b) == 2


def test_a_batch_that_does_not_fit_costs_no_attempt(pair: Pair) -> None:
    """A batch that does not fit into one body goes in two; the movements left out were not refused."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    a.record_all([Draft(f"customer{number}@example.test", 1, reason="ü€🎉" * 160) for number in range(1000)])
    a.deliver(remote_id)
    assert set(a.delivery_states(remote_id)) == {"delivered"}
    assert len(b.movements()) == 1000
    attempt_counts = [a.delivery(each.id).attempts for each in a.movements()[::50]]
    assert set(attempt_counts) == {1}


def test_local_kinds_are_not_sent(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    for kind in ("opening", "correction", "expire"):
        a.record(ALICE, 5, kind=kind)
    a.record(ALICE, set_to=15)
    a.deliver(remote_id)
    assert (a.delivery_states(remote_id), b.movements()) == ([], [])


def test_a_refused_movement_waits_for_an_admin_and_blocks_nothing(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    b.record(ALICE, 2_000_000_000)
    movement_ids = [a.record(ALICE, 5), a.record("bob@example.test", 6)]
    a.deliver(remote_id)
    assert [a.delivery(each).state for each in movement_ids] == ["failed", "delivered"]
    assert a.delivery(movement_ids[0]).code == "out_of_bounds"
    assert (a.remote_json(remote_id)["status"], a.remote_json(remote_id)["refused"]) == ("error", 1)
    a.deliver(remote_id)
    assert interceptors.batch_count(b) == 1, "it is not sent again automatically"
