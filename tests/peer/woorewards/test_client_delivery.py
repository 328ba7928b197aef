"""Sending to a WooRewards shop: one call per movement, each applied exactly once."""

from datetime import timedelta

from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_remote import WooRewardsRemote
from tests.support.moving_clock import MovingClock
from tests.support.woorewards_shop import Movement, Reply, WooRewardsSite

PREFIX = "/blog/index.php/sync/rest/woorewards/v1/pointsync/"
UNUSUAL_EMAILS = [
    "a+b@example.test",
    "o'brien@example.test",
    "müller@example.test",
    "50%25off@example.test",
    "a/b@example.test",
    "/a//b@example.test",
    "a?b=c&d@example.test",
    "a#b@example.test",
    "!#$%&'*+-/=?^_`{|}~@example.test",
]
TEMPLATE = f"{PREFIX}sync/[reserve]/[user_email]/[points]/[action]"


def test_gains_are_sent_as_add_and_losses_as_sub(woo_remote: WooRewardsRemote) -> None:
    gain_id = woo_remote.record(ALICE, 30, reason="Order 17 für Ä & Co.")
    loss_id = woo_remote.record(ALICE, -12, kind="spend")
    woo_remote.deliver()
    shop, auth = woo_remote.shop, woo_remote.site.identity.auth
    assert shop.applied == {
        (auth, int(gain_id)): Movement("default", ALICE, 30, "add", "Order 17 für Ä & Co."),
        (auth, int(loss_id)): Movement("default", ALICE, 12, "sub", ""),
    }
    assert shop.balance(ALICE) == 18
    assert [woo_remote.delivery_summary(each) for each in (gain_id, loss_id)] == [("delivered", 1, None)] * 2
    assert woo_remote.status == "green"


def test_a_set_is_sent_as_its_difference(woo_remote: WooRewardsRemote) -> None:
    """A set would overwrite what happened at the shop meanwhile."""
    woo_remote.shop.add_customer(ALICE, 1000)
    woo_remote.record(ALICE, 30)
    woo_remote.record(ALICE, set_to=100)
    woo_remote.record(ALICE, set_to=90)
    woo_remote.record(ALICE, set_to=90)
    woo_remote.deliver()
    assert [(each.points, each.action) for each in woo_remote.shop.applied.values()] == [
        (30, "add"),
        (70, "add"),
        (10, "sub"),
    ]
    assert woo_remote.shop.balance(ALICE) == 1090


def test_each_movement_is_sent_once_in_recording_order(woo_remote: WooRewardsRemote) -> None:
    movement_ids = [woo_remote.record(ALICE, points) for points in range(1, 31)]
    woo_remote.deliver()
    woo_remote.deliver()
    assert [each.form["transaction_id"] for each in woo_remote.sync_requests] == movement_ids
    assert woo_remote.shop.balance(ALICE) == sum(range(1, 31))


def test_the_call_has_the_add_ons_format(woo_remote: WooRewardsRemote) -> None:
    movement_id = woo_remote.record(ALICE, 5, reason="a+b %26 ü")
    woo_remote.deliver()
    [call] = woo_remote.sync_requests
    assert (call.method, call.path) == (
        "POST",
        "/wp-json/woorewards/v1/pointsync/sync/default/alice%40example.test/5/add",
    )
    auth = woo_remote.site.identity.auth
    assert call.form == {"source": auth, "transaction_id": movement_id, "reason": "a+b %26 ü"}
    assert call.headers["authorization"].startswith("Basic ")
    assert not [name for name in call.headers if name.startswith(("webhook", "pointsync"))]


def test_unusual_addresses_arrive_unchanged(woo_remote: WooRewardsRemote) -> None:
    for points, email in enumerate(UNUSUAL_EMAILS, 1):
        woo_remote.shop.add_customer(email)
        woo_remote.record(email, points)
    woo_remote.deliver()
    assert [woo_remote.shop.balance(email) for email in UNUSUAL_EMAILS] == list(range(1, len(UNUSUAL_EMAILS) + 1))


class MovedSite(WooRewardsSite):
    """A WordPress site in a subfolder with another REST prefix; it answers only there."""

    def answer(self, method: str, path: str, headers: dict[str, str], form: dict[str, str]) -> Reply | None:
        moved = path.replace(PREFIX, "/wp-json/woorewards/v1/pointsync/") if path.startswith(PREFIX) else "/" + path
        return super().answer(method, moved, headers, form)


def test_the_ping_uses_the_prefix_of_the_query_template(site: PeerSite, moving_clock: MovingClock) -> None:
    """Otherwise such a shop could not be checked."""
    with MovedSite(customers=[ALICE]) as shop:
        remote = WooRewardsRemote(site, shop, moving_clock)
        result = remote.add_remote(query_template=TEMPLATE)
        assert (result.is_ok, result.code, result.dialect) == (True, "ok", "woorewards")
        remote.record(ALICE, 5)
        remote.deliver()
        assert shop.balance(ALICE) == 5


def test_pointsync_is_tried_first_and_without_the_pass(woo_remote: WooRewardsRemote) -> None:
    """A shop that does not speak PointSync is then called in its own dialect; only that call has credentials."""
    first, second = woo_remote.shop.requests
    assert (first.kind, first.method, first.path) == ("other", "POST", "/pointsync/v1/ping")
    assert "authorization" not in first.headers
    assert woo_remote.shop.password not in str(first)
    assert (second.kind, second.method) == ("ping", "GET")
    assert woo_remote.site.remote_json(woo_remote.remote_id)["dialect"] == "woorewards"


def test_deliveries_wait_while_the_shop_is_down(woo_remote: WooRewardsRemote) -> None:
    movement_ids = [woo_remote.record(ALICE, 1) for _ in range(3)]
    woo_remote.shop.__exit__()
    woo_remote.deliver()
    assert [woo_remote.delivery_summary(each)[0] for each in movement_ids] == ["pending"] * 3
    assert woo_remote.status == "warning"
    with woo_remote.shop:
        woo_remote.wait_and_deliver(timedelta(seconds=179))
        assert woo_remote.sync_requests == []
        woo_remote.wait_and_deliver(timedelta(seconds=1))
        assert woo_remote.shop.balance(ALICE) == 3
    woo_remote.shop.__enter__()
