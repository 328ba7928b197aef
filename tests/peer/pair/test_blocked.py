"""A blocked site in both dialects: its calls are refused, nothing is sent to it, and unblocking restores both."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pointsync import clock
from pointsync.ledger.record import Draft
from pointsync.ledger.reversals.preview import ReversalScope, preview_reversal
from pointsync.models import Origin, RefusedOrigin
from pointsync.runtime import get_runtime
from pointsync.schedule import remote_ticks, ticks
from pointsync.sync.remotes import blocked_origins, origin_reversals
from tests.peer.conftest import MakeSite
from tests.peer.peer_site import PeerSite
from tests.peer.server.test_errors import expect_refused
from tests.peer.signed_caller import ALICE, SignedCaller, make_movement
from tests.peer.woorewards_caller import WooRewardsCaller
from tests.support.moving_clock import MovingClock
from tests.support.woorewards_shop import WooRewardsSite

Pair = tuple[PeerSite, PeerSite]
DELAY = timedelta(seconds=180)


def block(site: PeerSite, auth: str) -> None:
    site.write(lambda session: blocked_origins.block(session, auth, "Sold", "ada", clock.now()))


def unblock(site: PeerSite, auth: str) -> None:
    site.write(lambda session: blocked_origins.unblock(session, auth, clock.now()))


def refused_call_count(site: PeerSite, auth: str) -> int:
    """The number of its refused calls."""
    row = site.read(lambda session: session.get(RefusedOrigin, auth))
    return row.calls if row else 0


def test_both_calls_are_refused_and_change_nothing(caller: SignedCaller) -> None:
    assert caller.send(make_movement(1)).status_code == 200
    block(caller.receiver, caller.auth)
    for call in ("ping", "movements"):
        expect_refused(caller, call, 403, "blocked")
        expect_refused(caller, call, 403, "blocked", caller.body(reserve="none", movements=[make_movement(1)]))
    assert refused_call_count(caller.receiver, caller.auth) == 4
    unblock(caller.receiver, caller.auth)
    assert caller.send(make_movement(1), make_movement(2)).json["have"]["count"] == 2


def test_an_impostor_does_not_learn_that_the_site_is_blocked(caller: SignedCaller) -> None:
    site, stranger = caller.receiver, Ed25519PrivateKey.generate()
    block(site, caller.auth)
    expect_refused(caller, "ping", 401, "bad_signature", passwords=("wrs_0123456789abcdef",))
    site.write(lambda session: setattr(session.get_one(Origin, caller.auth), "public_key", caller.public_key))
    expect_refused(caller, "ping", 401, "key_mismatch", keys=(stranger,))
    assert refused_call_count(site, caller.auth) == 0
    expect_refused(caller, "ping", 403, "blocked")
    assert refused_call_count(site, caller.auth) == 1


def test_blocked_takes_precedence_over_not_listed(caller: SignedCaller) -> None:
    site = caller.receiver
    site.change_setting("only_listed", "on")
    expect_refused(caller, "ping", 403, "not_listed")
    block(site, caller.auth)
    expect_refused(caller, "movements", 403, "blocked")
    unblock(site, caller.auth)
    expect_refused(caller, "movements", 403, "not_listed")
    assert [each.auth for each in site.read(blocked_origins.list_unlisted_refused)] == [caller.auth]


def test_a_shop_is_refused_as_wordpress_refuses(listening_site: PeerSite) -> None:
    shop = WooRewardsCaller(listening_site)
    assert shop.sync(ALICE, 5, "add", 1).body["status_code"] == "s200"
    block(listening_site, shop.auth)
    before = listening_site.dump()
    for transaction_id, source in ((1, shop.auth), (2, shop.auth), (3, shop.auth.upper()), (4, f"{shop.auth} ")):
        answer = shop.sync(ALICE, 5, "add", transaction_id, source=source)
        assert (answer.status, answer.body["code"], answer.body["data"]) == (403, "rest_forbidden", {"status": 403})
    assert listening_site.dump() == before
    assert refused_call_count(listening_site, shop.auth) == 4
    assert shop.ping().body["auth"] == "yes", "a ping of this dialect does not say who asks"
    unblock(listening_site, shop.auth)
    assert shop.sync(ALICE, 5, "add", 1).body["status_code"] == "s208"
    assert shop.sync(ALICE, 5, "add", 2).body["status_code"] == "s200"


def test_a_pair_both_ways(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    to_b, to_a = a.list_site(b)[0], b.list_site(a)[0]
    block(b, a.identity.auth)
    a.record(ALICE, 5)
    b.record(ALICE, 70)
    a.deliver(to_b)
    b.deliver(to_a)
    assert not b.is_due(to_a)
    assert (a.balance(ALICE), b.balance(ALICE)) == (5, 70)
    sender_view = a.remote_json(to_b)
    assert (sender_view["status"], sender_view["waiting"], sender_view["blocked"]) == ("error", 1, False)
    assert "has blocked this site" in sender_view["status_text"]
    assert (a.check(to_b).code, a.remote(to_b).attempt_code) == ("blocked", "blocked")
    with b.app.app_context():
        remote_ticks.refresh_statuses()
    receiver_view = b.remote_json(to_a)
    assert (receiver_view["status"], receiver_view["waiting"], receiver_view["blocked"], receiver_view["paused"]) == (
        "warning",
        1,
        True,
        False,
    )
    assert receiver_view["status_text"] == (
        "Blocked: nothing is accepted from this site or sent to it until it is unblocked. 1 movement waiting."
    )
    request_count = len(a.requests)
    with b.app.app_context():
        remote_ticks.check_remotes()
    assert len(a.requests) == request_count, "a blocked site is not pinged either, just like a paused one"

    unblock(b, a.identity.auth)
    moving_clock.advance(DELAY)
    a.deliver(to_b)
    b.deliver(to_a)
    assert (a.balance(ALICE), b.balance(ALICE)) == (75, 75)
    assert [site.remote_json(remote_id)["waiting"] for site, remote_id in ((a, to_b), (b, to_a))] == [0, 0]


@pytest.mark.parametrize("code", ["blocked", "not_listed"])
def test_the_reason_is_understood_in_the_woorewards_dialect_too(
    make_site: MakeSite, moving_clock: MovingClock, code: str
) -> None:
    """A PointSync site that is called in the WooRewards dialect, because it replaced a WooRewards shop."""
    with make_site("a") as a, make_site("b") as b:
        identity = b.identity
        b.__exit__()
        with WooRewardsSite(identity.auth, identity.passes[0], customers=[ALICE], port=b.port):
            remote_id, result = a.list_site(b)
            assert (result.is_ok, result.dialect) == (True, "woorewards")
        b.__enter__()
        if code == "blocked":
            block(b, a.identity.auth)
        else:
            b.change_setting("only_listed", "on")
        movement_id = a.record(ALICE, 5)
        a.deliver(remote_id)
        assert (a.remote(remote_id).attempt_code, a.delivery(movement_id).state, b.balance(ALICE)) == (
            code,
            "pending",
            None,
        )
        assert a.remote_json(remote_id)["status"] == "error"
        if code == "blocked":
            unblock(b, a.identity.auth)
        else:
            b.change_setting("only_listed", "off")
        moving_clock.advance(DELAY)
        a.check(remote_id)
        a.deliver(remote_id)
        moving_clock.advance(DELAY)
        a.deliver(remote_id)
        assert (a.delivery(movement_id).state, b.balance(ALICE)) == ("delivered", 5)


def test_a_reversal_does_not_change_what_the_sites_hold_of_each_other(pair: Pair) -> None:
    """`have` counts the movements received from a site; corrections recorded here are not among them."""
    a, b = pair
    to_b, to_a = a.list_site(b)[0], b.list_site(a)[0]
    a.record_all([Draft(ALICE, 5), Draft(ALICE, 6)])
    a.deliver(to_b)
    auth = a.identity.auth
    block(b, auth)
    with b.app.app_context():
        preview = b.read(lambda session: preview_reversal(session, ReversalScope(auth, clock.now() - DELAY)))
        b.write(lambda session: origin_reversals.start(session, get_runtime().config, preview, clock.now()))
        ticks.run_reversals()
    assert b.balance(ALICE) == 0
    unblock(b, auth)
    assert (a.check(to_b).is_ok, b.check(to_a).is_ok) == (True, True)
    for remote in (a.remote(to_b), b.remote(to_a)):
        assert (remote.is_equal_there, remote.is_equal_here) == (True, True)
    assert (a.identity.sending_stopped_reason, b.identity.sending_stopped_reason) == (None, None)
    assert (a.balance(ALICE), b.delivery_states(to_a)) == (11, [])
