"""The WooRewards ping: always 200, and only who has the credentials learns of the reserves."""

import base64
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ids import new_auth, new_pass
from pointsync.models import Reserve, Site
from pointsync.runtime import runtime
from pointsync.sync.protocol.woorewards import basic
from tests.peer.peer_site import PeerSite
from tests.peer.woorewards_caller import ROUTE, WooCaller
from tests.support.moving_clock import MovingClock
from tests.support.process import call
from tests.support.woorewards_shop import WooRewardsSite


@pytest.fixture
def shop(listening: PeerSite) -> WooCaller:
    return WooCaller(listening)


def test_with_the_credentials_it_names_the_reserve(shop: WooCaller) -> None:
    answer = shop.ping()
    assert (answer.status, answer.body) == (200, {"sync": "yes", "auth": "yes", "pool": "Points"})
    assert answer.headers.get_content_type() == "application/json"


def test_without_them_it_names_nothing(shop: WooCaller) -> None:
    """Whether a reserve exists is nobody else's business."""
    encoded = base64.b64encode(f"{shop.to}:{shop.password}".encode()).decode()
    for authorization in (
        None,
        "",
        "Basic",
        "Basic ",
        "Basic %%%",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Bearer " + encoded,
        encoded,
        basic(shop.to, new_pass()),
        basic(shop.to, ""),
        basic(shop.to, shop.password + "x"),
        basic(new_auth(), shop.password),
        basic("", shop.password),
    ):
        headers = {} if authorization is None else {"authorization": authorization}
        for reserve in ("default", "gold"):
            answer = shop.ping(reserve, headers)
            assert (answer.status, answer.body) == (200, {"sync": "yes", "auth": "no", "pool": ""})


def test_a_reserve_that_is_not_here_has_no_name(shop: WooCaller) -> None:
    shop.site.add_reserve("off", "Switched off")
    shop.site.write(lambda session: setattr(session.get_one(Reserve, 2), "is_active", False))
    for reserve in ("gold", "off", "Default", "x" * 500):
        assert shop.ping(reserve).body == {"sync": "yes", "auth": "yes", "pool": ""}


def test_the_old_pass_works_until_its_grace_ends(shop: WooCaller, moving_clock: MovingClock) -> None:
    new, ends_at = new_pass(), clock.now() + timedelta(hours=24)

    def rotate(session: Session) -> None:
        row = session.get_one(Site, 1)
        row.sealed_old_pass, row.old_pass_ends_at = row.sealed_pass, ends_at
        row.sealed_pass = runtime().vault.seal(new)

    shop.site.write(rotate)
    new_headers = {"authorization": basic(shop.to, new)}
    assert [shop.ping().body["auth"], shop.ping(headers=new_headers).body["auth"]] == ["yes", "yes"]
    moving_clock.advance(timedelta(hours=24))
    assert [shop.ping().body["auth"], shop.ping(headers=new_headers).body["auth"]] == ["no", "yes"]


def test_paths_that_are_no_ping_have_no_route(shop: WooCaller) -> None:
    for path in (
        "/ping",
        "/ping/",
        "/ping/a/b",
        "/ping/a%20b",
        "/ping/%00",
        "/ping/%0A",
        "/ping/%C3%BC",
        "/pong/default",
    ):
        answer = call("GET", f"{shop.site.url}{ROUTE}{path}", headers=shop.credentials)
        assert (answer.status, answer.body["code"]) == (404, "rest_no_route"), path
        assert answer.body["data"] == {"status": 404}
    answer = call("POST", f"{shop.site.url}{ROUTE}/ping/default", headers=shop.credentials)
    assert (answer.status, answer.body["code"]) == (404, "rest_no_route")


def test_the_add_on_takes_it_for_one_of_its_own(listening: PeerSite, woorewards: WooRewardsSite) -> None:
    """The stand-in for the add-on asks as the add-on does."""
    here = listening.identity
    asked = woorewards.ping(listening.url, here.auth, here.passes[0], "default")
    assert asked == (200, {"sync": "yes", "auth": "yes", "pool": "Points"})
