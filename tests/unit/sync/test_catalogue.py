"""What a site tells of its rewards and levels: a digest of what they are, and lists that are not believed too far."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.sync.site import catalogue as told
from pointsync.sync.site.catalogue import LEVEL, REWARD, Offer

MUG, SILVER = Offer(REWARD, "Mug", 50), Offer(LEVEL, "Silver", 1000)

offers = st.lists(
    st.builds(Offer, st.sampled_from([REWARD, LEVEL]), st.text(max_size=3), st.integers(1, 9)), max_size=6
)


@given(offers, st.randoms())
def test_a_digest_is_of_the_offers_and_not_of_their_order(found, random):
    turned = list(found)
    random.shuffle(turned)
    assert told.digest(turned) == told.digest(found)


@given(offers, offers)
def test_other_offers_have_another_digest(some, others):
    assert (told.digest(some) == told.digest(others)) == (sorted(some) == sorted(others))


def test_a_digest_stays_what_it_is():
    """Sites of other versions compare with it."""
    assert told.digest([]) == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
    assert told.digest([MUG, SILVER]) == "8105b653add9d9d0a6261c2c32f8ab7e83e0d357ba4ee58ca58ebbbb1b7c7758"


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
def test_what_is_kept_of_what_a_site_tells(body, kept):
    assert told.heard(body) == kept
