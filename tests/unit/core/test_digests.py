"""Digests and their sums: equal sets of movements have equal sums, whatever the order."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.digests import MODULUS, DigestSum, digest, from_text, to_text

DIGESTS = st.integers(0, MODULUS - 1)


def test_a_digest_is_blake2b_of_id_points_and_customer() -> None:
    expected = hashlib.blake2b("917:-20:änne@shop.example".encode(), digest_size=16).hexdigest()
    assert to_text(digest("917", -20, "änne@shop.example")) == expected


@pytest.mark.parametrize(
    "changed",
    [
        ("918", -20, "a@b.example"),
        ("917", 20, "a@b.example"),
        ("917", -20, "b@b.example"),
        ("917", -2, "0:a@b.example"),
    ],
    ids=str,
)
def test_each_part_changes_it(changed: tuple[str, int, str]) -> None:
    assert digest(*changed) != digest("917", -20, "a@b.example")


@given(st.lists(DIGESTS), st.randoms())
def test_the_order_does_not_matter(digests: list[int], random: object) -> None:
    shuffled = list(digests)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert DigestSum.of(digests) == DigestSum.of(shuffled)


@given(st.lists(DIGESTS), st.lists(DIGESTS))
def test_what_is_added_can_be_taken_out(first: list[int], second: list[int]) -> None:
    assert DigestSum.of(first) + DigestSum.of(second) == DigestSum.of(first + second)
    assert DigestSum.of(first + second) - DigestSum.of(second) == DigestSum.of(first)


@given(st.integers(0, 1000), DIGESTS)
def test_json_keeps_it(count: int, number: int) -> None:
    assert DigestSum.from_json(DigestSum(count, number).to_json()) == DigestSum(count, number)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"count": 1},
        {"count": 1, "hash": "00"},
        {"count": True, "hash": 32 * "0"},
        {"hash": 32 * "0"},
        {"count": 1, "hash": 32 * "A"},
        {"count": "1", "hash": 32 * "0"},
        {"count": 1, "hash": 32 * "0" + "\n"},
    ],
    ids=str,
)
def test_anything_else_is_no_sum(document: object) -> None:
    assert DigestSum.from_json(document) is None


def test_a_number_is_no_hash() -> None:
    assert from_text(5) is None
