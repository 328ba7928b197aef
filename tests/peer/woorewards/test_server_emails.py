"""E-mail addresses in a path: bare or percent-encoded, decoded once, `+` left alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from tests.peer.peer_site import PeerSite
from tests.peer.woorewards_caller import WooRewardsCaller, percent_encode, status_code
from tests.support.wsgi_server import run_http_server

UNUSUAL_EMAILS = [
    "a+b@example.test",
    "o'brien@example.test",
    "müller@example.test",
    "50%25off@example.test",
    "50%off@example.test",
    "a/b@example.test",
    "a//b@example.test",
    "/a@example.test",
    "a?b=c@example.test",
    "a#b@example.test",
    "!#$%&'*+-/=?^_`{|}~@example.test",
    "5/add@example.test",
    "points/7/set@example.test",
]


@pytest.fixture
def shop(listening_site: PeerSite) -> WooRewardsCaller:
    return WooRewardsCaller(listening_site)


def test_percent_encoded_addresses(shop: WooRewardsCaller) -> None:
    for points, email in enumerate(UNUSUAL_EMAILS, 1):
        assert status_code(shop.sync(percent_encode(email), points)) == "s200", email
    assert shop.site.balances() == {email: points for points, email in enumerate(UNUSUAL_EMAILS, 1)}


def test_bare_and_encoded_addresses_are_the_same_customer(shop: WooRewardsCaller) -> None:
    emails = ["a+b@example.test", "o'brien@example.test", "a/b@example.test", "a//b@example.test"]
    for points, email in enumerate(emails, 1):
        assert status_code(shop.sync(email, points)) == "s200", email
        assert status_code(shop.sync(quote(email, safe="@'"), 100)) == "s200", email
    assert shop.site.balances() == {email: points + 100 for points, email in enumerate(emails, 1)}


def test_unescaped_utf_8_bytes(shop: WooRewardsCaller) -> None:
    """As sent by a caller that does not escape its path, through the server that `serve` runs."""
    form = {"source": shop.auth, "transaction_id": "1", "reason": ""}
    with served_at_free_port(shop.site):
        assert shop.raw("default/müller@example.test/5/add".encode(), form) == b"HTTP/1.1 200 OK"
        assert shop.site.balances() == {"müller@example.test": 5}
        answer = shop.raw("default/müller@example.test/5/add".encode("latin-1"), form | {"transaction_id": "2"})
    assert answer.startswith(b"HTTP/1.1 4")
    assert shop.site.balances() == {"müller@example.test": 5}


@contextmanager
def served_at_free_port(site: PeerSite) -> Iterator[None]:
    """Serve the site with PointSync's own HTTP server at another port."""
    port_before = site.port
    try:
        with run_http_server(site.app) as site.port:
            yield
    finally:
        site.port = port_before


def test_an_address_is_decoded_only_once(shop: WooRewardsCaller) -> None:
    """`%2541` is `%41`, not `A`: decoding twice would give another customer."""
    assert status_code(shop.sync("a%2541@example.test", 5)) == "s200"
    assert shop.site.balances() == {"a%41@example.test": 5}


def test_every_spelling_is_one_customer(shop: WooRewardsCaller) -> None:
    """Case, spaces, composed and decomposed letters, and Unicode or ASCII domains do not matter."""
    for spelling in ("ü@müller.test", "U\u0308@MÜLLER.test", " ü@xn--mller-kva.test ", "Ü@Xn--Mller-Kva.TEST"):
        assert status_code(shop.sync(percent_encode(spelling), 5)) == "s200"
    assert shop.site.balances() == {"ü@xn--mller-kva.test": 20}
