"""Tokens, and replacing addresses by them in texts."""

import pytest

from pointsync.email_address import parse
from pointsync.ledger.people.erasure.texts import Replacement
from pointsync.ledger.people.erasure.tokens import hash_in, is_reserved, is_token, make_hash, make_token

TOKEN = make_token(make_hash(bytes(32), "ann@x.example"), "77")


def test_a_token_is_a_valid_address_that_stays_as_it_is():
    assert is_token(TOKEN)
    assert is_reserved(TOKEN)
    assert parse(TOKEN) == (TOKEN, TOKEN)
    assert hash_in(TOKEN) == make_hash(bytes(32), "ann@x.example")
    assert parse(make_token("f" * 40, str(2**63 - 1))).key == make_token("f" * 40, str(2**63 - 1))


@pytest.mark.parametrize("address", ["ann@x.example", "77@erased.invalid", "a" * 40 + ".x@erased.invalid"])
def test_other_addresses_are_no_tokens(address: str):
    assert not is_token(address)


def test_each_site_and_each_erasure_has_its_own():
    assert make_hash(bytes(32), "ann@x.example") != make_hash(b"\1" * 32, "ann@x.example")
    assert make_token("a" * 40, "1") != make_token("a" * 40, "2")


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("ann@x.example", "{}"),
        ("For Ann@X.example, thanks", "For {}, thanks"),
        ("<ann@x.example>.", "<{}>."),
        ("mailto:ann@x.example?x=1", "mailto:{}?x=1"),
        ("/sync/default/ann%40x.example/5/add", "/sync/default/{%}/5/add"),
        ("joann@x.example", "joann@x.example"),
        ("ann@x.example.org", "ann@x.example.org"),
        ("ann@x.example-shop", "ann@x.example-shop"),
        ("jo+ann@x.example", "jo+ann@x.example"),
        ("ann@x.example and joann@x.example", "{} and joann@x.example"),
    ],
)
def test_an_address_is_replaced_and_longer_ones_stay(text: str, replaced: str):
    expected = replaced.replace("{%}", TOKEN.replace("@", "%40")).replace("{}", TOKEN)
    assert Replacement({"ann@x.example": TOKEN}).apply(text) == expected


def test_texts_within_json():
    value = {"ann@x.example": ["ann@x.example", 5, None], "n": {"of": "me"}}
    replaced = {TOKEN: [TOKEN, 5, None], "n": {"of": "me"}}
    assert Replacement({"ann@x.example": TOKEN}).apply_to_json(value) == replaced
    assert Replacement({}).apply("ann@x.example") == "ann@x.example"
