"""Two real sites for a benchmark, in their own processes. B is a remote of A."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.bench.databases import SQLITE, Database, Databases, open_databases
from tests.support.process import SiteProcess

BATCH = 1_000
POLL_SECONDS = 0.02
BEGIN_POLL_SECONDS = 0.002
PENDING_SQL = "SELECT 1 FROM delivery WHERE state = 'pending' LIMIT 1"


@dataclass(frozen=True)
class TwoSites:
    """Sites A and B with their databases, and an API key of A."""

    a: SiteProcess
    b: SiteProcess
    key: str
    databases: Databases

    @property
    def a_database(self) -> Database:
        """A's database, for the bare driver."""
        return self.databases.of(self.a)

    @property
    def b_database(self) -> Database:
        """B's database, for the bare driver."""
        return self.databases.of(self.b)


@contextmanager
def two_sites(kind: str = SQLITE, *, is_replicating: bool = False) -> Iterator[TwoSites]:
    """Both sites, running and idle. `is_replicating`: see `open_databases`."""
    with (
        open_databases(kind, is_replicating=is_replicating) as databases,
        databases.new_site("a") as a,
        databases.new_site("b") as b,
    ):
        list_remote(a, b)
        yield TwoSites(a, b, a.cli("key", "create", "bench")["key"], databases)


def list_remote(site: SiteProcess, other: SiteProcess, target: str = "default", observed: str = "default") -> None:
    """Add a reserve of `other` to the remotes of `site`."""
    line = ("--sharing-key", other.cli("site", "--secrets")["sharing_key"], "--url", other.url)
    added = site.cli("remote", "add", *line, "--target", target, "--observed", observed)
    assert added["ping"]["ok"], added


def record_movements(site: SiteProcess, key: str, movements: list[dict[str, Any]]) -> None:
    """Record movements, at most 1,000, in one call."""
    answer = site.api("POST", "/api/v1/movements", {"movements": movements}, key=key)
    assert answer.status == 201, answer


def record_backlog(site: SiteProcess, key: str, count: int, customers: int, **more: Any) -> None:
    """Record `count` movements in lists of 1,000; the customers alternate."""
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        record_movements(
            site,
            key,
            [{"customer": f"c{n % customers}@bench.example", "points": 1 + n % 9, **more} for n in numbers],
        )


def measure_sending(database: Database, resume: Callable[[], Any], seconds: float, query: str = PENDING_SQL) -> float:
    """Resume sending and return the seconds from the first call until `query` finds nothing that waits.

    The time that `resume` itself takes does not count, and nothing that happens before it ends is left out.
    """
    [(last_attempt,)] = database.rows("SELECT coalesce(max(id), 0) FROM attempt")
    resuming = threading.Thread(target=resume)
    resuming.start()
    with closing(database.connect()) as connection:
        has_begun = database.sql("SELECT 1 FROM attempt WHERE id > ? LIMIT 1")
        _wait_until(lambda: connection.execute(has_begun, (last_attempt,)).fetchone(), seconds, BEGIN_POLL_SECONDS)
        began = time.perf_counter()
        _wait_until(lambda: connection.execute(query).fetchone() is None, seconds, POLL_SECONDS)
        elapsed = time.perf_counter() - began
    resuming.join()
    return elapsed


def resume_remote(site: SiteProcess) -> Callable[[], Any]:
    """What resumes the first remote of a site."""
    return lambda: site.cli("remote", "resume", "1")


def wait_until_sent(database: Database, seconds: float) -> None:
    """Wait until everything is sent. It polls rarely and cheaply, to leave the processor to the sites."""
    with closing(database.connect()) as connection:
        _wait_until(lambda: connection.execute(PENDING_SQL).fetchone() is None, seconds, POLL_SECONDS)


def _wait_until(predicate: Callable[[], Any], seconds: float, poll_seconds: float) -> None:
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        pause.wait(poll_seconds)
