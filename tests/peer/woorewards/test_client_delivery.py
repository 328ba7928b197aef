"""What a WooRewards shop gets from here: each movement as a call of its own, each exactly once."""

from datetime import timedelta

from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_remote import WooLine
from tests.support.moving_clock import MovingClock
from tests.support.woorewards_shop import Movement, Reply, WooRewardsSite

PREFIX = "/blog/index.php/sync/rest/woorewards/v1/pointsync/"
ODD = [
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


def test_a_gain_is_an_add_and_a_loss_a_sub(woo_line: WooLine) -> None:
    gain = woo_line.record(ALICE, 30, reason="Order 17 für Ä & Co.")
    loss = woo_line.record(ALICE, -12, kind="spend")
    woo_line.deliver()
    shop, here = woo_line.shop, woo_line.site.identity.auth
    assert shop.applied == {
        (here, int(gain)): Movement("default", ALICE, 30, "add", "Order 17 für Ä & Co."),
        (here, int(loss)): Movement("default", ALICE, 12, "sub", ""),
    }
    assert shop.balance(ALICE) == 18
    assert [woo_line.state(each) for each in (gain, loss)] == [("delivered", 1, None)] * 2
    assert woo_line.status == "green"


def test_a_set_here_travels_as_its_difference(woo_line: WooLine) -> None:
    """A set there would overwrite what happened there meanwhile."""
    woo_line.shop.add_customer(ALICE, 1000)
    woo_line.record(ALICE, 30)
    woo_line.record(ALICE, set_to=100)
    woo_line.record(ALICE, set_to=90)
    woo_line.record(ALICE, set_to=90)
    woo_line.deliver()
    assert [(each.points, each.action) for each in woo_line.shop.applied.values()] == [
        (30, "add"),
        (70, "add"),
        (10, "sub"),
    ]
    assert woo_line.shop.balance(ALICE) == 1090


def test_each_travels_once_in_the_order_of_its_making(woo_line: WooLine) -> None:
    made = [woo_line.record(ALICE, points) for points in range(1, 31)]
    woo_line.deliver()
    woo_line.deliver()
    assert [each.form["transaction_id"] for each in woo_line.syncs] == made
    assert woo_line.shop.balance(ALICE) == sum(range(1, 31))


def test_the_call_is_the_add_ons_own(woo_line: WooLine) -> None:
    made = woo_line.record(ALICE, 5, reason="a+b %26 ü")
    woo_line.deliver()
    [call] = woo_line.syncs
    assert (call.method, call.path) == (
        "POST",
        "/wp-json/woorewards/v1/pointsync/sync/default/alice%40example.test/5/add",
    )
    here = woo_line.site.identity.auth
    assert call.form == {"source": here, "transaction_id": made, "reason": "a+b %26 ü"}
    assert call.headers["authorization"].startswith("Basic ")
    assert not [name for name in call.headers if name.startswith(("webhook", "pointsync"))]


def test_odd_addresses_arrive_as_they_are(woo_line: WooLine) -> None:
    for points, email in enumerate(ODD, 1):
        woo_line.shop.add_customer(email)
        woo_line.record(email, points)
    woo_line.deliver()
    assert [woo_line.shop.balance(email) for email in ODD] == list(range(1, len(ODD) + 1))


class MovedSite(WooRewardsSite):
    """A WordPress in a subfolder, with another REST prefix, that answers nowhere else."""

    def answer(self, method: str, path: str, headers: dict[str, str], form: dict[str, str]) -> Reply | None:
        moved = path.replace(PREFIX, "/wp-json/woorewards/v1/pointsync/") if path.startswith(PREFIX) else "/" + path
        return super().answer(method, moved, headers, form)


def test_a_query_template_leads_to_another_prefix(site: PeerSite, moving_clock: MovingClock) -> None:
    """The ping follows it, or such a shop could never be checked."""
    with MovedSite(customers=[ALICE]) as shop:
        line = WooLine(site, shop, moving_clock)
        verdict = line.listed(template=TEMPLATE)
        assert (verdict.ok, verdict.code, verdict.dialect) == (True, "ok", "woorewards")
        line.record(ALICE, 5)
        line.deliver()
        assert shop.balance(ALICE) == 5


def test_pointsync_is_tried_first_and_without_the_pass(woo_line: WooLine) -> None:
    """A shop that does not know the better dialect is asked in its own; only that call has credentials."""
    first, second = woo_line.shop.requests
    assert (first.kind, first.method, first.path) == ("other", "POST", "/pointsync/v1/ping")
    assert "authorization" not in first.headers
    assert woo_line.shop.password not in str(first)
    assert (second.kind, second.method) == ("ping", "GET")
    assert woo_line.site.shape(woo_line.remote_id)["dialect"] == "woorewards"


def test_what_waits_while_the_shop_is_down_is_sent_when_it_is_back(woo_line: WooLine) -> None:
    made = [woo_line.record(ALICE, 1) for _ in range(3)]
    woo_line.shop.__exit__()
    woo_line.deliver()
    assert [woo_line.state(each)[0] for each in made] == ["pending"] * 3
    assert woo_line.status == "warning"
    with woo_line.shop:
        woo_line.later(timedelta(seconds=179))
        assert woo_line.syncs == []
        woo_line.later(timedelta(seconds=1))
        assert woo_line.shop.balance(ALICE) == 3
    woo_line.shop.__enter__()
