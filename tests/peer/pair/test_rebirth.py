"""A site that lost its disk is set up again from its sharing key: with a new key, and its movements come back."""

from datetime import timedelta
from pathlib import Path

import pytest

from pointsync import clock, crypto
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger.fetch_back import state
from pointsync.runtime import get_runtime
from pointsync.schedule import recovery_ticks
from pointsync.sync.fetch_back import rebirth, run
from pointsync.sync.remotes import pinned_key, remotes
from tests.peer.conftest import MakeSite
from tests.peer.pair.restored_family import make_family
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock


def set_up_again(site: PeerSite, sharing_key: str) -> rebirth.Rebirth:
    with site.app.app_context():
        vault, config = get_runtime().vault, get_runtime().config
    return site.write(lambda session: rebirth.set_up_again(session, vault, config, sharing_key, clock.now()))


def tick(site: PeerSite) -> None:
    with site.app.app_context():
        recovery_ticks.fetch_back()


def accept_key(site: PeerSite, remote_id: int, fingerprint: str) -> None:
    """The admin compares the fingerprint over another channel, and accepts."""
    site.write(lambda session: pinned_key.accept(session, remotes.get(session, remote_id), fingerprint, clock.now()))


def test_it_gets_its_movements_back_after_the_others_have_accepted_its_key(
    make_site: MakeSite, tmp_path: Path, moving_clock: MovingClock
) -> None:
    with make_family(make_site, tmp_path, moving_clock) as family:
        old, others = family.site, family.others
        sharing_key = old.identity.sharing_key
        assert sharing_key is not None
        lost = [family.order(f"order-{number}", number).movement.id for number in (1, 2)]
        family.deliver()
        lost.append(family.order("order-3", 3).movement.id)
        family.deliver(0)
        only_here = family.order("order-4", 4).movement.id
        for other, remote_id in zip(others, (1, 1), strict=True):
            other.record(ALICE, 100)
            other.deliver(remote_id)
        old_key = old.identity.public_key

        new = make_site("new")
        with new:
            answer = set_up_again(new, sharing_key)
            identity = new.identity
            assert (identity.auth, identity.passes) == (old.identity.auth, old.identity.passes)
            assert identity.public_key != old_key
            assert answer.fingerprint == crypto.format_fingerprint(identity.public_key)
            assert (answer.sharing_key_url, answer.is_other_url) == (old.url.removeprefix("http://"), True)

            remote_ids = [new.list_site(other)[0] for other in others]
            assert new.remote(remote_ids[0]).check_code == "changed_key", "the others know another key"
            tick(new)
            assert new.balances() == {}
            for other in others:
                other.change_remote(1, url=new.url)
                assert other.remote(1).check_code == "changed_key"
                accept_key(other, 1, answer.fingerprint)
                assert other.check(1).is_ok
                other.deliver(1)
            assert new.balances() == {ALICE: 200}, "the others send theirs again"
            moving_clock.advance(timedelta(minutes=1))
            for remote_id in remote_ids:
                assert new.check(remote_id).is_ok
            tick(new)
            assert new.read(state.is_running), "until an admin says that all are listed"
            new.write(run.close)
            tick(new)
            assert not new.read(state.is_running)
            assert new.balances() == {ALICE: 206}
            assert {each.id for each in new.movements(identity.auth)} == set(lost)
            for remote_id in remote_ids:
                new.deliver(remote_id)
            for other in others:
                assert other.balances() == {ALICE: 106}
                assert {each.id for each in other.movements(identity.auth)} == set(lost)
            later = new.record(ALICE, 1)
            assert int(later) > max(map(int, lost))
            assert only_here not in {each.id for each in new.movements()}


def test_only_a_new_site_is_set_up_again(site: PeerSite) -> None:
    sharing_key = "shop.example|wrk_0123456789abcdef:wrs_AbCdEf0123456789"
    with pytest.raises(InvalidInput, match="incomplete"):
        set_up_again(site, "shop.example")
    site.record(ALICE, 1)
    with pytest.raises(Conflict, match="empty POINTSYNC_DATA"):
        set_up_again(site, sharing_key)


def test_a_site_with_a_remote_is_not_set_up_again(pair: tuple[PeerSite, PeerSite]) -> None:
    a, b = pair
    a.list_site(b)
    with pytest.raises(Conflict):
        set_up_again(a, "shop.example|wrk_0123456789abcdef:wrs_AbCdEf0123456789")
