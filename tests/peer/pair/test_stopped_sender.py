"""What a site says about the movements of another one that does not send now, with movements waiting there."""

from pathlib import Path

import pytest
from sqlalchemy import update

from pointsync.models import Site
from pointsync.sync.comparison import delivered
from tests.peer.pair.edited_sites import Pair, edit, status
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock


@pytest.fixture
def remotes(pair: Pair, moving_clock: MovingClock) -> tuple[int, int]:
    """Both sites run and are equal, with a movement of the second one; their remotes."""
    a, b = pair
    a.begin_run()
    to_b, _ = a.list_site(b)
    to_a, _ = b.list_site(a)
    b.record(ALICE, 10)
    b.deliver(to_a)
    a.check(to_b)
    a.record(ALICE, 1)
    a.deliver(to_b)
    a.check(to_b)
    assert status(a, to_b)[0] == "green"
    return to_b, to_a


def stop_with_a_movement_waiting(site: PeerSite) -> None:
    site.write(lambda session: session.execute(update(Site).values(hold="Is it a copy?")))
    site.record(ALICE, 1000)


def test_what_only_waits_there_is_no_difference(pair: Pair, remotes: tuple[int, int]) -> None:
    a, b = pair
    stop_with_a_movement_waiting(b)
    for _ in range(3):
        a.check(remotes[0])
        assert status(a, remotes[0])[0] == "green"


def test_a_site_that_was_set_back_is_not_green(pair: Pair, remotes: tuple[int, int], tmp_path: Path) -> None:
    """What was delivered to it since the backup is missing, and nobody sends it again for now."""
    a, b = pair
    a.backup(tmp_path / "yesterday")
    b.record(ALICE, 20)
    b.deliver(remotes[1])
    stop_with_a_movement_waiting(b)
    a.restore(tmp_path / "yesterday")
    a.begin_run()
    for _ in range(2):
        a.check(remotes[0])
        code, text = status(a, remotes[0])
        assert code == "warning"
        assert "does not hold exactly what the other site has delivered" in text


def test_a_difference_that_stays_the_same_is_not_on_its_way(pair: Pair, remotes: tuple[int, int]) -> None:
    a, b = pair
    stop_with_a_movement_waiting(b)
    a.check(remotes[0])
    edit(b, "UPDATE remote SET delivered_count = delivered_count + 1, delivered_hash = ?", bytes(16))
    a.check(remotes[0])
    assert status(a, remotes[0])[0] == "green", "the movement that waits there may just have arrived"
    a.check(remotes[0])
    assert status(a, remotes[0])[0] == "warning"
    edit(b, "UPDATE remote SET delivered_count = delivered_count + 1, delivered_hash = ?", bytes(15) + b"\x01")
    a.check(remotes[0])
    assert status(a, remotes[0])[0] == "warning", "another difference is no proof that both are equal"
    b.write(lambda session: session.execute(update(Site).values(hold=None)))
    with_right_sum(b)
    a.check(remotes[0])
    assert status(a, remotes[0])[0] == "green"


def with_right_sum(site: PeerSite) -> None:
    """Correct the sums of what was delivered, as the scrub does."""
    with site.app.app_context():
        delivered.correct_all()
