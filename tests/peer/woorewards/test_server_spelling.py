"""The `source` of a WooRewards call in other spellings: an Auth is one origin however it is written."""

import pytest

from pointsync import clock
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.models import Origin
from pointsync.sync.remotes import blocked_origins
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.peer.woorewards_caller import WooRewardsCaller, status_code
from tests.support.apps import get_reserve


@pytest.fixture
def shop(listening_site: PeerSite) -> WooRewardsCaller:
    return WooRewardsCaller(listening_site)


def spellings(auth: str) -> list[str]:
    """The Auth in other cases, with spaces, with an invisible character, and in wide letters."""
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in auth)
    return [auth.upper(), auth.title(), f"{auth} ", f" {auth}", f"{auth}\u00a0", f"\u200b{auth}", wide]


def test_a_movement_is_known_in_every_spelling(shop: WooRewardsCaller) -> None:
    assert status_code(shop.sync(ALICE, 5, "add", 1)) == "s200"
    for source in spellings(shop.auth):
        assert status_code(shop.sync(ALICE, 5, "add", 1, source=source)) == "s208"
    assert status_code(shop.sync(ALICE, 5, "add", 2, source=shop.auth.upper())) == "s200"
    assert [each.origin for each in shop.site.movements()] == [shop.auth] * 2


def test_a_known_key_counts_in_every_spelling(shop: WooRewardsCaller) -> None:
    assert status_code(shop.sync(ALICE, 5, "add", 1)) == "s200"
    key = shop.site.identity.public_key
    for is_proven in (True, False):
        shop.site.write(
            lambda session, is_proven=is_proven: session.get_one(Origin, shop.auth).set_key(key, is_proven=is_proven)
        )
        before = shop.site.dump()
        for source in (shop.auth, *spellings(shop.auth)):
            answer = shop.sync(ALICE, 7, "add", 77, source=source)
            assert (answer.status, answer.body["code"]) == (401, "rest_forbidden")
        assert shop.site.dump() == before


def test_the_own_auth_and_a_listed_site_in_every_spelling(shop: WooRewardsCaller) -> None:
    shop.site.add_remote("http://127.0.0.1:1", shop.auth, shop.password)
    shop.site.change_setting("only_listed", "on")
    for number, source in enumerate(spellings(shop.auth)):
        assert status_code(shop.sync(ALICE, 1, "add", number, source=source)) == "s200"
    for source in spellings(shop.to):
        assert status_code(shop.sync(ALICE, 5, "add", 3, source=source)) == "e409"


def test_foreign_sources_are_compared_exactly(shop: WooRewardsCaller) -> None:
    for source in ("Shop", "shop", "shop ", "wrk_shop", "WRK_SHOP"):
        assert status_code(shop.sync(ALICE, 5, "add", 1, source=source)) == "s200"
    assert {each.origin for each in shop.site.movements()} == {"Shop", "shop", "shop ", "wrk_shop", "WRK_SHOP"}


class TestBeforeThisVersion:
    """Version 0.1.0 took another spelling as another origin."""

    @pytest.fixture
    def old_origin(self, shop: WooRewardsCaller) -> str:
        """An origin in upper case, with the movement 1."""
        auth = shop.auth.upper()
        movement = IncomingMovement("1", ALICE, 5)
        shop.site.write(lambda session: apply(session, auth, get_reserve(session), [movement], clock.now()))
        return auth

    def test_a_call_that_is_repeated_after_the_upgrade_is_known(self, shop: WooRewardsCaller, old_origin: str) -> None:
        assert status_code(shop.sync(ALICE, 5, "add", 1, source=old_origin)) == "s208"
        assert status_code(shop.sync(ALICE, 5, "add", 2, source=old_origin)) == "s200"
        assert [each.origin for each in shop.site.movements()] == [old_origin, shop.auth]

    def test_it_can_be_blocked_without_the_site_itself(self, shop: WooRewardsCaller, old_origin: str) -> None:
        def block(auth: str) -> str:
            return shop.site.write(lambda session: blocked_origins.block(session, auth, "", "ada", clock.now()).auth)

        assert block(old_origin) == old_origin
        assert status_code(shop.sync(ALICE, 5, "add", 2)) == "s200"
        assert (
            shop.site.write(lambda session: blocked_origins.unblock(session, old_origin, clock.now()).auth)
            == old_origin
        )
        assert block(f" {shop.auth.title()}") == shop.auth
        assert shop.sync(ALICE, 5, "add", 3).status == 403
