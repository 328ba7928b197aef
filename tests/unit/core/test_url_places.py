"""URLs are compared as places, not as texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync import urls

SAME = {
    "https://shop.example": [
        *("https://shop.example/", "HTTPS://Shop.Example", "https://shop.example:443/", "https://shop.example."),
        *("https://shop.example/./", "https://shop.example/a/..", " https://shop.example\n"),
    ],
    "https://xn--mller-kva.example/a": [
        "https://müller.example/a",
        "https://MÜLLER.example/a/",
        "https://xn--mller-kva.example/%61",
    ],
    "http://[::1]:8080/points": ["HTTP://[::1]:8080/points/", "http://[::1]:8080//points"],
    "http://shop.example:443": ["http://shop.example:443/"],
    "https://shop.example/caf%C3%A9": ["https://shop.example/café", "https://shop.example/caf%c3%a9"],
    "https://shop.example/hook?token=A%2f": ["https://SHOP.example/hook?token=A%2f"],
}


@pytest.mark.parametrize(
    ("place", "url"), [(place, url) for place, all_urls in SAME.items() for url in [place, *all_urls]]
)
def test_the_same_place(place, url):
    assert urls.as_place(url) == place


def test_other_places():
    places = [
        *SAME,
        "https://shop.example/A",
        "https://shop.example/a",
        "https://shop.example:8443",
        "https://a.shop.example",
    ]
    assert len(set(map(urls.as_place, places))) == len(places)


LABELS = st.text("abcdefghij0123456789", min_size=1, max_size=10)


@given(LABELS, LABELS, st.lists(st.text("ab-._~%é", min_size=1, max_size=6), max_size=3), st.booleans())
def test_every_place_is_its_own_normal_form(host, top, segments, has_port):
    url = f"https://{host.upper()}.{top}{':443' if has_port else ''}/{'/'.join(segments)}"
    place = urls.as_place(url)
    assert urls.as_place(place) == place
    assert urls.as_place(url.replace("https", "HTTPS") + "/") == place
