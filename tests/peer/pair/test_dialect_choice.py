"""Which dialect is used for a remote. Once it was PointSync, the Pass is never sent."""

import pytest

from tests.peer import interceptors
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.woorewards_shop import WooRewardsSite

Pair = tuple[PeerSite, PeerSite]


@pytest.mark.parametrize("status", [200, 404])
def test_a_page_answering_for_the_site_does_not_get_the_pass(pair: Pair, status: int) -> None:
    """A firewall's page, or a WordPress site at the same URL: no call carries credentials."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    b.interceptor = interceptors.answer_with(status)
    assert a.check(remote_id).code == "not_a_site"
    a.record(ALICE, 5)
    a.deliver(remote_id)
    a.retry(remote_id)
    a.deliver(remote_id)
    assert a.remote_json(remote_id)["dialect"] == "pointsync"
    assert {path for _, path, _ in b.requests} <= {"/pointsync/v1/ping", "/pointsync/v1/movements"}
    assert [headers for _, _, headers in b.requests if "authorization" in headers] == []
    b.interceptor = None
    assert a.check(remote_id).is_ok
    a.retry(remote_id)
    a.deliver(remote_id)
    assert b.balance(ALICE) == 5


def test_a_woorewards_shop_at_the_same_url_does_not_get_it_either(pair: Pair) -> None:
    """Even a shop that would accept the credentials."""
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


def test_a_shop_replaced_by_pointsync_is_called_in_the_pointsync_dialect(pair: Pair) -> None:
    a, b = pair
    identity = b.identity
    b.__exit__()
    with WooRewardsSite(identity.auth, identity.passes[0], customers=[ALICE], port=b.port) as shop:
        remote_id, result = a.list_site(b)
        assert (result.is_ok, result.dialect) == (True, "woorewards")
        a.record(ALICE, 5)
        a.deliver(remote_id)
        assert shop.balance(ALICE) == 5
    b.__enter__()
    result = a.check(remote_id)
    assert (result.is_ok, result.dialect) == (True, "pointsync")
    a.record(ALICE, 7)
    a.deliver(remote_id)
    assert b.balance(ALICE) == 7, "what the shop already has is not sent a second time"
    assert not any("authorization" in headers for _, _, headers in b.requests)
