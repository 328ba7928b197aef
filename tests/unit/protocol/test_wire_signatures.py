"""Request signatures: a signed request verifies; a changed or malformed one does not."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from pointsync import crypto
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import WireError
from tests.unit.protocol.signed_request import AUTH, BODY, MOVEMENT, NOW, PASS, PRIVATE, PUBLIC, SENDER, signed_headers


def test_a_signed_request_verifies():
    headers = signed_headers()
    signed = wire.parse_headers(headers, BODY)
    assert (signed.id, signed.auth, signed.timestamp) == (headers["webhook-id"], AUTH, int(NOW.timestamp()))
    assert signed.has_valid_hmac(PASS)
    assert signed.is_signed_by(PUBLIC)
    assert wire.parse_body(BODY, None)["movements"] == [MOVEMENT]


def test_each_request_has_a_unique_id():
    assert len({signed_headers()["webhook-id"] for _ in range(100)}) == 100


def test_another_secret_or_key_does_not_verify():
    signed = wire.parse_headers(signed_headers(), BODY)
    assert not signed.has_valid_hmac(PASS[:-1])
    assert not signed.has_valid_hmac("")
    assert not signed.is_signed_by(crypto.new_signing_key()[1])
    assert not signed.is_signed_by("no key")


def test_hmac_and_key_signatures_cannot_be_swapped():
    v1, v1a = signed_headers()["webhook-signature"].split(" ")
    swapped = f"v1a,{v1.removeprefix('v1,')} v1,{v1a.removeprefix('v1a,')}"
    signed = wire.parse_headers(signed_headers(webhook_signature=swapped), BODY)
    assert not signed.has_valid_hmac(PASS)
    assert not signed.is_signed_by(PUBLIC)


def test_during_a_rotation_one_of_two_signatures_is_enough():
    headers = signed_headers()
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + BODY
    new = base64.b64encode(crypto.sign_hmac("wrs_0000000000000000", content)).decode()
    signed = wire.parse_headers(headers | {"webhook-signature": f"v1,{new} {headers['webhook-signature']}"}, BODY)
    assert signed.has_valid_hmac(PASS)
    assert signed.has_valid_hmac("wrs_0000000000000000")


@pytest.mark.parametrize("change", ["webhook-id", "webhook-timestamp", "body"])
def test_a_changed_request_does_not_verify(change):
    headers, body = signed_headers(), BODY
    if change == "body":
        body = BODY.replace(b"25", b"26")
    elif change == "webhook-id":
        headers[change] += "x"
    else:
        headers[change] = str(int(headers[change]) + 1)
    signed = wire.parse_headers(headers, body)
    assert not signed.has_valid_hmac(PASS)
    assert not signed.is_signed_by(PUBLIC)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_id": None},
        {"webhook_id": ""},
        {"webhook_id": "x" * 192},
        {"webhook_id": "a\nb"},
        {"webhook_id": "a\x7fb"},
        {"webhook_id": "\udc80"},
        {"webhook_timestamp": None},
        {"webhook_timestamp": ""},
        {"webhook_timestamp": " 1772366400"},
        {"webhook_timestamp": "1772366400\n"},
        {"webhook_timestamp": "1772366400.5"},
        {"webhook_timestamp": "-1"},
        {"webhook_timestamp": "+1"},
        {"webhook_timestamp": "1e9"},
        {"webhook_timestamp": "٣"},
        {"webhook_timestamp": "²"},
        {"webhook_timestamp": "1" * 13},
        {"webhook_timestamp": "1" * 5000},
    ],
    ids=str,
)
def test_malformed_headers_are_401(changes):
    with pytest.raises(WireError) as fault:
        wire.parse_headers(signed_headers(**changes), BODY)
    assert (fault.value.status, fault.value.code) == (401, "bad_signature")


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        " ",
        ",",
        "v1",
        "v1,",
        "v1,!!!",
        "v1,YQ",
        "v1,YQ==",
        "v1,é",
        "v1,\udc80",
        "v2,{v1}",
        "v1a,{v1}",
        "V1,{v1}",
        "{v1}",
        "v1,{v1}=",
        "v1,{v1},{v1}",
        "v1;{v1}",
        "\tv1,{v1}",
        "v1, {v1}",
    ],
)
def test_a_broken_signature_verifies_nothing(signature):
    v1 = signed_headers()["webhook-signature"].split(" ")[0].removeprefix("v1,")
    signed = wire.parse_headers(signed_headers(webhook_signature=signature and signature.replace("{v1}", v1)), BODY)
    assert not signed.has_valid_hmac(PASS)
    assert not signed.is_signed_by(PUBLIC)


@pytest.mark.parametrize("timestamp", ["0", "1772366400", "999999999999"])
def test_any_clock_can_be_compared(timestamp):
    headers = signed_headers(webhook_timestamp=timestamp)
    skew = wire.parse_headers(headers, BODY).clock_skew(NOW)
    assert skew == timedelta(seconds=int(timestamp) - int(NOW.timestamp()))


def test_a_signature_of_the_standard_webhooks_library_verifies():
    timestamp = NOW
    signature = Webhook(PASS.encode()).sign("msg_1", timestamp, BODY.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(timestamp.timestamp())),
        "webhook-signature": f"v1,c3RhbGU= {signature}",
    }
    assert wire.parse_headers(headers, BODY).has_valid_hmac(PASS)
    assert not wire.parse_headers(headers, BODY + b" ").has_valid_hmac(PASS)


def test_the_standard_webhooks_library_verifies_ours():
    headers = wire.build_request_headers(BODY, SENDER, AUTH, PASS, PRIVATE, datetime.now(UTC))
    assert Webhook(PASS.encode()).verify(BODY, headers) == json.loads(BODY)


@pytest.mark.parametrize("passwords", [(PASS,), ("wrs_0000000000000000", PASS)])
def test_an_answer_is_signed_together_with_the_request_id(passwords):
    headers = wire.build_response_headers(b"{}", "msg_1", passwords, PRIVATE, NOW)
    signed = wire.parse_headers(headers, b"{}")
    assert signed.id == "msg_1"
    assert signed.is_signed_by(PUBLIC)
    assert all(signed.has_valid_hmac(each) for each in passwords)
    for other in (
        wire.parse_headers(headers | {"webhook-id": "msg_2"}, b"{}"),
        wire.parse_headers(headers | {"webhook-timestamp": "1"}, b"{}"),
        wire.parse_headers(headers, b"{ }"),
    ):
        assert not other.is_signed_by(PUBLIC)
        assert not other.has_valid_hmac(PASS)
