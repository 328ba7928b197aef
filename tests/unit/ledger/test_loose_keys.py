"""Which addresses are alike."""

import pytest

from pointsync.ledger.people.loose_keys import NO_KEY, compute, simplify


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.da@shop.example", "ada@shop.example"),
        ("ada+tea@shop.example", "ada@shop.example"),
        ("a.d.a+b.c+d@googlemail.com", "ada@gmail.com"),
        ("ada@protonmail.com", "ada@pm.me"),
        ("ada@me.com", "ada@icloud.com"),
    ],
)
def test_alike(one: str, other: str) -> None:
    assert simplify(one) == simplify(other)
    assert compute(one) == compute(other) != NO_KEY


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@shop.example", "ada@other.example"),
        ("ada@shop.example", "adb@shop.example"),
        ("+a@shop.example", "+b@shop.example"),
        ("..@shop.example", ".@shop.example"),
        ("ada@hotmail.com", "ada@outlook.com"),
    ],
)
def test_not_alike(one: str, other: str) -> None:
    assert compute(one) != compute(other)


@pytest.mark.parametrize("address", ["ada@shop.example", "+@x.example", "...@x.example", "\ud800@x.example"])
def test_a_key_fits_into_the_database(address: str) -> None:
    assert 0 < compute(address) < 2**63
