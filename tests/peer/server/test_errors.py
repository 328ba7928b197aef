"""Each error of the PointSync dialect: its status, code and format; nothing is changed."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pointsync import clock
from pointsync.ids import new_auth, new_pass
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import SignedCaller, make_movement

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
both_endpoints = pytest.mark.parametrize("call", ["ping", "movements"])


def expect_refused(
    caller: SignedCaller, call: str, status: int, code: str, body: Any = None, **kwargs: Any
) -> dict[str, Any]:
    """Post `body`, or a good one; it must be refused and change nothing. Return the error."""
    before = caller.receiver.dump()
    answer = caller.post(call, caller.body(movements=[make_movement()]) if body is None else body, **kwargs)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code), answer.text
    assert answer.json["error"]["message"].endswith(".")
    assert caller.receiver.dump() == before
    return dict(answer.json["error"])


@both_endpoints
def test_malformed_bodies(caller: SignedCaller, call: str) -> None:
    for body in (b"", b"{", b"[]", b'"x"', b"null", b"1", b"\xff\xfe", b'{"from": NaN}', b"\xef\xbb\xbf{}"):
        expect_refused(caller, call, 400, "malformed", body)
    expect_refused(caller, call, 400, "malformed", headers={"content-encoding": "br"})
    expect_refused(caller, call, 400, "malformed", headers={"content-encoding": "gzip"})


@both_endpoints
def test_required_fields(caller: SignedCaller, call: str) -> None:
    for name in ("from", "to", "reserve"):
        for value in (None, 1, True, 1.5, [], {}, [caller.auth]):
            expect_refused(caller, call, 400, "malformed", caller.body(movements=[]) | {name: value})
        body = caller.body(movements=[])
        del body[name]
        expect_refused(caller, call, 400, "malformed", body)
    for sender in ("", "wrk_", "wrk_" + "G" * 16, caller.auth.upper(), caller.auth + "\n", " " + caller.auth, "\0"):
        expect_refused(caller, call, 400, "malformed", caller.body(movements=[]) | {"from": sender})


def test_movements_must_be_a_list(caller: SignedCaller) -> None:
    for value in (None, {}, "[]", 1, True):
        expect_refused(caller, "movements", 400, "malformed", caller.body(movements=value))
    expect_refused(caller, "movements", 400, "malformed", caller.body())


@both_endpoints
def test_the_auth_of_another_site(caller: SignedCaller, call: str) -> None:
    """This differs from a wrong Pass, so that the other admin knows which field to check."""
    for auth in (new_auth(), "", None, caller.to.upper(), caller.to + " x", "\xff", "wrk_"):
        expect_refused(caller, call, 401, "unknown_auth", headers={"pointsync-auth": auth})


@both_endpoints
def test_a_wrong_pass(caller: SignedCaller, call: str) -> None:
    expect_refused(caller, call, 401, "bad_signature", passwords=(new_pass(),))
    expect_refused(caller, call, 401, "bad_signature", passwords=(caller.password.lower(),))


@both_endpoints
def test_malformed_signing_headers(caller: SignedCaller, call: str) -> None:
    """The public package raises four kinds of exceptions for these; here each is a bad signature."""
    good = caller.headers(b"{}")["webhook-signature"]
    hmac_only, key_only = good.split(" ")
    for signature in (
        None,
        "",
        " ",
        "v1",
        "v1,",
        "v1,%%%",
        "v1,a",
        "v1,\xe9",
        "v1, " + hmac_only[3:],
        hmac_only.replace("v1,", "v2,"),
        hmac_only.replace("v1,", "V1,"),
        hmac_only.replace("v1,", "v1a,"),
        hmac_only[:-8],
        hmac_only.replace(",", ";"),
        hmac_only[3:],
        key_only,
        "v1," * 1000,
    ):
        expect_refused(caller, call, 401, "bad_signature", headers={"webhook-signature": signature})
    for timestamp in (None, "", "x", "-1", "1.5", "1e9", " 1", "0x10", "9" * 13, "9" * 5000, "\xb2"):
        expect_refused(caller, call, 401, "bad_signature", headers={"webhook-timestamp": timestamp})
    for message_id in (None, "", "x" * 192, "a\x7f", "\xe9", "a\tb"):
        expect_refused(caller, call, 401, "bad_signature", headers={"webhook-id": message_id})


@both_endpoints
@pytest.mark.parametrize("minutes", [-5, 5])
def test_clocks_more_than_five_minutes_apart(caller: SignedCaller, call: str, minutes: int) -> None:
    """The answer contains our time, so the caller can sign again with the difference added."""
    limit = clock.now() + minutes * MINUTE
    assert caller.post(call, caller.body(movements=[]), signed_at=limit).status_code == 200
    too_far = limit + (SECOND if minutes > 0 else -SECOND)
    error = expect_refused(caller, call, 401, "clock_skew", signed_at=too_far)
    assert clock.from_text(error["time"]) == clock.now()
    assert error["time"].endswith("Z")


@both_endpoints
def test_timestamps_outside_the_calendar_are_clock_skew(caller: SignedCaller, call: str) -> None:
    """A timestamp has up to 12 digits, which reaches past the year 9999."""
    for timestamp in ("0", "999999999999", "253402300800"):
        expect_refused(caller, call, 401, "clock_skew", **sign_at(caller, timestamp))


def sign_at(caller: SignedCaller, timestamp: str) -> dict[str, Any]:
    """A body and headers signed with a timestamp that no `datetime` can represent."""
    raw = json.dumps(caller.body(movements=[make_movement()])).encode()
    content = f"msg_1.{timestamp}.".encode() + raw
    signature = base64.b64encode(hmac.digest(caller.password.encode(), content, hashlib.sha256)).decode()
    return {
        "headers": {"webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"},
        "body": raw,
    }


@both_endpoints
def test_an_unlisted_sender_is_refused_when_only_listed_sites_are_accepted(
    site: PeerSite, caller: SignedCaller, call: str
) -> None:
    site.change_setting("only_listed", "on")
    expect_refused(caller, call, 403, "not_listed")
    site.add_remote("http://127.0.0.1:1", caller.auth, new_pass())
    assert caller.send(make_movement()).status_code == 200


def test_an_unknown_reserve(site: PeerSite, caller: SignedCaller) -> None:
    """A ping lists the existing reserves, so that an admin can pick one."""
    for key in ("gold", "", "Default", "default ", "default\0", "\0", "é", "x" * 10_000):
        body = caller.body(movements=[make_movement()]) | {"reserve": key}
        expect_refused(caller, "movements", 404, "unknown_reserve", body)
        answer = caller.post("ping", body)
        assert (answer.status_code, answer.json["reserve"], answer.json["have"]) == (200, None, None)
        assert [each["key"] for each in answer.json["reserves"]] == ["default"]


@both_endpoints
def test_a_body_for_another_site(caller: SignedCaller, call: str) -> None:
    """The body names both sides, so a captured request is valid nowhere else, even with the same Pass."""
    for to in (new_auth(), "", caller.to.upper()):
        expect_refused(caller, call, 409, "wrong_recipient", caller.body(movements=[make_movement()]) | {"to": to})


@both_endpoints
def test_a_request_from_the_site_itself(caller: SignedCaller, call: str) -> None:
    """With its own credentials, or with another site's that lead back here."""
    body = caller.body(movements=[make_movement()]) | {"from": caller.to}
    expect_refused(caller, call, 409, "own_origin", body)
    raw = json.dumps(body).encode()
    site_key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(caller.receiver.identity.private_key))
    signed_by_the_site = caller.headers(raw, keys=(site_key,))
    expect_refused(caller, call, 409, "own_origin", raw, headers=signed_by_the_site | {"pointsync-auth": new_auth()})


