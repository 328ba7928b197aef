"""The wire's signatures: what was signed is read so, and what was changed or says nothing verifies nothing."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from pointsync import crypto
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.wire import WireFault
from tests.unit.protocol.signed_request import AUTH, BODY, MOVEMENT, NOW, PASS, PRIVATE, PUBLIC, SENDER, headers


def test_a_request_is_read_as_it_was_signed():
    sent = headers()
    signed = wire.read_headers(sent, BODY)
    assert (signed.id, signed.auth, signed.timestamp) == (sent["webhook-id"], AUTH, int(NOW.timestamp()))
    assert signed.has_hmac(PASS)
    assert signed.has_key(PUBLIC)
    assert wire.read_body(BODY, None)["movements"] == [MOVEMENT]


def test_each_request_has_an_id_of_its_own():
    assert len({headers()["webhook-id"] for _ in range(100)}) == 100


def test_another_secret_or_key_has_not_signed_it():
    signed = wire.read_headers(headers(), BODY)
    assert not signed.has_hmac(PASS[:-1])
    assert not signed.has_hmac("")
    assert not signed.has_key(crypto.new_signing_key()[1])
    assert not signed.has_key("no key")


def test_an_hmac_is_no_signature_of_a_key_nor_the_other_way_round():
    v1, v1a = headers()["webhook-signature"].split(" ")
    swapped = f"v1a,{v1.removeprefix('v1,')} v1,{v1a.removeprefix('v1a,')}"
    signed = wire.read_headers(headers(webhook_signature=swapped), BODY)
    assert not signed.has_hmac(PASS)
    assert not signed.has_key(PUBLIC)


def test_during_a_rotation_one_of_two_is_enough():
    sent = headers()
    content = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + BODY
    new = base64.b64encode(crypto.hmac_signature("wrs_0000000000000000", content)).decode()
    signed = wire.read_headers(sent | {"webhook-signature": f"v1,{new} {sent['webhook-signature']}"}, BODY)
    assert signed.has_hmac(PASS)
    assert signed.has_hmac("wrs_0000000000000000")


@pytest.mark.parametrize("change", ["webhook-id", "webhook-timestamp", "body"])
def test_what_was_changed_on_the_way_is_no_longer_signed(change):
    sent, body = headers(), BODY
    if change == "body":
        body = BODY.replace(b"25", b"26")
    elif change == "webhook-id":
        sent[change] += "x"
    else:
        sent[change] = str(int(sent[change]) + 1)
    signed = wire.read_headers(sent, body)
    assert not signed.has_hmac(PASS)
    assert not signed.has_key(PUBLIC)


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
def test_headers_that_say_nothing_are_401(changes):
    with pytest.raises(WireFault) as fault:
        wire.read_headers(headers(**changes), BODY)
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
    v1 = headers()["webhook-signature"].split(" ")[0].removeprefix("v1,")
    signed = wire.read_headers(headers(webhook_signature=signature and signature.replace("{v1}", v1)), BODY)
    assert not signed.has_hmac(PASS)
    assert not signed.has_key(PUBLIC)


@pytest.mark.parametrize("timestamp", ["0", "1772366400", "999999999999"])
def test_any_clock_can_be_compared(timestamp):
    sent = headers(webhook_timestamp=timestamp)
    skew = wire.read_headers(sent, BODY).skew(NOW)
    assert skew == timedelta(seconds=int(timestamp) - int(NOW.timestamp()))


def test_a_signature_of_the_published_library_is_taken():
    timestamp = NOW
    signature = Webhook(PASS.encode()).sign("msg_1", timestamp, BODY.decode())
    sent = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(timestamp.timestamp())),
        "webhook-signature": f"v1,c3RhbGU= {signature}",
    }
    assert wire.read_headers(sent, BODY).has_hmac(PASS)
    assert not wire.read_headers(sent, BODY + b" ").has_hmac(PASS)


def test_the_published_library_takes_ours():
    sent = wire.request_headers(BODY, SENDER, AUTH, PASS, PRIVATE, datetime.now(UTC))
    assert Webhook(PASS.encode()).verify(BODY, sent) == json.loads(BODY)


def test_an_answer_is_signed_over_the_requests_id():
    sent = wire.answer_headers(b"{}", "msg_1", PRIVATE, NOW)
    signed = wire.read_headers(sent, b"{}")
    assert signed.id == "msg_1"
    assert signed.has_key(PUBLIC)
    assert not wire.read_headers(sent | {"webhook-id": "msg_2"}, b"{}").has_key(PUBLIC)
