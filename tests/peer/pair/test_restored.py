"""A site restored from a backup is detected by the other side's counts, and lost movements are sent again."""

from datetime import timedelta
from pathlib import Path

from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

Pair = tuple[PeerSite, PeerSite]
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def test_movements_that_a_restored_site_lost_are_sent_again(
    pair: Pair, tmp_path: Path, moving_clock: MovingClock
) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    a.record(ALICE, 1)
    a.deliver(remote_id)
    b.backup(tmp_path / "yesterday")
    for points in range(2, 12):
        a.record(ALICE, points)
        a.deliver(remote_id)
    b.restore(tmp_path / "yesterday")
    assert b.balance(ALICE) == 1
    moving_clock.advance(MINUTE)
    a.record(ALICE, 100)
    a.deliver(remote_id)
    assert a.balances() == b.balances() == {ALICE: sum(range(12)) + 100}
    assert set(a.delivery_states(remote_id)) == {"delivered"}
    assert len(b.movements()) == 12
    assert a.remote_json(remote_id)["status"] == "green"


def test_a_check_detects_it_when_nothing_new_is_sent(pair: Pair, tmp_path: Path) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    b.backup(tmp_path / "empty")
    for points in (1, 2, 3):
        a.record(ALICE, points)
    a.deliver(remote_id)
    b.restore(tmp_path / "empty")
    assert b.balance(ALICE) is None
    assert a.check(remote_id).is_ok
    assert a.is_due(remote_id)
    a.deliver(remote_id)
    assert a.balances() == b.balances() == {ALICE: 6}
    a.check(remote_id)
    assert not a.is_due(remote_id)


def test_a_second_restore_within_an_hour_is_also_repaired(
    pair: Pair, tmp_path: Path, moving_clock: MovingClock
) -> None:
    """An admin may restore twice. The repair may wait for a later check, but nothing may stay lost."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    b.backup(tmp_path / "empty")
    for points in (1, 2, 3):
        a.record(ALICE, points)
    a.deliver(remote_id)
    for _ in range(2):
        b.restore(tmp_path / "empty")
        a.check(remote_id)
        a.deliver(remote_id)
        moving_clock.advance(MINUTE)
    for _ in range(8):
        moving_clock.advance(15 * MINUTE)
        a.check(remote_id)
        a.deliver(remote_id)
    assert a.balances() == b.balances() == {ALICE: 6}


def test_an_own_id_from_a_clock_that_was_ahead_is_no_alarm(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    moving_clock.advance(48 * HOUR)
    a.record(ALICE, 1)
    a.deliver(remote_id)
    moving_clock.advance(-48 * HOUR)
    a.check(remote_id)
    assert a.remote_json(remote_id)["last_error"] is None
    assert not a.identity.sending_stopped_reason
