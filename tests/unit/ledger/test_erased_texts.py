"""Tokens, and replacing addresses by them in texts."""

from time import perf_counter

import pytest

from pointsync.email_address import parse
from pointsync.ledger.people.erased.texts import READ_BYTES, AddressTexts, Replacement
from pointsync.ledger.people.erased.tokens import hash_in, is_reserved, is_token, make_hash, make_token

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


STRASSE = "strasse@xn--mller-kva.example"
"""The key of an address with `ß` in an international domain."""


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("Straße@müller.example", "{}"),
        ("STRASSE@MÜLLER.EXAMPLE!", "{}!"),
        ("stra\u00dfe@xn--mller-kva.example, Bonn", "{}, Bonn"),
        ("e-mail=straße@müller.example&x=1", "e-mail={}&x=1"),
        ("/sync/default/stra%C3%9Fe%40m%C3%BCller.example/5/add", "/sync/default/{%}/5/add"),
        (r'{"to": "stra\u00dfe@m\u00fcller.example"}', '{"to": "{}"}'),
        (r"first\nstraße@müller.example", r"first\n{}"),
        ("50%straße@müller.example", "50%{}"),
        ("jostraße@müller.example", "jostraße@müller.example"),
        ("straße@müller.example.org", "straße@müller.example.org"),
        ("straße@muller.example", "straße@muller.example"),
        ("jo%2Bstra%C3%9Fe%40m%C3%BCller.example", "jo%2Bstra%C3%9Fe%40m%C3%BCller.example"),
    ],
)
def test_an_address_is_known_in_each_way_of_writing_it(text: str, replaced: str):
    expected = replaced.replace("{%}", TOKEN.replace("@", "%40")).replace("{}", TOKEN)
    assert Replacement({STRASSE: TOKEN}).apply(text) == expected
    assert AddressTexts({STRASSE}).is_named_in(text) == (text != expected)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "utf-16-be"])
def test_an_address_is_found_in_files_of_each_encoding(tmp_path, encoding: str):
    file = tmp_path / "export.csv"
    for padding in (0, READ_BYTES - 5, READ_BYTES - 6):
        file.write_bytes(("x" * padding + "\nanna@x.example;straße@müller.example;5\n").encode(encoding))
        assert AddressTexts({STRASSE}).is_named_in_file(file)
        assert not AddressTexts({"anna@müller.example"}).is_named_in_file(file)


def test_reading_a_text_full_of_signs_takes_no_time():
    text = "!" * 250 + "@xn--mller-kva.example " + "@" * 500 + "a." * 500
    began = perf_counter()
    for _ in range(10):
        assert not AddressTexts({STRASSE}).is_named_in(text)
    assert perf_counter() - began < 1
