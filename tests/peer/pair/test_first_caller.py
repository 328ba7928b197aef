"""Two sites of which one calls first, and somebody else who calls in its name before it does."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pointsync import clock
from pointsync.crypto import format_fingerprint
from pointsync.models import Difference, Origin
from pointsync.sync.remotes import pinned_key, remotes
from pointsync.sync.remotes.pinned_key import KeyFingerprints
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller, make_movement
from tests.support.moving_clock import MovingClock
from tests.support.woorewards_shop import WooRewardsSite

Pair = tuple[PeerSite, PeerSite]
DELAY = timedelta(seconds=180)


def impostor_of(member: PeerSite, receiver: PeerSite) -> SignedCaller:
    """A site of the family that calls `receiver` in the name of `member`."""
    caller = SignedCaller(receiver)
    caller.auth = member.identity.auth
    return caller


def call_first(impostor: SignedCaller, *movements: dict[str, Any]) -> None:
    answer = impostor.post("movements", impostor.body(key=impostor.public_key, movements=list(movements)))
    assert answer.status_code == 200


def known_key(site: PeerSite, other: PeerSite) -> tuple[str | None, bool]:
    origin = site.origin(other.identity.auth)
    assert origin
    return origin.public_key, origin.is_key_proven


def test_a_site_that_calls_first_is_pinned_when_it_is_listed(pair: Pair) -> None:
    a, b = pair
    b_to_a, _ = b.list_site(a)
    assert known_key(a, b) == (b.identity.public_key, False)
    b.record(ALICE, 5)
    b.deliver(b_to_a)
    impostor = impostor_of(b, a)
    answer = impostor.send(make_movement())
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "key_mismatch")
    a.list_site(b)
    assert known_key(a, b) == (b.identity.public_key, True)
    assert a.balance(ALICE) == 5


def test_the_real_site_recovers_from_an_impostor_that_called_first(
    pair: Pair, moving_clock: MovingClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is refused until it is listed: then it proves its key, and nobody has to decide."""
    a, b = pair
    impostor = impostor_of(b, a)
    call_first(impostor)

    def set_run(session) -> None:  # type: ignore[no-untyped-def]
        origin = session.get_one(Origin, b.identity.auth)
        origin.run, origin.call, origin.last_id, origin.stamp = "f" * 32, 2**60, 7, "x"
        origin.previous_run, origin.replaced_at, origin.nonce = "e" * 32, clock.now(), "n"

    a.write(set_run)
    b_to_a, result = b.list_site(a)
    assert (result.is_ok, result.code) == (False, "changed_key")
    assert "or to add this site to Remote sites there" in result.message
    b.record(ALICE, 5)
    with caplog.at_level(logging.WARNING):
        _, result = a.list_site(b)
    assert result.is_ok
    assert "has proven another key" in caplog.text
    assert known_key(a, b) == (b.identity.public_key, True)
    origin = a.origin(b.identity.auth)
    assert (origin.run, origin.call, origin.last_id, origin.stamp) == (None, 0, 0, None)  # type: ignore[union-attr]
    assert (origin.previous_run, origin.replaced_at, origin.nonce) == (None, None, None)  # type: ignore[union-attr]
    moving_clock.advance(DELAY)
    b.check(b_to_a)
    b.deliver(b_to_a)
    assert a.balance(ALICE) == 5
    assert impostor.send(make_movement(8)).json["error"]["code"] == "key_mismatch"


def test_the_real_site_is_shown_what_the_impostor_sent(pair: Pair, moving_clock: MovingClock) -> None:
    """It stays until an admin takes it back, and stops nothing else."""
    a, b = pair
    call_first(impostor_of(b, a), make_movement(7))
    b_to_a, _ = b.list_site(a)
    assert a.list_site(b)[1].is_ok
    movement_id = b.record(ALICE, 5)
    moving_clock.advance(DELAY)
    b.check(b_to_a)
    b.deliver(b_to_a)
    assert [(each.origin, each.id) for each in a.movements()] == [
        (b.identity.auth, "7"),
        (b.identity.auth, movement_id),
    ]
    assert b.identity.sending_stopped_reason is None
    found = b.read(lambda session: session.execute(select(Difference.movement_id, Difference.kind)).all())
    assert found == [("7", "unknown_here")]
    assert b.remote_json(b_to_a)["status"] == "error"


def test_the_key_of_calls_can_be_pinned_by_an_admin_while_the_site_is_down(pair: Pair) -> None:
    a, b = pair
    b.list_site(a)
    b.__exit__()
    remote_id, result = a.list_site(b)
    assert result.code == "refused_connection"
    fingerprint = format_fingerprint(b.identity.public_key)
    keys = a.read(lambda session: pinned_key.read(session, remotes.get(session, remote_id)))
    assert keys == KeyFingerprints(None, fingerprint, None, is_from_calls=True)
    assert a.read(pinned_key.list_undecided) == {b.identity.auth: None}
    a.write(lambda session: pinned_key.accept(session, remotes.get(session, remote_id), fingerprint, clock.now()))
    assert known_key(a, b) == (b.identity.public_key, True)
    assert a.read(pinned_key.list_undecided) == {}
    b.__enter__()
    assert a.check(remote_id).is_ok


def test_a_shop_recovers_from_an_impostor_that_called_first(pair: Pair) -> None:
    """A WooRewards shop has no key. What answers at its URL is not sent the Pass before an admin has decided."""
    a, b = pair
    identity = b.identity
    impostor = impostor_of(b, a)
    call_first(impostor)
    b.__exit__()
    with WooRewardsSite(identity.auth, identity.passes[0], customers=[ALICE], port=b.port) as shop:

        def push(transaction_id: int) -> int:
            own = a.identity
            return shop.push(a.url, own.auth, own.passes[0], "default", ALICE, 3, transaction_id=transaction_id)[0]

        assert push(1) == 401
        remote_id, result = a.list_site(b)
        assert (result.is_ok, result.code) == (False, "not_a_site")
        assert "refuse the key of those calls" in result.message
        assert not any("authorization" in each.headers for each in shop.requests)
        a.write(lambda session: pinned_key.refuse(session, remotes.get(session, remote_id), None, clock.now()))
        answer = impostor.post("ping", impostor.body(key=impostor.public_key))
        assert answer.json["error"]["code"] == "key_mismatch"
        result = a.check(remote_id)
        assert (result.is_ok, result.dialect) == (True, "woorewards")
        assert push(1) == 200
        second = impostor_of(b, a)
        assert second.post("ping", second.body(key=second.public_key)).status_code == 200
        assert known_key(a, b) == (None, False)
        assert push(2) == 200
        assert a.read(pinned_key.list_undecided) == {}
    b.__enter__()
