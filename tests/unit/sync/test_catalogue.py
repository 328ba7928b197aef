"""Rewards and levels in a ping: a digest, and lists that are checked when they are received."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.sync.site import catalogue
from pointsync.sync.site.catalogue import LEVEL, REWARD, CatalogueItem

MUG, SILVER = CatalogueItem(REWARD, "Mug", 50), CatalogueItem(LEVEL, "Silver", 1000)

catalogue_items = st.lists(
    st.builds(CatalogueItem, st.sampled_from([REWARD, LEVEL]), st.text(max_size=3), st.integers(1, 9)), max_size=6
)


@given(catalogue_items, st.randoms())
def test_the_digest_does_not_depend_on_the_order(items, random):
    shuffled = list(items)
    random.shuffle(shuffled)
    assert catalogue.compute_digest(shuffled) == catalogue.compute_digest(items)


@given(catalogue_items, catalogue_items)
def test_different_items_have_different_digests(first, second):
    assert (catalogue.compute_digest(first) == catalogue.compute_digest(second)) == (sorted(first) == sorted(second))


def test_the_digest_must_not_change():
    """Sites of other versions compare it with theirs."""
    assert catalogue.compute_digest([]) == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
    assert catalogue.compute_digest([MUG, SILVER]) == "8105b653add9d9d0a6261c2c32f8ab7e83e0d357ba4ee58ca58ebbbb1b7c7758"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ({}, {"rewards_digest": ""}),
        ({"rewards_digest": "x" * 500, "rewards": "none", "levels": None}, {"rewards_digest": "x" * 128}),
        (
            {"rewards_digest": None, "rewards": [{"title": "a" * 500, "cost": 5, "more": 1}] * 60, "levels": []},
            {"rewards_digest": "", "rewards": [{"title": "a" * 100, "cost": 5}] * 50, "levels": []},
        ),
        (
            {
                "rewards": [
                    5,
                    {},
                    {"title": 5, "cost": 5},
                    {"title": "x", "cost": "5"},
                    {"title": "x", "cost": True},
                    {"title": "x", "cost": 0},
                    {"title": "x", "cost": 2**70},
                    {"title": "\0\ud800x", "cost": 5},
                ]
            },
            {"rewards_digest": "", "rewards": [{"title": "x", "cost": 5}]},
        ),
    ],
)
def test_invalid_and_surplus_items_are_left_out(body, kept):
    assert catalogue.parse_ping_fields(body) == kept
