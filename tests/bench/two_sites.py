"""Two real sites for a benchmark, in their own processes. B is a remote of A."""

import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.process import SiteProcess


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


def record_movements(site: SiteProcess, key: str, movements: list[dict[str, Any]]) -> None:
    """Record movements, at most 1,000, in one call."""
    answer = site.api("POST", "/api/v1/movements", {"movements": movements}, key=key)
    assert answer.status == 201, answer


def wait_until_sent(site: SiteProcess, seconds: float) -> None:
    """Wait until everything is sent. It polls rarely and cheaply, to leave the processor to the sites."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    with closing(sqlite3.connect(f"file:{site.data_dir}/pointsync.db?mode=ro", uri=True)) as database:
        while database.execute("SELECT 1 FROM delivery WHERE state = 'pending' LIMIT 1").fetchone():
            assert time.monotonic() < deadline, f"movements still wait after {seconds} s"
            pause.wait(0.05)
