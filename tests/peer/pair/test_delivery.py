"""Two sites in step: what is made on the one is on the other, once, and nothing comes back."""

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
    for one, other in ((a, b), (b, a)):
        sent, held = one.movements(one.identity.auth), other.movements(one.identity.auth)
        assert [(each.id, each.points, each.kind, each.reason, each.at, each.ref) for each in sent] == [
            (each.id, each.points, each.kind, each.reason, each.at, each.ref) for each in held
        ]
    assert len(a.movements()) == len(b.movements()) == 3
    assert {a.shape(to_b)["status"], b.shape(to_a)["status"]} == {"green"}


def test_hundreds_travel_in_few_batches(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    for _ in range(3):
        a.record_all([Draft(f"customer{number}@example.test", number + 1) for number in range(500)])
    a.deliver(remote_id)
    assert a.balances() == b.balances()
    assert len(b.movements()) == 1500
    assert interceptors.batches(b) == 2


def test_long_reasons_that_fill_a_body_cost_no_attempt_and_no_time(pair: Pair) -> None:
    """A batch that does not fit into one body goes in two; what was left out was not refused."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    a.record_all([Draft(f"customer{number}@example.test", 1, reason="ü€🎉" * 160) for number in range(1000)])
    a.deliver(remote_id)
    assert set(a.states(remote_id)) == {"delivered"}
    assert len(b.movements()) == 1000
    deliveries = [a.delivery(each.id).attempts for each in a.movements()[::50]]
    assert set(deliveries) == {1}


def test_local_kinds_stay_at_home(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    for kind in ("opening", "correction", "expire"):
        a.record(ALICE, 5, kind=kind)
    a.record(ALICE, set_to=15)
    a.deliver(remote_id)
    assert (a.states(remote_id), b.movements()) == ([], [])


def test_what_the_other_refuses_waits_for_an_admin_and_holds_up_nobody(pair: Pair) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    b.record(ALICE, 2_000_000_000)
    made = [a.record(ALICE, 5), a.record("bob@example.test", 6)]
    a.deliver(remote_id)
    assert [a.delivery(each).state for each in made] == ["failed", "delivered"]
    assert a.delivery(made[0]).code == "out_of_bounds"
    assert (a.shape(remote_id)["status"], a.shape(remote_id)["refused"]) == ("error", 1)
    a.deliver(remote_id)
    assert interceptors.batches(b) == 1, "it is not sent again by itself"
