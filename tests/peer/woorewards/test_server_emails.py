"""E-mail addresses in a path: bare or percent-encoded, decoded once, `+` left alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from pointsync.cli.server.http_server import Door
from tests.peer.peer_site import PeerSite
from tests.peer.woorewards_caller import WooCaller, code, escaped
from tests.support.process import free_port

ODD = [
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
def shop(listening: PeerSite) -> WooCaller:
    return WooCaller(listening)


def test_a_percent_encoded_address_is_that_customers(shop: WooCaller) -> None:
    for points, email in enumerate(ODD, 1):
        assert code(shop.sync(escaped(email), points)) == "s200", email
    assert shop.site.balances() == {email: points for points, email in enumerate(ODD, 1)}


def test_a_bare_address_is_the_same_customers(shop: WooCaller) -> None:
    bare = ["a+b@example.test", "o'brien@example.test", "a/b@example.test", "a//b@example.test"]
    for points, email in enumerate(bare, 1):
        assert code(shop.sync(email, points)) == "s200", email
        assert code(shop.sync(quote(email, safe="@'"), 100)) == "s200", email
    assert shop.site.balances() == {email: points + 100 for points, email in enumerate(bare, 1)}


def test_bare_bytes_of_utf_8(shop: WooCaller) -> None:
    """As a caller sends them that does not escape its path; through the server that `serve` runs."""
    form = {"source": shop.auth, "transaction_id": "1", "reason": ""}
    with behind_the_door(shop.site):
        assert shop.raw("default/müller@example.test/5/add".encode(), form) == b"HTTP/1.1 200 OK"
        assert shop.site.balances() == {"müller@example.test": 5}
        answer = shop.raw("default/müller@example.test/5/add".encode("latin-1"), form | {"transaction_id": "2"})
    assert answer.startswith(b"HTTP/1.1 4")
    assert shop.site.balances() == {"müller@example.test": 5}


@contextmanager
def behind_the_door(site: PeerSite) -> Iterator[None]:
    """The site answers at another port, as it does for those who run it."""
    before, site.port = site.port, free_port()
    door, over = Door(site.app, "127.0.0.1", site.port, 2, clears_forwarded=True), threading.Event()
    thread = threading.Thread(target=door.answer, args=(over.is_set,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)
        door.close()
        site.port = before


def test_an_address_is_decoded_once_only(shop: WooCaller) -> None:
    """`%2541` is `%41`, not `A`: decoded twice it would be another customer."""
    assert code(shop.sync("a%2541@example.test", 5)) == "s200"
    assert shop.site.balances() == {"a%41@example.test": 5}


def test_every_spelling_is_one_customer(shop: WooCaller) -> None:
    """Case and space, composed or not, the domain in letters or in ASCII."""
    for spelling in ("ü@müller.test", "U\u0308@MÜLLER.test", " ü@xn--mller-kva.test ", "Ü@Xn--Mller-Kva.TEST"):
        assert code(shop.sync(escaped(spelling), 5)) == "s200"
    assert shop.site.balances() == {"ü@xn--mller-kva.test": 20}
