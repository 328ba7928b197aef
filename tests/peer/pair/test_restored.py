"""A site restored from a backup is detected by the other side's counts, and lost movements are sent again."""

from datetime import timedelta
from pathlib import Path

import pytest

from pointsync.peer import pointsync as pointsync_server
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


def test_a_restored_site_sends_nothing_until_an_admin_confirms(
    pair: Pair, tmp_path: Path, moving_clock: MovingClock
) -> None:
    """The other side has an id that this database does not know: it was restored, or the site runs twice."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    a.record(ALICE, 1)
    a.deliver(remote_id)
    a.backup(tmp_path / "yesterday")
    moving_clock.advance(MINUTE)
    a.record(ALICE, 10)
    a.deliver(remote_id)
    a.restore(tmp_path / "yesterday")
    moving_clock.advance(MINUTE)
    a.check(remote_id)
    assert a.identity.sending_stopped_reason
    assert a.remote_json(remote_id)["status"] == "error"
    movement_id, count_before = a.record(ALICE, 100), len(b.movements())
    for _ in range(3):
        moving_clock.advance(HOUR)
        assert not a.is_due(remote_id)
        a.deliver(remote_id)
        a.retry(remote_id)
        a.deliver(remote_id)
    assert a.delivery(movement_id).state == "pending"
    assert len(b.movements()) == count_before
    assert int(movement_id) > max(int(each.id) for each in b.movements(a.identity.auth)), "ids are never reused"


def test_the_first_batch_detects_it_too(pair: Pair, tmp_path: Path, moving_clock: MovingClock) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    a.backup(tmp_path / "yesterday")
    moving_clock.advance(MINUTE)
    future_id = a.record(ALICE, 10)
    a.deliver(remote_id)
    # Its clock was ahead then, so new ids are smaller than those that the other side has.
    a.restore(tmp_path / "yesterday")
    moving_clock.advance(-MINUTE)
    a.record(ALICE, 100)
    a.deliver(remote_id)
    assert a.identity.sending_stopped_reason
    movement_id = a.record(ALICE, 1000)
    a.deliver(remote_id)
    assert a.delivery(movement_id).state == "pending"
    assert int(movement_id) > int(future_id)


@pytest.mark.parametrize("max_id", [str(2**63 - 1), str(2**63), "9" * 5000, "-1", "\0", "soon", True, ["1"]], ids=str)
def test_an_impossible_id_is_an_alarm_and_sending_continues(
    pair: Pair, max_id: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It says nothing about this site; accepting it would use up all ids."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    last_id = int(a.record(ALICE, 1))
    monkeypatch.setattr(pointsync_server, "get_received_summary", lambda *_: {"count": 1, "max_id": max_id})
    a.deliver(remote_id)
    for _ in range(2):
        assert not a.identity.sending_stopped_reason
        remote_json = a.remote_json(remote_id)
        assert remote_json["status"] == "warning"
        assert "cannot have made yet" in remote_json["status_text"]
        assert remote_json["last_error"] in remote_json["status_text"]
        assert remote_json["last_error"] in caplog.text
        a.check(remote_id)
    movement_id = a.record(ALICE, 10)
    a.deliver(remote_id)
    assert a.delivery(movement_id).state == "delivered"
    assert last_id < int(movement_id) < last_id + 2**40
    monkeypatch.undo()
    a.check(remote_id)
    assert "cannot have made yet" not in a.remote_json(remote_id)["status_text"]


@pytest.mark.parametrize("max_id", ["0", None])
def test_an_empty_site_is_no_alarm(pair: Pair, max_id: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair
    monkeypatch.setattr(pointsync_server, "get_received_summary", lambda *_: {"count": 0, "max_id": max_id})
    remote_id, result = a.list_site(b)
    assert result.is_ok
    assert a.remote_json(remote_id)["last_error"] is None


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
