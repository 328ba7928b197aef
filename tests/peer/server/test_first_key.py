"""The key that a site's first request names: from then on nobody else can call in its name."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from werkzeug.test import TestResponse

from pointsync import clock
from pointsync.ids import new_pass
from pointsync.models import Origin, Remote
from pointsync.sync.protocol.woorewards import build_basic_auth
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller, make_movement

both_endpoints = pytest.mark.parametrize("call", ["ping", "movements"])


def call_with_key(caller: SignedCaller, call: str = "ping", key: Any = None, **kwargs: Any) -> TestResponse:
    """Call as `caller`; the body names `key`, or the caller's own one."""
    fields = {"movements": [make_movement()]} if call == "movements" else {}
    return caller.post(call, caller.body(key=key or caller.public_key, **fields), **kwargs)


def known_key(site: PeerSite, auth: str) -> tuple[str | None, bool] | None:
    """The key of an origin, and whether it is proven; None if there is no such origin."""
    origin = site.origin(auth)
    return (origin.public_key, origin.is_key_proven) if origin else None


def expect_error(answer: TestResponse, status: int, code: str) -> None:
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code), answer.text


def member_in_the_name_of(caller: SignedCaller) -> SignedCaller:
    """Another site of the family, which knows the same Pass, with its own key and the caller's Auth."""
    member = SignedCaller(caller.receiver)
    member.auth = caller.auth
    return member


@both_endpoints
def test_the_first_key_is_known_from_then_on(site: PeerSite, caller: SignedCaller, call: str) -> None:
    assert call_with_key(caller, call).status_code == 200
    assert known_key(site, caller.auth) == (caller.public_key, False)
    before = site.dump()
    member = member_in_the_name_of(caller)
    expect_error(caller.send(make_movement(7), keys=()), 401, "key_mismatch")
    expect_error(member.send(make_movement(7)), 401, "key_mismatch")
    expect_error(call_with_key(member, "movements"), 401, "key_mismatch")
    woorewards = site.app.test_client().post(
        f"/wp-json/woorewards/v1/pointsync/sync/default/{ALICE}/5/add",
        data={"source": caller.auth, "transaction_id": "7", "reason": ""},
        headers={"Authorization": build_basic_auth(caller.to, caller.password)},
    )
    assert (woorewards.status_code, woorewards.json["code"]) == (401, "rest_forbidden")
    assert site.dump() == before
    assert caller.send(make_movement(8)).status_code == 200, "the key need not be named again"


def test_a_request_that_names_no_key_makes_none_known(site: PeerSite, caller: SignedCaller) -> None:
    """Version 0.1.0 signs with its key, but does not say which one it is."""
    assert caller.send(make_movement()).status_code == 200
    assert known_key(site, caller.auth) == (None, False)
    assert call_with_key(caller).status_code == 200
    assert known_key(site, caller.auth) == (caller.public_key, False)


@both_endpoints
@pytest.mark.parametrize("key", ["", "x", "A" * 44, base64.b64encode(b"k" * 31).decode(), 7, True, [], {}, ["x"]])
def test_a_key_that_is_none_is_malformed(site: PeerSite, caller: SignedCaller, call: str, key: Any) -> None:
    before = site.dump()
    expect_error(caller.post(call, caller.body(key=key, movements=[])), 400, "malformed")
    assert site.dump() == before
    assert caller.post(call, caller.body(key=None, movements=[])).status_code == 200


@pytest.mark.parametrize("keys", [(), (Ed25519PrivateKey.generate(),)], ids=["no v1a", "another v1a"])
def test_only_who_has_the_key_can_name_it(
    site: PeerSite, caller: SignedCaller, keys: tuple[Ed25519PrivateKey, ...]
) -> None:
    expect_error(call_with_key(caller, keys=keys), 401, "key_mismatch")
    assert known_key(site, caller.auth) is None


def test_a_refused_or_failed_call_makes_no_key_known(site: PeerSite, caller: SignedCaller) -> None:
    expect_error(caller.post("movements", caller.body(key=caller.public_key, movements={})), 400, "malformed")
    assert known_key(site, caller.auth) is None
    expect_error(call_with_key(caller, passwords=(new_pass(),)), 401, "bad_signature")
    site.change_setting("only_listed", "on")
    expect_error(call_with_key(caller), 403, "not_listed")
    assert known_key(site, caller.auth) is None


def test_a_call_changes_no_proven_key(site: PeerSite, caller: SignedCaller) -> None:
    call_with_key(caller)
    site.write(lambda session: session.get_one(Origin, caller.auth).set_key(caller.public_key, is_proven=True))
    member = member_in_the_name_of(caller)
    expect_error(call_with_key(member), 401, "key_mismatch")
    assert call_with_key(caller, key=member.public_key).status_code == 200
    assert known_key(site, caller.auth) == (caller.public_key, True)


def test_a_refused_key_is_not_accepted_again(site: PeerSite, caller: SignedCaller) -> None:
    call_with_key(caller)

    def refuse(session: Any) -> None:
        origin = session.get_one(Origin, caller.auth)
        origin.offered_key, origin.key_refused_at = origin.public_key, clock.now()
        origin.set_key(None, is_proven=False)

    site.write(refuse)
    expect_error(call_with_key(caller), 401, "key_mismatch")
    real = member_in_the_name_of(caller)
    assert call_with_key(real).status_code == 200
    assert known_key(site, caller.auth) == (real.public_key, False)


def test_a_listed_woorewards_shop_has_no_key(site: PeerSite, caller: SignedCaller) -> None:
    """A member of the family could lock it out otherwise, because it cannot prove a key itself."""
    remote_id, _ = site.add_remote("http://127.0.0.1:1", caller.auth, new_pass())
    site.write(lambda session: setattr(session.get_one(Remote, remote_id), "dialect", "woorewards"))
    assert call_with_key(caller).status_code == 200
    assert known_key(site, caller.auth) == (None, False)
    site.write(lambda session: setattr(session.get_one(Remote, remote_id), "deleted_at", clock.now()))
    assert call_with_key(caller).status_code == 200
    assert known_key(site, caller.auth) == (caller.public_key, False)
