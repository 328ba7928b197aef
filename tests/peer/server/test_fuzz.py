"""Thousands of broken requests: each is refused with a 4xx status and nothing changes."""

import pytest

from tests.fuzz import wire
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import SignedCaller, make_movement

SEED = 1


@pytest.mark.parametrize(("kind", "cases"), [("pointsync", 600), ("woorewards", 600), ("strange", 300)])
def test_broken_requests_are_refused_and_change_nothing(site: PeerSite, kind: str, cases: int) -> None:
    """All tables are compared before and after. `python -m tests.fuzz` sends more of them."""
    caller = SignedCaller(site)
    assert caller.send(make_movement(1)).status_code == 200
    outcome_counts = wire.send_cases(kind, SEED, range(cases), site, caller)
    assert sum(outcome_counts.values()) == cases
    assert len(outcome_counts) >= 3, f"the requests are all broken in the same way: {outcome_counts}"


def test_a_request_that_is_accepted_would_be_reported(site: PeerSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: an accepted request is reported with its seed and number."""
    caller = SignedCaller(site)
    monkeypatch.setitem(wire.KINDS, "pointsync", lambda _, caller: caller.send(make_movement(7)))
    with pytest.raises(AssertionError, match="--kind pointsync --seed 1 --only 0"):
        wire.send_cases("pointsync", SEED, range(3), site, caller)
