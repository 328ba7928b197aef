"""Customers who were renamed or merged on one site: points still arrive, and both sites hold the same movements."""

from pointsync import clock
from pointsync.ledger.people import people
from tests.peer.pair.edited_sites import Pair, status
from tests.peer.peer_site import PeerSite

ANNA, BOB, NEW = "anna@x.example", "bob@x.example", "anna@new.example"


def exchange(a: PeerSite, b: PeerSite, to_b: int, to_a: int) -> list[str]:
    """Deliver in both directions; the statuses afterwards."""
    a.deliver(to_b)
    b.deliver(to_a)
    a.check(to_b)
    b.check(to_a)
    return [status(a, to_b)[0], status(b, to_a)[0]]


def test_what_sites_compare_of_movements_does_not_depend_on_people(pair: Pair) -> None:
    """A movement is sent under the address with which it was recorded, before and after a change."""
    a, b = pair
    (to_b, _), (to_a, _) = a.list_site(b), b.list_site(a)
    for site in pair:
        site.record(ANNA, 10)
        site.record(BOB, 100)
    assert exchange(a, b, to_b, to_a) == ["green", "green"]
    a.write(lambda session: people.rename(session, ANNA, NEW, clock.now()))
    a.write(lambda session: people.merge(session, BOB, NEW, clock.now()))
    a.record(ANNA, 1)
    b.record(ANNA, 2)
    b.record(BOB, 3)
    assert exchange(a, b, to_b, to_a) == ["green", "green"]
    assert a.balances() == b.balances() == {NEW: 226}
    a.write(lambda session: people.unmerge_address(session, BOB, clock.now()))
    assert exchange(a, b, to_b, to_a) == ["green", "green"]
    assert a.balances() == b.balances() == {NEW: 23, BOB: 203}
