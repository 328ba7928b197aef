"""PointSync sites in this process, and callers of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller
from tests.peer.woorewards_remote import WooRewardsRemote
from tests.support.moving_clock import MovingClock
from tests.support.woorewards_shop import WooRewardsSite

MakeSite = Callable[[str], PeerSite]


@pytest.fixture
def make_site(tmp_path: Path, moving_clock: MovingClock) -> Iterator[MakeSite]:
    """Create sites, each in its own folder; afterwards verify all their balances."""
    sites: list[PeerSite] = []

    def make(name: str) -> PeerSite:
        sites.append(PeerSite(tmp_path / name, name))
        return sites[-1]

    yield make
    for each in sites:
        each.close()


@pytest.fixture
def site(make_site: MakeSite) -> PeerSite:
    """A site that does not listen; it is called through Flask's test client."""
    return make_site("here")


@pytest.fixture
def caller(site: PeerSite) -> SignedCaller:
    """Another site that calls it."""
    return SignedCaller(site)


@pytest.fixture(scope="module")
def shared_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedCaller]:
    """A caller of a site that the tests of a file share without affecting each other. The clock is real."""
    site = PeerSite(tmp_path_factory.mktemp("shared"), "shared")
    yield SignedCaller(site)
    site.close()


@pytest.fixture
def listening_site(site: PeerSite) -> Iterator[PeerSite]:
    """The same site, listening on its port."""
    with site:
        yield site


@pytest.fixture
def pair(make_site: MakeSite) -> Iterator[tuple[PeerSite, PeerSite]]:
    """Two sites that listen and do not list each other yet."""
    with make_site("a") as a, make_site("b") as b:
        yield a, b


@pytest.fixture
def woo_remote(site: PeerSite, woorewards: WooRewardsSite, moving_clock: MovingClock) -> WooRewardsRemote:
    """A site with a remote for a WooRewards shop that has a customer Alice."""
    woorewards.add_customer(ALICE)
    remote = WooRewardsRemote(site, woorewards, moving_clock)
    assert remote.add_remote().is_ok
    return remote
