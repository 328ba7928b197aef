"""What a site says about the movements of another one that does not send now, with movements waiting there."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from pointsync.models import Site
from pointsync.schedule import remote_ticks
from pointsync.sync.comparison import delivered, received
from pointsync.sync.remotes.status import DOUBT_PERIOD
from tests.peer.pair.edited_sites import Pair, edit, status
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

SECOND = timedelta(seconds=1)


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


def test_a_site_that_was_set_back_is_not_green(
    pair: Pair, remotes: tuple[int, int], tmp_path: Path, moving_clock: MovingClock
) -> None:
    """What was delivered to it since the backup is missing, and nobody sends it again for now."""
    a, b = pair
    a.backup(tmp_path / "yesterday")
    b.record(ALICE, 20)
    b.deliver(remotes[1])
    stop_with_a_movement_waiting(b)
    a.restore(tmp_path / "yesterday")
    a.begin_run()
    a.check(remotes[0])
    assert status(a, remotes[0]) == ("warning", "Delivered, not compared yet.")
    moving_clock.advance(received.MAX_UNDERWAY + SECOND)
    a.check(remotes[0])
    code, text = status(a, remotes[0])
    assert code == "warning"
    assert "does not hold exactly what the other site has delivered" in text


def test_what_is_on_its_way_explains_a_difference_only_for_a_moment(
    pair: Pair, remotes: tuple[int, int], moving_clock: MovingClock
) -> None:
    a, b = pair
    stop_with_a_movement_waiting(b)
    moving_clock.advance(received.EVIDENCE)
    a.check(remotes[0])
    edit(b, "UPDATE remote SET delivered_count = delivered_count + 1, delivered_hash = ?", bytes(16))
    a.check(remotes[0])
    moving_clock.advance(DOUBT_PERIOD)
    refresh(a)
    assert status(a, remotes[0])[0] == "green", "the movement that waits there may just have arrived"
    moving_clock.advance(SECOND)
    refresh(a)
    assert status(a, remotes[0]) == (
        "warning",
        "Delivered; comparing again when the movements that are on their way have arrived.",
    )
    edit(b, "UPDATE remote SET delivered_count = delivered_count + 1, delivered_hash = ?", bytes(15) + b"\x01")
    a.check(remotes[0])
    assert status(a, remotes[0])[0] == "warning", "another difference is no proof that both are equal"
    moving_clock.advance(received.MAX_UNDERWAY)
    a.check(remotes[0])
    assert "does not hold exactly" in status(a, remotes[0])[1]
    with_right_sum(b)
    a.check(remotes[0])
    assert status(a, remotes[0])[0] == "green"


def refresh(site: PeerSite) -> None:
    """Run the job that turns statuses that are too old to be green."""
    with site.app.app_context():
        remote_ticks.refresh_late_statuses()


def with_right_sum(site: PeerSite) -> None:
    """Correct the sums of what was delivered, as the scrub does."""
    with site.app.app_context():
        delivered.correct_all()
