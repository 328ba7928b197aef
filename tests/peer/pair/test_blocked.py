"""A blocked site, in both dialects and seen from both sides: refused, sent nothing, and afterwards all as before."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pointsync import clock
from pointsync.ledger.record import Draft
from pointsync.ledger.reversals.preview import Scope, preview
from pointsync.models import Origin, TurnedAway
from pointsync.runtime import runtime
from pointsync.schedule import ticks
from pointsync.sync.remotes import blocked_origins
from tests.peer.conftest import MakeSite
from tests.peer.peer_site import PeerSite
from tests.peer.server.test_errors import refused
from tests.peer.signed_caller import ALICE, Caller, a_movement
from tests.peer.woorewards_caller import WooCaller
from tests.support.moving_clock import MovingClock
from tests.support.woorewards_shop import WooRewardsSite

Pair = tuple[PeerSite, PeerSite]
DELAY = timedelta(seconds=180)


def block(site: PeerSite, auth: str) -> None:
    site.write(lambda session: blocked_origins.block(session, auth, "Sold", "ada", clock.now()))


def unblock(site: PeerSite, auth: str) -> None:
    site.write(lambda session: blocked_origins.unblock(session, auth, clock.now()))


def calls(site: PeerSite, auth: str) -> int:
    """How often it was turned away."""
    row = site.read(lambda session: session.get(TurnedAway, auth))
    return row.calls if row else 0


def test_both_calls_are_refused_and_change_nothing(caller: Caller) -> None:
    assert caller.send(a_movement(1)).status_code == 200
    block(caller.receiver, caller.auth)
    for call in ("ping", "movements"):
        refused(caller, call, 403, "blocked")
        refused(caller, call, 403, "blocked", caller.body(reserve="none", movements=[a_movement(1)]))
    assert calls(caller.receiver, caller.auth) == 4
    unblock(caller.receiver, caller.auth)
    assert caller.send(a_movement(1), a_movement(2)).json["have"]["count"] == 2


def test_who_only_speaks_in_its_name_learns_nothing_of_it(caller: Caller) -> None:
    site, stranger = caller.receiver, Ed25519PrivateKey.generate()
    block(site, caller.auth)
    refused(caller, "ping", 401, "bad_signature", passwords=("wrs_0123456789abcdef",))
    site.write(lambda session: setattr(session.get_one(Origin, caller.auth), "public_key", caller.public_key))
    refused(caller, "ping", 401, "key_mismatch", keys=(stranger,))
    assert calls(site, caller.auth) == 0
    refused(caller, "ping", 403, "blocked")
    assert calls(site, caller.auth) == 1


def test_blocked_comes_before_not_listed_and_both_before_it_was_ever_seen(caller: Caller) -> None:
    site = caller.receiver
    site.set("only_listed", "on")
    refused(caller, "ping", 403, "not_listed")
    block(site, caller.auth)
    refused(caller, "movements", 403, "blocked")
    unblock(site, caller.auth)
    refused(caller, "movements", 403, "not_listed")
    assert [each.auth for each in site.read(blocked_origins.not_let_in)] == [caller.auth]


def test_a_shop_is_refused_as_wordpress_refuses(listening: PeerSite) -> None:
    shop = WooCaller(listening)
    assert shop.sync(ALICE, 5, "add", 1).body["status_code"] == "s200"
    block(listening, shop.auth)
    before = listening.dump()
    for transaction_id, source in ((1, shop.auth), (2, shop.auth), (3, shop.auth.upper()), (4, f"{shop.auth} ")):
        answer = shop.sync(ALICE, 5, "add", transaction_id, source=source)
        assert (answer.status, answer.body["code"], answer.body["data"]) == (403, "rest_forbidden", {"status": 403})
    assert listening.dump() == before
    assert calls(listening, shop.auth) == 4
    assert shop.ping().body["auth"] == "yes", "a ping of that wire does not say who asks"
    unblock(listening, shop.auth)
    assert shop.sync(ALICE, 5, "add", 1).body["status_code"] == "s208"
    assert shop.sync(ALICE, 5, "add", 2).body["status_code"] == "s200"


def test_a_pair_both_ways(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    of_a, of_b = a.list_site(b)[0], b.list_site(a)[0]
    block(b, a.identity.auth)
    a.record(ALICE, 5)
    b.record(ALICE, 70)
    a.deliver(of_a)
    b.deliver(of_b)
    assert not b.is_due(of_b)
    assert (a.balance(ALICE), b.balance(ALICE)) == (5, 70)
    told = a.shape(of_a)
    assert (told["status"], told["waiting"], told["blocked"]) == ("error", 1, False)
    assert "has blocked this site" in told["status_text"]
    assert (a.check(of_a).code, a.remote(of_a).attempt_code) == ("blocked", "blocked")
    with b.app.app_context():
        ticks.compute_status()
    kept = b.shape(of_b)
    assert (kept["status"], kept["waiting"], kept["blocked"], kept["paused"]) == ("warning", 1, True, False)
    assert kept["status_text"] == (
        "Blocked: nothing is taken from this site, and nothing sent, until it is unblocked. 1 movement waiting."
    )
    asked = len(a.requests)
    with b.app.app_context():
        ticks.check_remotes()
    assert len(a.requests) == asked, "it is not asked either, as a paused one is not"

    unblock(b, a.identity.auth)
    moving_clock.advance(DELAY)
    a.deliver(of_a)
    b.deliver(of_b)
    assert (a.balance(ALICE), b.balance(ALICE)) == (75, 75)
    assert [site.shape(line)["waiting"] for site, line in ((a, of_a), (b, of_b))] == [0, 0]


@pytest.mark.parametrize("code", ["blocked", "not_listed"])
def test_our_side_in_the_other_dialect_is_told_what_it_is(
    make_site: MakeSite, moving_clock: MovingClock, code: str
) -> None:
    """A PointSync that is spoken to as a WooRewards shop, as before it was changed for one."""
    with make_site("a") as a, make_site("b") as b:
        identity = b.identity
        b.__exit__()
        with WooRewardsSite(identity.auth, identity.passes[0], customers=[ALICE], port=b.port):
            line, verdict = a.list_site(b)
            assert (verdict.ok, verdict.dialect) == (True, "woorewards")
        b.__enter__()
        if code == "blocked":
            block(b, a.identity.auth)
        else:
            b.set("only_listed", "on")
        made = a.record(ALICE, 5)
        a.deliver(line)
        assert (a.remote(line).attempt_code, a.delivery(made).state, b.balance(ALICE)) == (code, "pending", None)
        assert a.shape(line)["status"] == "error"
        if code == "blocked":
            unblock(b, a.identity.auth)
        else:
            b.set("only_listed", "off")
        moving_clock.advance(DELAY)
        a.check(line)
        a.deliver(line)
        moving_clock.advance(DELAY)
        a.deliver(line)
        assert (a.delivery(made).state, b.balance(ALICE)) == ("delivered", 5)


def test_what_it_never_sent_does_not_count_as_ours_after_a_reversal(pair: Pair) -> None:
    """`have` tells what is held from a site; corrections are made here, and say nothing of it."""
    a, b = pair
    of_a, of_b = a.list_site(b)[0], b.list_site(a)[0]
    a.record_all([Draft(ALICE, 5), Draft(ALICE, 6)])
    a.deliver(of_a)
    auth = a.identity.auth
    block(b, auth)
    with b.app.app_context():
        found = b.read(lambda session: preview(session, Scope(auth, clock.now() - DELAY)))
        b.write(lambda session: blocked_origins.reverse(session, runtime().config, found, clock.now()))
        ticks.reverse()
    assert b.balance(ALICE) == 0
    unblock(b, auth)
    assert (a.check(of_a).ok, b.check(of_b).ok) == (True, True)
    assert (a.remote(of_a).again_from_id, a.identity.hold, b.identity.hold) == (None, None, None)
    assert (a.balance(ALICE), b.states(of_b)) == (11, [])
