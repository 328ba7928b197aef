"""Changes of customers reach the other site before any movement, and both hold the same afterwards."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.errors import Conflict
from pointsync.ledger import customers
from pointsync.ledger.people import people, stored
from pointsync.ledger.people.change import ChangeKey
from pointsync.ledger.people.changes import approval
from pointsync.models import Approval, ChangeDelivery, CustomerChange, Remote
from pointsync.reports import changes
from pointsync.runtime import get_runtime
from pointsync.sync.delivery import change_outcome
from pointsync.sync.delivery.change_claim import ChangeBatch, ChangeItem
from pointsync.sync.delivery.change_send import ChangeAnswer, ChangesAnswered
from pointsync.sync.protocol.changes import to_wire
from pointsync.sync.remotes import remotes
from pointsync.sync.remotes.target import load_target
from pointsync.sync.site import settings
from tests.peer.interceptors import answer_with
from tests.peer.pair.edited_sites import Pair, edit, status
from tests.peer.peer_site import PeerSite
from tests.support.moving_clock import MovingClock

ANNA, BOB, NEW = "anna@x.example", "bob@x.example", "anna@new.example"


class Linked:
    """Two sites that list each other, and have told each other something."""

    def __init__(self, pair: Pair, clock: MovingClock) -> None:
        self.a, self.b = pair
        (self.to_b, _), (self.to_a, _) = self.a.list_site(self.b), self.b.list_site(self.a)
        self.clock = clock
        for site in pair:
            site.record(ANNA, 10)
            site.record(BOB, 100)
        self.exchange()

    def exchange(self) -> list[str]:
        """Deliver in both directions; the colours afterwards."""
        self.a.deliver(self.to_b)
        self.b.deliver(self.to_a)
        self.a.check(self.to_b)
        self.b.check(self.to_a)
        return self.colours()

    def colours(self) -> list[str]:
        return [status(self.a, self.to_b)[0], status(self.b, self.to_a)[0]]


@pytest.fixture
def linked(pair: Pair, moving_clock: MovingClock) -> Linked:
    return Linked(pair, moving_clock)


def rename(site: PeerSite, old: str = ANNA, new: str = NEW) -> None:
    site.write(lambda session: people.rename(session, old, new, clock.now()))


def merge(site: PeerSite, gone: str = BOB, into: str = ANNA) -> None:
    site.write(lambda session: people.merge(session, gone, into, clock.now()))


def deliveries(site: PeerSite) -> list[tuple[str, str | None]]:
    """State and code of each delivery of a change."""
    return site.read(lambda session: [(str(each.state), each.code) for each in session.query(ChangeDelivery)])


def paths(site: PeerSite) -> list[str]:
    """What was called, without pings."""
    return [path.removeprefix("/pointsync/v1/") for _, path, _ in site.requests if not path.endswith("ping")]


def test_a_change_is_told_before_movements(linked: Linked) -> None:
    assert linked.colours() == ["green", "green"]
    linked.b.requests.clear()
    linked.a.record(ANNA, 1)
    merge(linked.a)
    rename(linked.a)

    assert linked.exchange() == ["green", "green"]

    assert paths(linked.b) == ["customers/changes", "movements"]
    assert linked.a.balances() == linked.b.balances() == {NEW: 221}
    assert deliveries(linked.a) == [("delivered", None)] * 2


def test_both_change_at_the_same_time(linked: Linked) -> None:
    merge(linked.a)
    rename(linked.b)
    linked.a.record(BOB, 1)
    linked.b.record(ANNA, 2)
    assert linked.exchange() == ["green", "green"]
    assert linked.a.balances() == linked.b.balances() == {NEW: 223}

    linked.clock.advance(timedelta(seconds=1))
    linked.b.write(lambda session: people.unmerge_address(session, BOB, clock.now()))

    assert linked.exchange() == ["green", "green"]
    assert linked.a.balances() == linked.b.balances() == {NEW: 22, BOB: 201}


def test_not_green_while_a_change_waits(linked: Linked) -> None:
    linked.b.interceptor = answer_with(500, path_suffix="/customers/changes")
    merge(linked.a)
    linked.a.record(ANNA, 1)

    assert linked.exchange() == ["warning", "warning"]

    assert linked.b.balances() == {ANNA: 21, BOB: 200}, "movements do not wait for it"
    assert deliveries(linked.a) == [("pending", "bad_answer")]
    assert "1 change of customers waiting." in status(linked.a, linked.to_b)[1]
    linked.b.interceptor = None
    assert not linked.a.is_due(linked.to_b)
    linked.clock.advance(timedelta(minutes=2))
    assert linked.a.is_due(linked.to_b)
    assert linked.exchange() == ["green", "green"]
    assert linked.b.balances() == {ANNA: 221}


@pytest.mark.parametrize(("code", "state"), [("refused", "pending"), (None, "delivered")])
def test_a_refusal_counts_only_from_the_holder_of_the_lease(linked: Linked, code: str | None, state: str) -> None:
    """A process that was stopped for longer than its lease reports late. What is delivered is final all the same."""
    merge(linked.a)

    def save_late(session: Session) -> None:
        remote = session.get_one(Remote, linked.to_b)
        [delivery] = session.query(ChangeDelivery)
        change = session.get_one(CustomerChange, delivery.change_seq)
        item = ChangeItem(delivery.id, change.seq, to_wire(stored.to_change(change), change.digest))
        batch = ChangeBatch(remote.id, load_target(session, remote, get_runtime().vault), (item,))
        outcome = ChangesAnswered({change.id: ChangeAnswer(code, code and "No.")})
        change_outcome.save_outcome(session, remote, batch, outcome, "late", settings.read(session), clock.now())

    linked.a.write(save_late)
    assert deliveries(linked.a) == [(state, None)]


def test_a_site_that_is_added_later_is_told_everything(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    for site in pair:
        site.record(BOB, 5)
    a.record(ANNA, 1)
    merge(a)
    to_b, _ = a.list_site(b)
    b.list_site(a)
    a.deliver(to_b)
    assert b.balances() == {ANNA: 5}


def test_a_site_that_does_not_list_the_sender_gets_movements_only(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    to_b, _ = a.list_site(b)
    a.record(BOB, 5)
    a.record(ANNA, 1)
    merge(a)
    a.deliver(to_b)
    assert b.balances() == {ANNA: 1, BOB: 5}
    assert deliveries(a) == [("pending", "bad_answer")]
    assert status(a, to_b)[0] == "warning"


def test_what_was_lost_there_is_told_again(linked: Linked, tmp_path) -> None:
    linked.b.backup(tmp_path / "copy.db")
    merge(linked.a)
    linked.a.record(ANNA, 1)
    assert linked.exchange() == ["green", "green"]
    linked.b.restore(tmp_path / "copy.db")

    linked.clock.advance(timedelta(seconds=10))
    linked.a.check(linked.to_b)
    assert status(linked.a, linked.to_b)[0] == "warning"
    linked.exchange()

    assert linked.exchange() == ["green", "green"]
    assert linked.b.balances() == {ANNA: 221}


def test_a_change_from_the_future_waits_for_the_receivers_clock(linked: Linked) -> None:
    """Only it waits. It is sent again, and accepted when its time has come nearer."""
    later = clock.now() + timedelta(days=1, minutes=1)
    linked.a.write(lambda session: people.merge(session, BOB, ANNA, later))
    linked.a.record(ANNA, 1)
    assert linked.exchange() == ["warning", "warning"]
    assert deliveries(linked.a) == [("pending", "clock_ahead")]
    assert linked.b.balances() == {ANNA: 21, BOB: 200}
    linked.clock.advance(timedelta(minutes=2))
    assert linked.exchange() == ["green", "green"]
    assert linked.b.balances() == {ANNA: 221}


def test_two_remotes_to_one_site_send_a_change_once(linked: Linked) -> None:
    """It does not matter over which, nor that the other one is deleted."""
    for site in (linked.a, linked.b):
        site.add_reserve("gold", "Gold")
    second, _ = linked.a.add_remote(
        linked.b.url, linked.b.identity.auth, linked.b.identity.passes[0], "gold", observed_reserve="gold"
    )
    linked.a.write(lambda session: remotes.delete(session, remotes.get(session, linked.to_b), clock.now()))
    merge(linked.a)
    linked.b.requests.clear()
    linked.a.deliver(second)
    assert paths(linked.b) == ["customers/changes"]
    assert linked.b.balances() == {ANNA: 220}
    again, _ = linked.a.list_site(linked.b)
    linked.a.deliver(again)
    assert paths(linked.b) == ["customers/changes"]


def test_a_shop_and_an_earlier_version_are_named(linked: Linked) -> None:
    """They get no changes, and their colour says nothing about them."""
    linked.a.write(lambda session: setattr(session.get_one(Remote, linked.to_b), "takes_changes", False))
    merge(linked.a)
    linked.a.record(ANNA, 1)
    linked.b.requests.clear()
    linked.a.deliver(linked.to_b)
    assert paths(linked.b) == ["movements"]
    customer = linked.a.read(lambda session: customers.get(session, ANNA))
    [row] = linked.a.read(lambda session: changes.list_of_customer(session, customer))
    assert [(each.name, each.state) for each in row.json.sites] == [("b", "impossible")]
    linked.a.check(linked.to_b)
    assert linked.exchange() == ["green", "green"]
    assert linked.b.balances() == {ANNA: 221}


def test_changes_wait_for_approval(linked: Linked) -> None:
    """They are acknowledged, so nobody sends them again; an admin lets them count, or not, and may change that."""
    linked.b.change_setting("approve_changes", "on")
    merge(linked.a)
    assert linked.exchange() == ["green", "green"]
    assert linked.b.balances() == {ANNA: 20, BOB: 200}
    [row] = linked.b.read(lambda session: list(session.query(CustomerChange)))
    key = ChangeKey(row.origin, row.id)
    for decision, balances in ((Approval.APPROVED, {ANNA: 220}), (Approval.REFUSED, {ANNA: 20, BOB: 200})) * 2:
        linked.b.write(lambda session, chosen=decision: approval.decide(session, key, chosen, clock.now()))
        assert linked.b.balances() == balances
        assert linked.exchange() == ["green", "green"]
    with pytest.raises(Conflict, match="refused already"):
        linked.b.write(lambda session: approval.decide(session, key, Approval.REFUSED, clock.now()))


def test_two_renames_to_one_address_are_settled_by_an_admin(linked: Linked) -> None:
    rename(linked.a, ANNA, NEW)
    linked.clock.advance(timedelta(seconds=1))
    rename(linked.b, BOB, NEW)
    assert linked.exchange() == ["green", "green"]
    assert linked.a.balances() == linked.b.balances() == {NEW: 20, BOB: 200}
    for site in (linked.a, linked.b):
        assert site.read(approval.count_open) == (0, 1)
    merge(linked.a, BOB, NEW)
    linked.exchange()
    for site in (linked.a, linked.b):
        assert site.balances() == {NEW: 220}
        assert site.read(approval.count_open) == (0, 0)


def test_a_ping_that_brings_news_about_changes_is_saved(linked: Linked) -> None:
    """The other site lost a change, and nothing else differs."""
    merge(linked.a)
    assert linked.exchange() == ["green", "green"]
    linked.clock.advance(timedelta(seconds=6))
    edit(linked.b, "DELETE FROM customer_change")
    linked.a.check(linked.to_b)
    assert linked.a.is_due(linked.to_b), "it is sent again"
    linked.a.deliver(linked.to_b)
    assert linked.exchange() == ["green", "green"]
    assert linked.b.read(lambda session: session.query(CustomerChange).count()) == 1
