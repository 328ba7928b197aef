"""A site under attack by callers without credentials goes on working: one real process, many connections."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.server.raw_client import RawClient, get_status
from tests.support.process import SiteProcess

SLOW_CONNECTIONS = 520
"""More than the server keeps open."""
MAX_ANSWER_SECONDS = 5
MEGABYTE = 1024 * 1024


class Shop:
    """Records points by the API while the attack goes on."""

    def __init__(self, site: SiteProcess) -> None:
        self.site, self.key = site, site.cli("key", "create", "shop")["key"]

    def record(self) -> None:
        """Record one point: the shop gets its answer in time."""
        body = {"customer": "anna@shop.example", "points": 1}
        answer = self.site.api("POST", "/api/v1/movements", body, self.key, timeout_seconds=MAX_ANSWER_SECONDS)
        assert answer.status == 201


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[SiteProcess]:
    with SiteProcess(tmp_path / "a") as site:
        yield site
        assert "was answered with 500" not in site.log_tail()
        assert "uncaptured python exception" not in site.log_tail()


def test_connections_that_drip(attacked: SiteProcess) -> None:
    shop = Shop(attacked)
    with ExitStack() as stack:
        slow = [stack.enter_context(RawClient(attacked.port)) for _ in range(SLOW_CONNECTIONS)]
        for _ in range(3):
            for client in slow:
                client.send("GET /healthz HTTP/1.1\r\nX-a: a")
            assert get_status(attacked.port)[0] == 200
            shop.record()
        assert slow[0].wait_until_closed().startswith("HTTP/1.1 503 ")
    assert "waiting connections were closed to make room" in attacked.log_tail()


def test_bodies_left_unfinished(attacked: SiteProcess) -> None:
    shop = Shop(attacked)
    before_mb = attacked.most_mb()
    with ExitStack() as stack:
        for _ in range(100):
            client = stack.enter_context(RawClient(attacked.port))
            client.head("/pointsync/v1/ping", f"Content-Length: {MEGABYTE}").send(b"x" * (MEGABYTE - 1))
        assert get_status(attacked.port)[0] == 200
        shop.record()
        assert _bodies_on_disk(attacked) == []
    assert attacked.most_mb() - before_mb < 80


def _bodies_on_disk(site: SiteProcess) -> list[str]:
    """The deleted files that the server has open, which are bodies of requests."""
    assert site.process
    files = [_read_link(each) for each in Path(f"/proc/{site.process.pid}/fd").iterdir()]
    return [file for file in files if file.endswith(" (deleted)")]


def _read_link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:  # closed meanwhile
        return ""
