"""The WooRewards ping: always 200; only callers with credentials get a reserve's name."""

import base64
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ids import new_auth, new_pass
from pointsync.models import Reserve, Site
from pointsync.runtime import get_runtime
from pointsync.sync.protocol.woorewards import build_basic_auth
from tests.peer.peer_site import PeerSite
from tests.peer.woorewards_caller import ROUTE, WooRewardsCaller
from tests.support.moving_clock import MovingClock
from tests.support.process import call
from tests.support.woorewards_shop import WooRewardsSite


@pytest.fixture
def shop(listening_site: PeerSite) -> WooRewardsCaller:
    return WooRewardsCaller(listening_site)


def test_with_credentials_it_answers_the_reserves_name(shop: WooRewardsCaller) -> None:
    answer = shop.ping()
    assert (answer.status, answer.body) == (200, {"sync": "yes", "auth": "yes", "pool": "Points"})
    assert answer.headers.get_content_type() == "application/json"


def test_without_credentials_it_answers_no_name(shop: WooRewardsCaller) -> None:
    """Nobody else may learn whether a reserve exists."""
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
        build_basic_auth(shop.to, new_pass()),
        build_basic_auth(shop.to, ""),
        build_basic_auth(shop.to, shop.password + "x"),
        build_basic_auth(new_auth(), shop.password),
        build_basic_auth("", shop.password),
    ):
        headers = {} if authorization is None else {"authorization": authorization}
        for reserve in ("default", "gold"):
            answer = shop.ping(reserve, headers)
            assert (answer.status, answer.body) == (200, {"sync": "yes", "auth": "no", "pool": ""})


def test_an_unknown_reserve_has_no_name(shop: WooRewardsCaller) -> None:
    shop.site.add_reserve("off", "Switched off")
    shop.site.write(lambda session: setattr(session.get_one(Reserve, 2), "is_active", False))
    for reserve in ("gold", "off", "Default", "x" * 500):
        assert shop.ping(reserve).body == {"sync": "yes", "auth": "yes", "pool": ""}


def test_the_old_pass_is_valid_until_its_grace_period_ends(shop: WooRewardsCaller, moving_clock: MovingClock) -> None:
    new, ends_at = new_pass(), clock.now() + timedelta(hours=24)

    def rotate(session: Session) -> None:
        row = session.get_one(Site, 1)
        row.sealed_old_pass, row.old_pass_ends_at = row.sealed_pass, ends_at
        row.sealed_pass = get_runtime().vault.encrypt(new)

    shop.site.write(rotate)
    new_headers = {"authorization": build_basic_auth(shop.to, new)}
    assert [shop.ping().body["auth"], shop.ping(headers=new_headers).body["auth"]] == ["yes", "yes"]
    moving_clock.advance(timedelta(hours=24))
    assert [shop.ping().body["auth"], shop.ping(headers=new_headers).body["auth"]] == ["no", "yes"]


def test_other_paths_have_no_route(shop: WooRewardsCaller) -> None:
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


def test_the_add_on_accepts_the_answer(listening_site: PeerSite, woorewards: WooRewardsSite) -> None:
    """The stand-in for the add-on pings as the add-on does."""
    identity = listening_site.identity
    answer = woorewards.ping(listening_site.url, identity.auth, identity.passes[0], "default")
    assert answer == (200, {"sync": "yes", "auth": "yes", "pool": "Points"})
