"""Two real sites for a benchmark: processes and ports of their own, A listing B."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.process import SiteProcess, wait_until


@contextmanager
def two_sites() -> Iterator[tuple[SiteProcess, SiteProcess, str]]:
    """Sites A and B, and an API key of A."""
    with (
        tempfile.TemporaryDirectory() as folder,
        SiteProcess(Path(folder) / "a") as a,
        SiteProcess(Path(folder) / "b") as b,
    ):
        line = ("--sharing-key", b.cli("site", "--secrets")["sharing_key"], "--url", b.url)
        added = a.cli("remote", "add", *line, "--target", "default", "--observed", "default")
        assert added["ping"]["ok"], added
        yield a, b, a.cli("key", "create", "bench")["key"]


def record(site: SiteProcess, key: str, movements: list[dict[str, Any]]) -> None:
    """Record movements, at most 1,000, in one call."""
    answer = site.api("POST", "/api/v1/movements", {"movements": movements}, key=key)
    assert answer.status == 201, answer


def waiting(site: SiteProcess, key: str) -> int:
    """How many movements the site's remote is still owed."""
    answer = site.api("GET", "/api/v1/remotes", key=key)
    remotes = answer.body["remotes"] if isinstance(answer.body, dict) else answer.body
    return int(remotes[0]["waiting"])


def until_sent(site: SiteProcess, key: str, seconds: float) -> None:
    """Wait until nothing is owed any more."""
    wait_until(lambda: waiting(site, key) == 0, seconds, "nothing waits")
