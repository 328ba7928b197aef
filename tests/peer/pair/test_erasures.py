"""A person who is erased on one site is erased on the other one, too, which says so; both hold the same movements."""

from datetime import timedelta

from sqlalchemy import select

from pointsync import clock
from pointsync.ledger.people import people
from pointsync.ledger.people.change import ChangeKey
from pointsync.ledger.people.changes import approval
from pointsync.ledger.people.erased.tokens import is_token
from pointsync.ledger.people.erasure import erasures, receipt_answers, receipts
from pointsync.models import Approval, CustomerChange, Erasure
from pointsync.schedule import erasure_ticks
from pointsync.sync.remotes import remotes
from pointsync.sync.site import settings
from tests.peer.pair.test_changes import ANNA, BOB, Linked, linked
from tests.peer.peer_site import PeerSite

__all__ = ["linked"]


def erase(site: PeerSite, email: str = ANNA) -> int:
    return site.write(lambda session: erasures.erase(session, email, "ada", clock.now()).id)


def clean(*sites: PeerSite) -> None:
    for site in sites:
        with site.app.app_context():
            erasure_ticks.erase_people()


def living(site: PeerSite) -> dict[str, int]:
    return {email: points for email, points in site.balances().items() if not is_token(email)}


def erased_points(site: PeerSite) -> int:
    return sum(points for email, points in site.balances().items() if is_token(email))


def receipt(site: PeerSite, erasure_id: int):
    return site.read(lambda session: receipts.describe(session, erasures.get(session, erasure_id), 0))


def texts(site: PeerSite) -> str:
    return repr(site.dump())


def test_both_sites_erase_and_hold_the_same(linked: Linked) -> None:
    a, b = linked.a, linked.b
    people_merge(a)
    assert linked.exchange() == ["green", "green"]
    a.record(ANNA, 1)  # waits while the person is erased

    erasure_id = erase(a)
    assert receipt(a, erasure_id).sites[0].state == "waiting"

    assert linked.exchange() == ["green", "green"]
    assert living(a) == living(b) == {}
    assert erased_points(a) == erased_points(b) == 221
    clean(a, b)
    a.check(linked.to_b)
    done = receipt(a, erasure_id)
    assert [(each.state, each.counts["addresses"]) for each in done.sites] == [("clean", 2)]
    clean(a)  # forgets the addresses, as everybody has it
    for site in (a, b):
        assert not any(address in texts(site) for address in (ANNA, BOB))
    assert linked.exchange() == ["green", "green"]


def test_late_movements_go_to_the_erased_person_on_both_sites(linked: Linked) -> None:
    a, b = linked.a, linked.b
    before = clock.now()
    linked.clock.advance(timedelta(hours=1))
    erase(a)
    assert linked.exchange() == ["green", "green"]
    linked.clock.advance(timedelta(hours=1))
    b.record(ANNA, 7, at=before)
    b.record(ANNA, 500)
    assert linked.exchange() == ["green", "green"]
    assert living(a) == living(b) == {ANNA: 500, BOB: 200}
    assert erased_points(a) == erased_points(b) == 27


def test_a_merge_that_arrives_late_erases_the_other_address_too(linked: Linked) -> None:
    a, b = linked.a, linked.b
    people_merge(b)
    linked.clock.advance(timedelta(minutes=1))
    erase(a)
    linked.exchange()
    clean(a)
    assert linked.exchange() == ["green", "green"]
    assert living(a) == living(b) == {}
    assert erased_points(a) == erased_points(b) == 220


def test_a_site_that_gets_only_hashes_finds_the_person(linked: Linked) -> None:
    a, b = linked.a, linked.b
    erasure_id = erase(a)

    def forget(session) -> None:
        session.get(Erasure, erasure_id).sealed_addresses = None

    a.write(forget)
    linked.exchange()
    assert living(b) == {ANNA: 20, BOB: 200}
    clean(b)
    assert linked.exchange() == ["green", "green"]
    assert living(a) == living(b) == {BOB: 200}


def test_an_erasure_waits_for_approval_if_an_admin_wants_that(linked: Linked) -> None:
    a, b = linked.a, linked.b
    b.write(lambda session: settings.change(session, "approve_changes", "1"))
    erase(a)
    linked.exchange()
    assert living(b) == {ANNA: 20, BOB: 200}
    [key] = b.read(
        lambda session: [ChangeKey(each.origin, each.id) for each in session.scalars(select(CustomerChange))]
    )
    b.write(lambda session: approval.decide(session, key, Approval.APPROVED, clock.now()))
    assert living(b) == {BOB: 200}
    assert linked.exchange() == ["green", "green"]


def test_a_site_that_was_removed_is_asked_by_an_admin(linked: Linked) -> None:
    a, b = linked.a, linked.b
    erasure_id = erase(a)
    b.write(lambda session: settings.change(session, "approve_changes", "1"))
    linked.exchange()
    assert [each.state for each in receipt(a, erasure_id).sites] == ["told"]

    a.write(lambda session: remotes.delete(session, remotes.get(session, linked.to_b), clock.now()))

    [site] = receipt(a, erasure_id).sites
    assert (site.state, site.message) == (receipts.BY_HAND, receipts.REMOVED)
    for _ in range(2):
        a.write(lambda session: receipts.tick(session, erasure_id, site.auth, "ada", clock.now()))
    [site] = receipt(a, erasure_id).sites
    assert (site.state, site.told_by) == (receipts.TOLD_BY_HAND, "ada")
    assert receipts.count_unfinished([site]) == 0


def test_a_site_that_has_to_decide_is_asked_less_and_less_often(linked: Linked) -> None:
    a, b = linked.a, linked.b
    b.write(lambda session: settings.change(session, "approve_changes", "1"))
    erasure_id = erase(a)
    linked.exchange()
    asked, [auth] = 0, [each.auth for each in receipt(a, erasure_id).sites]
    for _ in range(60):
        linked.clock.advance(timedelta(minutes=1))
        asked += bool(a.read(lambda session: receipt_answers.list_open(session, auth, clock.now())))
        a.check(linked.to_b)
    assert 5 < asked < 20
    [key] = b.read(
        lambda session: [ChangeKey(each.origin, each.id) for each in session.scalars(select(CustomerChange))]
    )
    b.write(lambda session: approval.decide(session, key, Approval.APPROVED, clock.now()))
    clean(b)
    linked.clock.advance(timedelta(minutes=16))
    a.check(linked.to_b)
    assert [each.state for each in receipt(a, erasure_id).sites] == ["clean"]
    assert a.read(lambda session: receipt_answers.list_open(session, auth, clock.now())) == []


def test_a_merge_that_waited_for_an_admin_where_the_person_was_erased_counts_as_unknown_there(linked: Linked) -> None:
    a, b = linked.a, linked.b
    a.write(lambda session: settings.change(session, "approve_changes", "1"))
    people_merge(b)
    linked.exchange()
    assert living(a) == {ANNA: 20, BOB: 200}
    linked.clock.advance(timedelta(minutes=1))
    erase(a)
    linked.exchange()
    assert living(b) == {}, "the two were one customer there"
    [key] = a.read(
        lambda session: [
            ChangeKey(each.origin, each.id)
            for each in session.scalars(select(CustomerChange).where(CustomerChange.approval.is_not(None)))
        ]
    )
    a.write(lambda session: approval.decide(session, key, Approval.APPROVED, clock.now()))
    assert living(a) == {}
    assert linked.exchange() == ["green", "green"]


def people_merge(site: PeerSite) -> None:
    site.write(lambda session: people.merge(session, BOB, ANNA, clock.now()))
