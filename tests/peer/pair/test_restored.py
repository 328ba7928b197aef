"""A site restored from a backup: the other side's count of what it holds tells, and nothing stays lost."""

from datetime import timedelta
from pathlib import Path

import pytest

from pointsync.peer import pointsync as served
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

Pair = tuple[PeerSite, PeerSite]
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def test_what_a_restored_site_has_lost_is_sent_again(pair: Pair, tmp_path: Path, moving_clock: MovingClock) -> None:
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
    assert set(a.states(remote_id)) == {"delivered"}
    assert len(b.movements()) == 12
    assert a.shape(remote_id)["status"] == "green"


def test_a_check_finds_it_out_where_nothing_new_is_sent(pair: Pair, tmp_path: Path) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    b.backup(tmp_path / "empty")
    for points in (1, 2, 3):
        a.record(ALICE, points)
    a.deliver(remote_id)
    b.restore(tmp_path / "empty")
    assert b.balance(ALICE) is None
    assert a.check(remote_id).ok
    assert a.is_due(remote_id)
    a.deliver(remote_id)
    assert a.balances() == b.balances() == {ALICE: 6}
    a.check(remote_id)
    assert not a.is_due(remote_id)


def test_one_restored_again_within_the_hour_is_made_whole_in_the_end(
    pair: Pair, tmp_path: Path, moving_clock: MovingClock
) -> None:
    """An admin who restores often tries twice. It may take until the next check, but it must not stay lost."""
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


def test_a_restored_site_sends_nothing_until_an_admin_has_spoken(
    pair: Pair, tmp_path: Path, moving_clock: MovingClock
) -> None:
    """The other side holds an id that this database never made: it is older than itself, or runs twice."""
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
    assert a.identity.hold
    assert a.shape(remote_id)["status"] == "error"
    made, before = a.record(ALICE, 100), len(b.movements())
    for _ in range(3):
        moving_clock.advance(HOUR)
        assert not a.is_due(remote_id)
        a.deliver(remote_id)
        a.retry(remote_id)
        a.deliver(remote_id)
    assert a.delivery(made).state == "pending"
    assert len(b.movements()) == before
    assert int(made) > max(int(each.id) for each in b.movements(a.identity.auth)), "ids are never used again"


def test_it_is_found_out_by_the_first_batch_too(pair: Pair, tmp_path: Path, moving_clock: MovingClock) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    a.backup(tmp_path / "yesterday")
    moving_clock.advance(MINUTE)
    far_ahead = a.record(ALICE, 10)
    a.deliver(remote_id)
    # Its clock was ahead then, so what it makes now has smaller ids than what the other side holds.
    a.restore(tmp_path / "yesterday")
    moving_clock.advance(-MINUTE)
    a.record(ALICE, 100)
    a.deliver(remote_id)
    assert a.identity.hold
    made = a.record(ALICE, 1000)
    a.deliver(remote_id)
    assert a.delivery(made).state == "pending"
    assert int(made) > int(far_ahead)


@pytest.mark.parametrize("told", [str(2**63 - 1), str(2**63), "9" * 5000, "-1", "\0", "soon", True, ["1"]], ids=str)
def test_an_id_that_cannot_be_is_an_alarm_and_sending_goes_on(
    pair: Pair, told: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It tells nothing of this site, and believed it would use up all ids."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    last_id = int(a.record(ALICE, 1))
    monkeypatch.setattr(served, "have", lambda *_: {"count": 1, "max_id": told})
    a.deliver(remote_id)
    for _ in range(2):
        assert not a.identity.hold
        line = a.shape(remote_id)
        assert line["status"] == "warning"
        assert "cannot have made yet" in line["status_text"]
        assert line["last_error"] in line["status_text"]
        assert line["last_error"] in caplog.text
        a.check(remote_id)
    made = a.record(ALICE, 10)
    a.deliver(remote_id)
    assert a.delivery(made).state == "delivered"
    assert last_id < int(made) < last_id + 2**40
    monkeypatch.undo()
    a.check(remote_id)
    assert "cannot have made yet" not in a.shape(remote_id)["status_text"]


@pytest.mark.parametrize("told", ["0", None])
def test_holding_nothing_is_no_alarm(pair: Pair, told: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair
    monkeypatch.setattr(served, "have", lambda *_: {"count": 0, "max_id": told})
    remote_id, verdict = a.list_site(b)
    assert verdict.ok
    assert a.shape(remote_id)["last_error"] is None


def test_an_id_of_our_own_made_by_a_clock_that_was_ahead_is_no_alarm(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    moving_clock.advance(48 * HOUR)
    a.record(ALICE, 1)
    a.deliver(remote_id)
    moving_clock.advance(-48 * HOUR)
    a.check(remote_id)
    assert a.shape(remote_id)["last_error"] is None
    assert not a.identity.hold
