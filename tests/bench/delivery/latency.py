"""Time from the commit on one site to visible on the other: one movement at a time, on two idle sites."""

import threading
from contextlib import closing
from time import perf_counter, sleep
from typing import Any

from tests.bench.clients import Client, percentile
from tests.bench.databases import POSTGRES, SQLITE
from tests.bench.floors.bare_server import run_bare_server
from tests.bench.output.figure import Figure
from tests.bench.sizes import size
from tests.bench.two_sites import TwoSites, record_movements, two_sites, wait_until_sent

SAMPLE = size(300, quick=10)
PATIENCE_SECONDS = 10
POLL_SECONDS = 0.0002
VISIBLE_SQL = "SELECT 1 FROM customer JOIN balance ON customer_id = customer.id WHERE email = ?"
FLOOR_NAME = "one loopback POST whose receiver commits the same rows"


def run() -> list[Figure]:
    """On SQLite."""
    return _run_on(SQLITE)


def run_on_postgres() -> list[Figure]:
    """On PostgreSQL."""
    return _run_on(POSTGRES)


def _run_on(kind: str) -> list[Figure]:
    with two_sites(kind) as sites:
        record_movements(sites.a, sites.key, [{"customer": "warm@bench.example", "points": 1}])
        wait_until_sent(sites.a_database, 30)
        floors = _measure_floor(sites)
        spans = measure_spans(sites)
    return [
        Figure(
            f"commit on A to visible on B, idle, p{percent}",
            percentile(spans, percent),
            "ms",
            percentile(floors, percent),
            FLOOR_NAME,
            is_more_better=False,
        )
        for percent in (50, 99)
    ]


def _measure_floor(sites: TwoSites) -> list[float]:
    """What the path needs at least: after the recording's own commit, that is only the receiver's."""
    with run_bare_server(sites.databases.clone(sites.b_database)) as url:
        client = Client(url)
        spans = [client.post("/apply", {"customer": f"c{n}@bench.example", "points": 1}, 200) for n in range(SAMPLE)]
        client.close()
    return spans


def measure_spans(sites: TwoSites) -> list[float]:
    """Seconds, by polling both databases. The time that the shop's call takes does not count."""
    with closing(sites.a_database.connect()) as a, closing(sites.b_database.connect()) as b:
        visible = sites.a_database.sql(VISIBLE_SQL)
        client = Client(sites.a.url, sites.key)
        spans = []
        for number in range(SAMPLE):
            email = f"single{number}@bench.example"
            body = {"customer": email, "points": 1}
            call = threading.Thread(target=client.post, args=("/api/v1/movements", body))
            call.start()
            committed_at = wait_until_visible(a, visible, email)
            spans.append(wait_until_visible(b, visible, email) - committed_at)
            call.join()
        client.close()
    return spans


def wait_until_visible(connection: Any, query: str, email: str) -> float:
    """When the movement is visible. It polls often, and sleeps between to leave the processor to the sites."""
    began = perf_counter()
    while connection.execute(query, (email,)).fetchone() is None:
        assert perf_counter() - began < PATIENCE_SECONDS, f"{email} is not visible"
        sleep(POLL_SECONDS)
    return perf_counter()
