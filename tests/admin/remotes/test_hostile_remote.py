"""A remote that answers with scripts, control characters, bidi marks or far too much: cut, stripped, escaped."""

from collections.abc import Iterator

import pytest

from tests.support.panel_client import PanelClient
from tests.support.scripted_server import StartServer, answer_always, serve
from tests.support.woorewards_shop import WooRewardsSite

__all__ = ["serve"]

PAGE = "/system/points-sync"
NASTY = "</td><script>alert(1)</script>\x1b[31mred\x1b[0m\u202eevil\u2066\0" + "x" * 5000


@pytest.fixture
def shop() -> Iterator[WooRewardsSite]:
    """A WooRewards shop whose reserve has a nasty name."""
    with WooRewardsSite(pools={"default": NASTY}) as shop:
        yield shop


def test_the_name_of_its_reserve_is_escaped(ada: PanelClient, shop: WooRewardsSite) -> None:
    fields = {"sharing_key": shop.sharing_key, "url": shop.url, "target": "default", "observed": "default"}
    saved = ada.send(f"{PAGE}/remotes/add", backfill="new", **fields)
    assert saved.status_code == 303
    for path in (saved.location, f"{PAGE}/remotes/1/edit", "/", "/system/network", f"{PAGE}/remotes/1/delete"):
        text = ada.get(path).text
        assert "<script>alert" not in text, path
        assert "\x1b" not in text, path
        assert "\0" not in text, path
        assert not set("\u202e\u2066") & set(text), path
        assert "x" * 600 not in text, path
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in ada.get(saved.location).text


@pytest.mark.parametrize(
    "body",
    [b"<script>alert(1)</script>" + b"\x1b]0;owned\x07" * 200, b"[" * 100_000, b"\xff" * 1_000, b"x" * 10_000_000],
    ids=["script", "depth", "no text", "10 MB"],
)
def test_any_answer_becomes_a_sentence(ada: PanelClient, serve: StartServer, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    server = serve(answer_always(head + body))
    key = f"127.0.0.1:{server.port}|wrk_0123456789abcdef:wrs_0123456789abcdef"
    fields = {"sharing_key": key, "url": f"http://127.0.0.1:{server.port}", "target": "default", "observed": "default"}
    saved = ada.send(f"{PAGE}/remotes/add", backfill="new", **fields)
    assert saved.status_code == 303
    text = ada.get(saved.location).text
    assert "<script>alert" not in text
    assert "\x1b" not in text
    assert "xxxx" not in text
    assert "neither PointSync nor WooRewards answers there" in text or "cannot be" in text or "more than" in text, text
