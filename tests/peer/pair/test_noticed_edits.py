"""What somebody edits in one site's database shows on both sites within seconds, and wrong sums are corrected."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from pointsync.models import Remote
from pointsync.ops.verify_remote import verify_remote
from pointsync.schedule import remote_ticks
from pointsync.sync.comparison.received import MAX_UNDERWAY
from tests.peer.pair.edited_sites import Pair, differences, edit, status, sync
from tests.peer.pair.test_decisions import decide
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock


@pytest.fixture
def remotes(pair: Pair, moving_clock: MovingClock) -> tuple[int, int]:
    """Both sites have delivered movements to each other and are green; their remotes."""
    a, b = pair
    to_b, _ = sync(a, b, 10, 2)
    b.record(ALICE, 20)
    [to_a] = b.read(lambda session: session.scalars(select(Remote.id)).all())
    b.deliver(to_a)
    for site, remote_id in ((a, to_b), (b, to_a), (a, to_b)):
        site.check(remote_id)
        assert status(site, remote_id)[0] == "green"
    return to_b, to_a


def refresh(site: PeerSite) -> None:
    """Let the job store the statuses."""
    with site.app.app_context():
        remote_ticks.refresh_statuses()


@pytest.mark.parametrize("points", [10, 20])
def test_the_edited_site_is_not_green_even_before_it_is_compared(
    pair: Pair, remotes: tuple[int, int], points: int
) -> None:
    """With an own movement, and with one of the other site."""
    a, _ = pair
    edit(a, "UPDATE movement SET points = 1000 WHERE points = ?", points)
    refresh(a)
    assert status(a, remotes[0])[0] == "warning"
    assert a.remote(remotes[0]).checked_at is None, "it is compared with the next tick"
    edit(a, "UPDATE movement SET points = ? WHERE points = 1000", points)


def test_a_deleted_customer_comes_back(pair: Pair, remotes: tuple[int, int]) -> None:
    """With foreign keys off, as in the `sqlite3` shell. Own movements and received ones, and what is recorded later."""
    a, b = pair
    to_b, to_a = remotes
    edit(b, "INSERT INTO customer (id, email, created_at) VALUES (99, 'zoe@shop.example', '2026-03-01')")
    edit(b, "DELETE FROM balance")
    edit(b, "DELETE FROM customer WHERE id <> 99")
    refresh(b)
    assert status(b, to_a)[0] == "warning"
    a.record(ALICE, 4)
    a.deliver(to_b)
    for site, remote_id, kind, choice in ((a, to_b, "altered_there", "here"), (b, to_a, "altered_here", "there")):
        site.check(remote_id)
        assert {each[1] for each in differences(site)} == {kind}
        assert status(site, remote_id)[0] == "error"
        for movement_id, *_ in differences(site):
            decide(site, remote_id, movement_id, choice)
        site.deliver(remote_id)
    for site, remote_id in ((a, to_b), (b, to_a)):
        site.check(remote_id)
        assert (differences(site), status(site, remote_id)[0]) == ([], "green")
    assert a.balance(ALICE) == b.balance(ALICE) == 10 + 2 + 20 + 4


def test_an_own_movement_deleted_with_its_deliveries_is_shown(pair: Pair, remotes: tuple[int, int]) -> None:
    a, _ = pair
    [movement_id] = [each.id for each in a.movements() if each.points == 10]
    edit(a, "DELETE FROM delivery WHERE movement_seq = (SELECT seq FROM movement WHERE points = 10)")
    edit(a, "DELETE FROM movement WHERE points = 10")
    edit(a, "UPDATE balance SET points = points - 10")
    a.check(remotes[0])
    assert differences(a) == [(movement_id, "unknown_here", None)]
    assert status(a, remotes[0])[0] == "error"


def test_a_wrong_sum_of_what_was_delivered_is_corrected(pair: Pair, remotes: tuple[int, int]) -> None:
    a, _ = pair
    edit(a, "UPDATE remote SET delivered_count = delivered_count + 1, delivered_hash = ?", bytes(16))
    a.check(remotes[0])
    a.check(remotes[0])
    assert (differences(a), status(a, remotes[0])[0]) == ([], "green")


EDIT_HOLDING = "UPDATE holding SET count = count + 1"


def recount(site: PeerSite) -> None:
    """Let the job count anew what was received."""
    with site.app.app_context():
        remote_ticks.recount_received()


def test_a_wrong_sum_of_what_was_received_is_corrected(
    pair: Pair, remotes: tuple[int, int], moving_clock: MovingClock
) -> None:
    a, b = pair
    to_b, to_a = remotes
    edit(b, EDIT_HOLDING)
    b.check(to_a)
    recount(b)
    b.check(to_a)
    assert status(b, to_a)[0] == "warning", "movements may be on their way"
    moving_clock.advance(MAX_UNDERWAY + timedelta(seconds=1))
    recount(b)
    for site, remote_id in ((a, to_b), (b, to_a)):
        site.check(remote_id)
        assert (differences(site), status(site, remote_id)[0]) == ([], "green")


def test_a_site_that_lacks_movements_counts_once(
    pair: Pair, remotes: tuple[int, int], moving_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting reads all movements of the other site, so it is not repeated while the difference waits."""
    _, b = pair
    edit(b, "DELETE FROM movement WHERE points = 10")
    edit(b, "UPDATE balance SET points = points - 10")
    counted = []
    monkeypatch.setattr(remote_ticks.scrub, "find_wrong_sums", lambda _session, origin: counted.append(origin) or {})
    for _ in range(3):
        moving_clock.advance(MAX_UNDERWAY + timedelta(seconds=1))
        recount(b)
    assert len(counted) == 1


@pytest.mark.parametrize("is_repair", [False, True])
def test_verifying_a_remote_reports_sums_that_no_movement_explains(
    pair: Pair, remotes: tuple[int, int], is_repair: bool
) -> None:
    a, b = pair
    edit(b, EDIT_HOLDING)
    with a.app.app_context():
        result = verify_remote(remotes[0], lambda _count: None, is_repair=is_repair)
    assert result.is_equal is False
    assert [each["problem"] for each in result.differences] == ["sums_differ"]
    assert "repair" not in result.differences[0], "only the other site can correct its sum"


def test_verifying_a_remote_settles_what_arrives_meanwhile(
    pair: Pair, remotes: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = pair
    edit(b, EDIT_HOLDING)

    def correct_there(*_: object) -> list[object]:
        edit(b, "UPDATE holding SET count = count - 1")
        return []

    monkeypatch.setattr("pointsync.ops.verify_remote.walk.list_differences", correct_there)
    with a.app.app_context():
        result = verify_remote(remotes[0], lambda _count: None, is_repair=False)
    assert (result.is_equal, result.differences) == (True, [])
