"""A ping that brings no news is saved in one statement; any news is saved in full."""

from datetime import timedelta

import pytest

from pointsync.sync.remotes import check
from tests.peer.pair.edited_sites import Pair, edit, status
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

SECONDS = timedelta(seconds=6)


@pytest.fixture
def saved_in_full(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The codes of the pings that are saved in full."""
    codes: list[str] = []
    save_result = check.save_result

    def save(session, snapshot, ping_result, now):
        codes.append(ping_result.code)
        save_result(session, snapshot, ping_result, now)

    monkeypatch.setattr(check, "save_result", save)
    return codes


@pytest.fixture
def remote_id(pair: Pair, saved_in_full: list[str]) -> int:
    """A remote of the first site. Both sites have sent something to the other one, and nothing has changed since."""
    a, b = pair
    for site in pair:
        site.begin_run()
    remote_id, _ = a.list_site(b)
    back_id, _ = b.list_site(a)
    for site, each in ((a, remote_id), (b, back_id)):
        site.record(ALICE, 5)
        site.deliver(each)
    for _ in range(2):
        a.check(remote_id)
    saved_in_full.clear()
    return remote_id


def test_without_news_the_comparison_is_as_new(
    pair: Pair, moving_clock: MovingClock, remote_id: int, saved_in_full: list[str]
) -> None:
    a, _ = pair
    moving_clock.advance(SECONDS)
    a.check(remote_id)
    assert saved_in_full == []
    remote = a.remote(remote_id)
    assert (remote.checked_at, remote.compared_at, remote.compared_count) == (moving_clock.now(), moving_clock.now(), 2)
    assert status(a, remote_id)[0] == "green"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE remote SET status = 'warning'",
        "UPDATE remote SET failures = 1",
        "UPDATE remote SET attempt_code = 'timeout'",
        "UPDATE remote SET check_code = 'timeout'",
        "UPDATE remote SET name = 'Old name'",
        "UPDATE remote SET facts = '{}'",
        "UPDATE remote SET is_equal_here = NULL",
        "UPDATE remote SET checked_run = NULL",
        "UPDATE remote SET clock_offset_seconds = 1",
        "UPDATE holding SET doubted_at = equal_at",
        "UPDATE origin SET offered_key = 'AAAA'",
    ],
)
def test_after_a_change_here_all_is_saved(
    pair: Pair, moving_clock: MovingClock, remote_id: int, saved_in_full: list[str], change: str
) -> None:
    a, _ = pair
    edit(a, change)
    moving_clock.advance(SECONDS)
    a.check(remote_id)
    assert saved_in_full == ["ok"]


def test_after_a_reserve_was_added_there_all_is_saved(
    pair: Pair, moving_clock: MovingClock, remote_id: int, saved_in_full: list[str]
) -> None:
    a, b = pair
    b.add_reserve("silver", "Silver")
    moving_clock.advance(SECONDS)
    a.check(remote_id)
    assert saved_in_full == ["ok"]


def test_after_a_movement_was_deleted_there_all_is_saved(
    pair: Pair, moving_clock: MovingClock, remote_id: int, saved_in_full: list[str]
) -> None:
    a, b = pair
    edit(b, "DELETE FROM movement WHERE seq = 1")
    edit(b, "UPDATE balance SET points = 5")
    moving_clock.advance(SECONDS)
    a.check(remote_id)
    assert saved_in_full == ["ok"]
    assert status(a, remote_id)[0] == "warning"
