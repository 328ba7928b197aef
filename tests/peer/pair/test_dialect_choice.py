"""Which dialect a line speaks, and that a line which once spoke PointSync never sends its Pass out."""

import pytest

from tests.peer import interceptors
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.woorewards_shop import WooRewardsSite

Pair = tuple[PeerSite, PeerSite]


@pytest.mark.parametrize("status", [200, 404])
def test_a_page_in_its_place_does_not_get_the_pass(pair: Pair, status: int) -> None:
    """A firewall's page, or a WordPress where the site was: no call carries credentials."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    b.front = interceptors.answering(status)
    assert a.check(remote_id).code == "not_a_site"
    a.record(ALICE, 5)
    a.deliver(remote_id)
    a.retry(remote_id)
    a.deliver(remote_id)
    assert a.shape(remote_id)["dialect"] == "pointsync"
    assert {path for _, path, _ in b.requests} <= {"/pointsync/v1/ping", "/pointsync/v1/movements"}
    assert [headers for _, _, headers in b.requests if "authorization" in headers] == []
    b.front = None
    assert a.check(remote_id).ok
    a.retry(remote_id)
    a.deliver(remote_id)
    assert b.balance(ALICE) == 5


def test_a_shop_of_the_other_make_in_its_place_does_not_either(pair: Pair) -> None:
    """Even one that would take the credentials."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    identity = b.identity
    b.__exit__()
    with WooRewardsSite(identity.auth, identity.passes[0], customers=[ALICE], port=b.port) as shop:
        assert a.check(remote_id).code == "not_a_site"
        a.record(ALICE, 5)
        a.deliver(remote_id)
        assert shop.applied == {}
        assert not any("authorization" in each.headers for each in shop.requests)
        assert shop.requests
    b.__enter__()


def test_a_shop_that_learns_the_better_dialect_is_spoken_to_in_it(pair: Pair) -> None:
    a, b = pair
    identity = b.identity
    b.__exit__()
    with WooRewardsSite(identity.auth, identity.passes[0], customers=[ALICE], port=b.port) as shop:
        remote_id, verdict = a.list_site(b)
        assert (verdict.ok, verdict.dialect) == (True, "woorewards")
        a.record(ALICE, 5)
        a.deliver(remote_id)
        assert shop.balance(ALICE) == 5
    b.__enter__()
    verdict = a.check(remote_id)
    assert (verdict.ok, verdict.dialect) == (True, "pointsync")
    a.record(ALICE, 7)
    a.deliver(remote_id)
    assert b.balance(ALICE) == 7, "what the shop's own books hold is not sent a second time"
    assert not any("authorization" in headers for _, _, headers in b.requests)
