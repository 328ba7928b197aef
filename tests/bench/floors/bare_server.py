"""Starts the bare application of `server` in a process of its own, as a site is one."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.bench.databases import Database
from tests.support.paths import CHECKOUT
from tests.support.process import call, free_port, wait_until

START_SECONDS = 30


@contextmanager
def run_bare_server(database: Database | None = None) -> Iterator[str]:
    """Its URL. Nothing of it is left afterwards."""
    port = free_port()
    place = [database.kind, database.place] if database else []
    command = [sys.executable, "-m", "tests.bench.floors.server", str(port), *place]
    with subprocess.Popen(command, cwd=CHECKOUT) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: answers(url), START_SECONDS, "the bare server answers")
            yield url
        finally:
            process.kill()


def answers(url: str) -> bool:
    """Whether it listens by now."""
    with suppress(OSError):
        return call("GET", f"{url}/received").status == 200
    return False


def count_received(url: str, *, is_reset: bool = False) -> dict[str, Any]:
    """How many calls it has counted, and the seconds from the first to the last."""
    found: dict[str, Any] = call("GET", f"{url}/received" + ("?reset" if is_reset else "")).body
    return found
