"""Each error of the PointSync dialect: its status, its code, its shape; and nothing has changed."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest

from pointsync import clock
from pointsync.ids import new_auth, new_pass
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import Caller, a_movement

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
BOTH = pytest.mark.parametrize("call", ["ping", "movements"])


def refused(caller: Caller, call: str, status: int, code: str, body: Any = None, **more: Any) -> dict[str, Any]:
    """Post `body`, or a good one, and see it refused without a trace; what the error says."""
    before = caller.receiver.dump()
    answer = caller.post(call, caller.body(movements=[a_movement()]) if body is None else body, **more)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code), answer.text
    assert answer.json["error"]["message"].endswith(".")
    assert caller.receiver.dump() == before
    return dict(answer.json["error"])


@BOTH
def test_malformed_bodies(caller: Caller, call: str) -> None:
    for body in (b"", b"{", b"[]", b'"x"', b"null", b"1", b"\xff\xfe", b'{"from": NaN}', b"\xef\xbb\xbf{}"):
        refused(caller, call, 400, "malformed", body)
    refused(caller, call, 400, "malformed", headers={"content-encoding": "br"})
    refused(caller, call, 400, "malformed", headers={"content-encoding": "gzip"})


@BOTH
def test_fields_that_every_body_needs(caller: Caller, call: str) -> None:
    for name in ("from", "to", "reserve"):
        for value in (None, 1, True, 1.5, [], {}, [caller.auth]):
            refused(caller, call, 400, "malformed", caller.body(movements=[]) | {name: value})
        body = caller.body(movements=[])
        del body[name]
        refused(caller, call, 400, "malformed", body)
    for sender in ("", "wrk_", "wrk_" + "G" * 16, caller.auth.upper(), caller.auth + "\n", " " + caller.auth, "\0"):
        refused(caller, call, 400, "malformed", caller.body(movements=[]) | {"from": sender})


def test_movements_must_be_a_list(caller: Caller) -> None:
    for value in (None, {}, "[]", 1, True):
        refused(caller, "movements", 400, "malformed", caller.body(movements=value))
    refused(caller, "movements", 400, "malformed", caller.body())


@BOTH
def test_another_sites_auth(caller: Caller, call: str) -> None:
    """Told apart from a wrong Pass, so that the other admin knows which field to look at."""
    for auth in (new_auth(), "", None, caller.to.upper(), caller.to + " x", "\xff", "wrk_"):
        refused(caller, call, 401, "unknown_auth", headers={"pointsync-auth": auth})


@BOTH
def test_a_wrong_pass(caller: Caller, call: str) -> None:
    refused(caller, call, 401, "bad_signature", passwords=(new_pass(),))
    refused(caller, call, 401, "bad_signature", passwords=(caller.password.lower(),))


@BOTH
def test_signing_headers_that_say_nothing(caller: Caller, call: str) -> None:
    """The public package fails in four ways on these; here each is a bad signature."""
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
        refused(caller, call, 401, "bad_signature", headers={"webhook-signature": signature})
    for timestamp in (None, "", "x", "-1", "1.5", "1e9", " 1", "0x10", "9" * 13, "9" * 5000, "\xb2"):
        refused(caller, call, 401, "bad_signature", headers={"webhook-timestamp": timestamp})
    for name in (None, "", "x" * 192, "a\x7f", "\xe9", "a\tb"):
        refused(caller, call, 401, "bad_signature", headers={"webhook-id": name})


@BOTH
@pytest.mark.parametrize("minutes", [-5, 5])
def test_clocks_more_than_five_minutes_apart(caller: Caller, call: str, minutes: int) -> None:
    """The answer tells our time: the caller then signs with the difference added."""
    just = clock.now() + minutes * MINUTE
    assert caller.post(call, caller.body(movements=[]), moment=just).status_code == 200
    beyond = just + (SECOND if minutes > 0 else -SECOND)
    error = refused(caller, call, 401, "clock_skew", moment=beyond)
    assert clock.from_text(error["time"]) == clock.now()
    assert error["time"].endswith("Z")


@BOTH
def test_moments_beyond_every_calendar_are_clocks_apart_too(caller: Caller, call: str) -> None:
    """A timestamp has up to 12 digits, which reaches past the year 9999."""
    for timestamp in ("0", "999999999999", "253402300800"):
        refused(caller, call, 401, "clock_skew", **signed_at(caller, timestamp))


def signed_at(caller: Caller, timestamp: str) -> dict[str, Any]:
    """Headers whose signature holds at a moment that no `datetime` can name."""
    raw = json.dumps(caller.body(movements=[a_movement()])).encode()
    content = f"msg_1.{timestamp}.".encode() + raw
    signature = base64.b64encode(hmac.digest(caller.password.encode(), content, hashlib.sha256)).decode()
    return {
        "headers": {"webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"},
        "body": raw,
    }


@BOTH
def test_a_sender_that_is_not_listed_where_only_listed_ones_are_accepted(
    site: PeerSite, caller: Caller, call: str
) -> None:
    site.set("only_listed", "on")
    refused(caller, call, 403, "not_listed")
    site.add_remote("http://127.0.0.1:1", caller.auth, new_pass())
    assert caller.send(a_movement()).status_code == 200


def test_a_reserve_that_is_not_here(site: PeerSite, caller: Caller) -> None:
    """A ping tells which there are instead, so that an admin can pick one."""
    for key in ("gold", "", "Default", "default ", "default\0", "\0", "é", "x" * 10_000):
        body = caller.body(movements=[a_movement()]) | {"reserve": key}
        refused(caller, "movements", 404, "unknown_reserve", body)
        answer = caller.post("ping", body)
        assert (answer.status_code, answer.json["reserve"], answer.json["have"]) == (200, None, None)
        assert [each["key"] for each in answer.json["reserves"]] == ["default"]


@BOTH
def test_a_body_for_another_site(caller: Caller, call: str) -> None:
    """The body names both sides: a request caught elsewhere is good nowhere else, even with the same Pass."""
    for to in (new_auth(), "", caller.to.upper()):
        refused(caller, call, 409, "wrong_recipient", caller.body(movements=[a_movement()]) | {"to": to})


@BOTH
def test_a_request_of_this_very_site(caller: Caller, call: str) -> None:
    """With our own credentials, or with another's that lead back here."""
    body = caller.body(movements=[a_movement()]) | {"from": caller.to}
    refused(caller, call, 409, "own_origin", body)
    refused(caller, call, 409, "own_origin", body, headers={"pointsync-auth": new_auth()})


@BOTH
def test_other_methods(site: PeerSite, call: str) -> None:
    client = site.app.test_client()
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        assert client.open(f"/pointsync/v1/{call}", method=method).status_code == 405


def test_calls_that_do_not_exist(site: PeerSite) -> None:
    client = site.app.test_client()
    for path in ("", "/", "/v1", "/v1/", "/v1/nothing", "/v1/ping/x", "/v2/ping", "/v1/Ping"):
        assert client.post(f"/pointsync{path}", data=b"{}").status_code == 404
