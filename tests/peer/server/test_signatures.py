"""Authentication in the PointSync dialect: the Pass, and for a known origin also its key."""

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ids import new_pass
from pointsync.models import Origin, Site
from pointsync.runtime import get_runtime
from pointsync.sync.protocol.woorewards import build_basic_auth
from pointsync.sync.site import passes
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller, is_signed, make_movement
from tests.support.moving_clock import MovingClock

STRANGER = Ed25519PrivateKey.generate()


def pin_key(site: PeerSite, caller: SignedCaller) -> None:
    """Pin the caller's key, as a successful ping does."""
    key, now = caller.public_key, clock.now()
    site.write(lambda session: session.add(Origin(auth=caller.auth, public_key=key, first_seen_at=now)))


@pytest.mark.parametrize("keys", [(), (STRANGER,), None], ids=["no v1a", "any v1a", "its own v1a"])
def test_an_origin_without_a_pinned_key_needs_only_the_pass(
    site: PeerSite, caller: SignedCaller, keys: tuple[Ed25519PrivateKey, ...] | None
) -> None:
    answer = caller.send(make_movement(), keys=keys)
    assert answer.status_code == 200
    assert answer.json["results"] == [{"id": "1", "status": "applied", "balance": 10}]
    assert site.balance(ALICE) == 10


@pytest.mark.parametrize("call", ["ping", "movements"])
@pytest.mark.parametrize("keys", [(), (STRANGER,)], ids=["no v1a", "another's v1a"])
def test_with_a_pinned_key_the_pass_alone_is_not_enough(
    site: PeerSite, caller: SignedCaller, call: str, keys: tuple[Ed25519PrivateKey, ...]
) -> None:
    """Every site of a family knows every Pass; without keys each could pretend to be any other."""
    pin_key(site, caller)
    before = site.dump()
    answer = caller.post(call, caller.body(movements=[make_movement()]), keys=keys)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "key_mismatch")
    assert site.dump() == before


def test_with_a_pinned_key_the_right_signature_is_accepted(site: PeerSite, caller: SignedCaller) -> None:
    pin_key(site, caller)
    assert caller.send(make_movement()).json["results"][0]["status"] == "applied"
    assert caller.send(make_movement(2), keys=(STRANGER, caller.key)).json["results"][0]["status"] == "applied"
    assert site.balance(ALICE) == 20


def test_with_a_pinned_key_the_woorewards_dialect_is_refused(site: PeerSite, caller: SignedCaller) -> None:
    """That dialect has no signature, so it would bypass the key."""
    pin_key(site, caller)
    before = site.dump()
    answer = site.app.test_client().post(
        f"/wp-json/woorewards/v1/pointsync/sync/default/{ALICE}/5/add",
        data={"source": caller.auth, "transaction_id": "1", "reason": ""},
        headers={"Authorization": build_basic_auth(caller.to, caller.password)},
    )
    assert (answer.status_code, answer.json["code"]) == (401, "rest_forbidden")
    assert answer.json["data"] == {"status": 401}
    assert site.dump() == before


@pytest.mark.parametrize("call", ["ping", "movements"])
def test_answers_are_signed_with_the_key_in_the_ping(site: PeerSite, caller: SignedCaller, call: str) -> None:
    key = caller.ping().json["key"]
    assert key == site.identity.public_key
    assert len(base64.b64decode(key, validate=True)) == 32
    answer = caller.post(call, caller.body(movements=[make_movement()]), headers={"webhook-signature": None})
    assert answer.status_code == 401
    raw = b'{"from":"%s","to":"%s","reserve":"default","movements":[]}' % (caller.auth.encode(), caller.to.encode())
    headers = caller.headers(raw)
    answer = caller.client.post(f"/pointsync/v1/{call}", data=raw, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["webhook-id"] == headers["webhook-id"]
    assert answer.headers["webhook-timestamp"] == str(int(clock.now().timestamp()))
    assert answer.content_type == "application/json"
    assert is_signed(answer, key, caller.password)


@pytest.mark.parametrize("call", ["ping", "movements"])
def test_an_answer_proves_the_passes_that_the_request_used(site: PeerSite, caller: SignedCaller, call: str) -> None:
    """So that a caller that still uses the old one recognises it, and no other Pass is revealed to be valid."""
    old = caller.password
    site.write(lambda session: passes.rotate(session, get_runtime().vault, clock.now()))
    new, key = site.identity.passes[0], site.identity.public_key
    for used, proven in (((old,), (old,)), ((new,), (new,)), ((old, new), (new, old)), ((new_pass(), old), (old,))):
        answer = caller.post(call, caller.body(movements=[]), passwords=used)
        assert is_signed(answer, key, *proven)


@pytest.mark.parametrize("call", ["ping", "movements"])
@pytest.mark.parametrize("keys", [(), (STRANGER,), None], ids=["no v1a", "any v1a", "its own v1a"])
def test_an_answer_that_the_clocks_differ_is_signed(
    site: PeerSite, caller: SignedCaller, call: str, keys: tuple[Ed25519PrivateKey, ...] | None
) -> None:
    """Before the sender's key is looked at: a caller with the Pass learns nothing else."""
    pin_key(site, caller)
    answer = caller.post(call, caller.body(movements=[]), signed_at=clock.now() - timedelta(days=1), keys=keys)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "clock_skew")
    assert is_signed(answer, site.identity.public_key, caller.password)
    answer = caller.post(call, caller.body(movements=[]), signed_at=clock.now() - timedelta(days=1), passwords=("x",))
    assert answer.json["error"]["code"] == "bad_signature"
    assert "webhook-signature" not in answer.headers


def test_of_several_signatures_one_with_our_pass_is_enough(caller: SignedCaller) -> None:
    """During a rotation a sender may sign with the old and the new Pass."""
    answer = caller.send(make_movement(), passwords=(new_pass(), caller.password))
    assert answer.status_code == 200
    answer = caller.send(make_movement(2), passwords=(new_pass(), new_pass()))
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "bad_signature")


def test_the_old_pass_is_valid_until_its_grace_period_ends(
    site: PeerSite, caller: SignedCaller, moving_clock: MovingClock
) -> None:
    old, new, ends_at = caller.password, new_pass(), clock.now() + timedelta(hours=24)

    def rotate(session: Session) -> None:
        row, vault = session.get_one(Site, 1), get_runtime().vault
        row.sealed_old_pass, row.sealed_pass, row.old_pass_ends_at = row.sealed_pass, vault.encrypt(new), ends_at

    site.write(rotate)
    assert caller.send(make_movement(1), passwords=(old,)).status_code == 200
    assert caller.send(make_movement(2), passwords=(new,)).status_code == 200
    moving_clock.advance(timedelta(hours=24, milliseconds=-1))
    assert caller.send(make_movement(3), passwords=(old,)).status_code == 200
    moving_clock.advance(timedelta(milliseconds=1))
    answer = caller.send(make_movement(4), passwords=(old,))
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "bad_signature")
    assert caller.send(make_movement(5), passwords=(new,)).status_code == 200
    assert site.balance(ALICE) == 40


def test_a_signature_covers_the_body_the_timestamp_and_the_id(caller: SignedCaller) -> None:
    raw, other = b'{"a":1}', b'{"a":2}'
    headers = caller.headers(raw)
    for changed in ({}, {"webhook-id": "msg_2"}, {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}):
        body = raw if changed else other
        answer = caller.client.post("/pointsync/v1/ping", data=body, headers=headers | changed)
        assert (answer.status_code, answer.json["error"]["code"]) == (401, "bad_signature")
