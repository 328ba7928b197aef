"""Sites in this process, and somebody who calls them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, Caller
from tests.peer.woorewards_remote import WooLine
from tests.support.moving_clock import MovingClock
from tests.support.woorewards_shop import WooRewardsSite

MakeSite = Callable[[str], PeerSite]


@pytest.fixture
def make_site(tmp_path: Path, moving_clock: MovingClock) -> Iterator[MakeSite]:
    """Makes sites, each in a folder of its own; afterwards all their books are looked at."""
    made: list[PeerSite] = []

    def make(name: str) -> PeerSite:
        made.append(PeerSite(tmp_path / name, name))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def site(make_site: MakeSite) -> PeerSite:
    """A site that does not listen: it is asked through Flask's test client."""
    return make_site("here")


@pytest.fixture
def caller(site: PeerSite) -> Caller:
    """Another site that calls it."""
    return Caller(site)


@pytest.fixture(scope="module")
def shared_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A caller of a site that a file's tests share, where each leaves the others alone. The clock is real."""
    site = PeerSite(tmp_path_factory.mktemp("shared"), "shared")
    yield Caller(site)
    site.end()


@pytest.fixture
def listening(site: PeerSite) -> Iterator[PeerSite]:
    """The same site, on its port."""
    with site:
        yield site


@pytest.fixture
def pair(make_site: MakeSite) -> Iterator[tuple[PeerSite, PeerSite]]:
    """Two sites that listen and do not list each other yet."""
    with make_site("a") as a, make_site("b") as b:
        yield a, b


@pytest.fixture
def woo_line(site: PeerSite, woorewards: WooRewardsSite, moving_clock: MovingClock) -> WooLine:
    """A site that lists a WooRewards shop, which knows Alice."""
    woorewards.add_customer(ALICE)
    line = WooLine(site, woorewards, moving_clock)
    assert line.listed().ok
    return line