@both_endpoints
def test_a_stranger_learns_nothing_about_the_body(caller: SignedCaller, call: str) -> None:
    """It is unpacked and parsed only after the Pass was checked."""
    for raw in (b"x", json.dumps({"from": caller.to}).encode(), b"[" * 100_000):
        for headers in ({}, {"content-encoding": "gzip"}):
            wrong = headers | {"pointsync-auth": new_auth()}
            expect_refused(caller, call, 401, "unknown_auth", raw, headers=wrong)
            expect_refused(caller, call, 401, "bad_signature", raw, headers=headers, passwords=(new_pass(),))


@both_endpoints
def test_only_so_many_signatures_are_verified(caller: SignedCaller, call: str) -> None:
    body = json.dumps(caller.body(movements=[make_movement()])).encode()
    headers = caller.headers(body)
    headers["webhook-signature"] = "v1a," + "A" * 88 + (" v1a," + "A" * 88) * 8 + " " + headers["webhook-signature"]
    expect_refused(caller, call, 401, "bad_signature", body, headers=headers)


@both_endpoints
def test_other_methods(site: PeerSite, call: str) -> None:
    client = site.app.test_client()
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        assert client.open(f"/pointsync/v1/{call}", method=method).status_code == 405


def test_unknown_endpoints(site: PeerSite) -> None:
    client = site.app.test_client()
    for path in ("", "/", "/v1", "/v1/", "/v1/nothing", "/v1/ping/x", "/v2/ping", "/v1/Ping"):
        assert client.post(f"/pointsync{path}", data=b"{}").status_code == 404
