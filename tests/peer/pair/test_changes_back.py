"""A site that was restored gets its own changes of customers back before it sends anything, and those of the others."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pointsync import clock
from pointsync.errors import TryLater
from pointsync.ledger.people import people
from pointsync.models import ChangeDelivery, CustomerChange, Remote
from tests.peer.conftest import MakeSite
from tests.peer.interceptors import answer_with
from tests.peer.pair.restored_family import RestoredFamily, make_family
from tests.peer.peer_site import PeerSite
from tests.support.moving_clock import MovingClock

ANNA, BOB, CAROL = "anna@x.example", "bob@x.example", "carol@x.example"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def family(make_site: MakeSite, tmp_path: Path, moving_clock: MovingClock) -> Iterator[RestoredFamily]:
    """A site and two others that list it. Three customers have points."""
    with make_family(make_site, tmp_path, moving_clock) as family:
        for number, customer in enumerate((ANNA, BOB, CAROL)):
            family.order(f"old-{number}", 10 ** (number + 1), customer)
        family.deliver()
        moving_clock.advance(MINUTE)
        yield family


def merge(site: PeerSite, gone: str, into: str) -> None:
    site.write(lambda session: people.merge(session, gone, into, clock.now()))


def own_changes(site: PeerSite, origin: PeerSite) -> list[str]:
    auth = origin.identity.auth
    query = select(CustomerChange.id).where(CustomerChange.origin == auth).order_by(CustomerChange.id)
    return site.read(lambda session: list(session.scalars(query)))


def delivery_states(site: PeerSite) -> set[str]:
    return site.read(lambda session: {str(each) for each in session.scalars(select(ChangeDelivery.state))})


def test_lost_changes_come_back_and_the_others_get_them(family: RestoredFamily) -> None:
    family.backup()
    merge(family.site, BOB, ANNA)
    family.deliver()
    merge(family.site, CAROL, ANNA)
    family.deliver(0)
    lost = own_changes(family.site, family.site)
    family.restore()
    assert own_changes(family.site, family.site) == []
    with pytest.raises(TryLater):
        merge(family.site, BOB, CAROL)

    family.fetch()

    assert not family.is_running
    assert own_changes(family.site, family.site) == lost
    assert family.site.balances() == {ANNA: 1110}
    family.deliver()
    assert [each.balances() for each in family.others] == [{ANNA: 1110}] * 2
    assert delivery_states(family.site) == {"delivered"}
    for remote_id in family.remote_ids:
        family.site.check(remote_id)
        remote = family.site.remote(remote_id)
        assert (remote.are_changes_equal_there, remote.are_changes_equal_here, remote.status) == (True, True, "green")
    family.order("new", 1, BOB)
    assert family.site.balances() == {ANNA: 1111}


def test_a_site_that_is_fetched_later_gets_nothing_before(family: RestoredFamily, moving_clock: MovingClock) -> None:
    family.backup()
    merge(family.site, BOB, ANNA)
    family.deliver()
    down = family.take_down(1)
    family.restore()
    family.fetch()
    assert family.is_running
    family.continue_without(1)
    family.fetch()
    assert family.site.balances() == {ANNA: 110, CAROL: 1000}
    down.interceptor = None
    down.requests.clear()
    merge(family.site, CAROL, ANNA)
    moving_clock.advance(MINUTE)
    family.fetch()
    family.deliver()
    calls = [path.removeprefix("/pointsync/v1/") for _, path, _ in down.requests]
    assert calls.index("customers/changes/fetch") < calls.index("customers/changes")
    assert down.balances() == {ANNA: 1110}


def test_an_earlier_version_has_no_changes_to_return(family: RestoredFamily) -> None:
    family.backup()
    merge(family.site, BOB, ANNA)
    family.deliver()
    family.others[1].interceptor = answer_with(404, "malformed", path_suffix="/customers/changes/fetch")
    family.restore()
    family.fetch()
    assert not family.is_running
    assert family.site.balances() == {ANNA: 110, CAROL: 1000}


def test_changes_that_others_made_since_the_backup_come_again(family: RestoredFamily) -> None:
    other = family.others[0]
    to_site = other.read(lambda session: session.scalars(select(Remote.id)).one())
    family.backup()
    merge(other, BOB, ANNA)
    other.deliver(to_site)
    assert family.site.balances() == {ANNA: 110, CAROL: 1000}
    family.restore()
    assert family.site.balances() == {ANNA: 10, BOB: 100, CAROL: 1000}
    family.fetch()
    other.check(to_site)
    assert other.remote(to_site).status == "warning"
    other.deliver(to_site)
    assert family.site.balances() == {ANNA: 110, CAROL: 1000}
    other.check(to_site)
    assert other.remote(to_site).status == "green"
