"""Broken requests by the thousand: each is refused as the caller's fault, and nothing changes."""

import pytest

from tests.fuzz import wire
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import Caller, a_movement

SEED = 1


@pytest.mark.parametrize(("kind", "cases"), [("pointsync", 2_000), ("woorewards", 2_000), ("strange", 1_000)])
def test_broken_requests_are_refused_and_leave_no_trace(site: PeerSite, kind: str, cases: int) -> None:
    """A dump of all tables before and after tells; more of them by `python -m tests.fuzz`."""
    caller = Caller(site)
    assert caller.send(a_movement(1)).status_code == 200
    found = wire.many(kind, SEED, range(cases), site, caller)
    assert sum(found.values()) == cases
    assert len(found) >= 3, f"the requests are all broken in the same way: {found}"


def test_a_request_that_is_not_broken_would_be_found(site: PeerSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: one that the site takes is told by its seed and number."""
    caller = Caller(site)
    monkeypatch.setitem(wire.KINDS, "pointsync", lambda _, caller: caller.send(a_movement(7)))
    with pytest.raises(AssertionError, match="--kind pointsync --seed 1 --only 0"):
        wire.many("pointsync", SEED, range(3), site, caller)
