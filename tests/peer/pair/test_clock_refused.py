"""An answer that the clocks differ changes the time that a site signs with only if the right site has signed it."""

from datetime import timedelta

import pytest

from pointsync import clock
from pointsync.sync.protocol import wire
from tests.peer.impostor import Impostor
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

Pair = tuple[PeerSite, PeerSite]
DAY = timedelta(days=1)


def signed_times(site: PeerSite) -> set[int]:
    """The times of the requests that reached a site."""
    return {int(headers["webhook_timestamp"]) for _, _, headers in site.requests if "webhook_timestamp" in headers}


@pytest.mark.parametrize(
    ("knows_pass", "signs"), [(False, False), (False, True), (True, True)], ids=["unsigned", "another key", "and Pass"]
)
def test_an_answer_in_a_pinned_sites_place_changes_nothing(pair: Pair, knows_pass: bool, signs: bool) -> None:
    """Every site of the family knows the Pass, so with a pinned key only that key counts."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    a.record(ALICE, 1)
    a.deliver(remote_id)
    movement_id = a.record(ALICE, 5)
    b.requests.clear()
    b.interceptor = Impostor(b.identity.auth, b.identity.passes if knows_pass else (), DAY, signs=signs)
    result = a.check(remote_id)
    assert (result.is_ok, result.code, result.clock_offset_seconds) == (False, "clock_refused", 0)
    assert a.remote_json(remote_id)["status"] == "warning"
    a.deliver(remote_id)
    assert a.remote(remote_id).attempt_code == "clock_refused"
    assert signed_times(b) == {int(clock.now().timestamp())}
    assert a.remote(remote_id).clock_offset_seconds == 0
    assert a.delivery(movement_id).state == "pending"
    b.interceptor = None
    assert a.check(remote_id).is_ok


@pytest.mark.parametrize("knows_pass", [True, False])
def test_without_a_pinned_key_the_pass_must_be_proven(pair: Pair, knows_pass: bool) -> None:
    a, b = pair
    b.interceptor = Impostor(b.identity.auth, b.identity.passes if knows_pass else (), DAY)
    _, result = a.list_site(b)
    assert (result.is_ok, result.code) == (False, "clock_refused")
    now = clock.now()
    times = {int(now.timestamp()), int((now + DAY).timestamp())} if knows_pass else {int(now.timestamp())}
    assert signed_times(b) == times


def test_an_old_answer_of_the_right_site_does_not_count(pair: Pair, moving_clock: MovingClock) -> None:
    """It is signed for another request."""
    a, b = pair
    impostor = b.interceptor = Impostor(b.identity.auth, b.identity.passes, DAY)
    impostor.message_id = "msg_1"
    assert a.list_site(b)[1].code == "clock_refused"
    assert signed_times(b) == {int(clock.now().timestamp())}


def test_a_clock_that_keeps_changing_is_a_failure(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right site answers so, but the check has failed: the remote is not green."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    a.record(ALICE, 1)
    a.deliver(remote_id)
    assert a.remote_json(remote_id)["status"] == "green"
    monkeypatch.setattr(wire.SignedMessage, "clock_skew", lambda self, now: DAY)
    result = a.check(remote_id)
    assert (result.is_ok, result.code) == (False, "clock_refused")
    assert "keeps changing" in result.message
    assert a.remote_json(remote_id)["status"] == "warning"
