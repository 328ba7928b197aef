"""The memory of a site with a million deliveries waiting, while it delivers and answers."""

from time import monotonic, sleep

from tests.bench.output.figure import Figure
from tests.bench.site.many_rows import copy_movement
from tests.bench.sizes import size
from tests.bench.two_sites import TwoSites, record_movements, two_sites

WAITING = size(1_000_000, quick=2_000)
CUSTOMERS = size(10_000, quick=100)
SECONDS = size(30, quick=1)
PATHS = ("/api/v1/remotes", "/api/v1/customers/c7@many.example/movements?limit=200", "/healthz")


def run() -> list[Figure]:
    """The most that the process has taken since its start, beside the same site with nothing waiting."""
    with two_sites() as sites:
        sites.a.cli("remote", "pause", "1")
        record_movements(sites.a, sites.key, [{"customer": "c0@sample.example", "points": 1}])
        sites.a.restart()
        without = _use(sites)
        sites.a.terminate()
        copy_movement(sites.a_database, WAITING, CUSTOMERS)
        sites.a.start()
        sites.a.cli("remote", "resume", "1")
        most = _use(sites)
        [(left,)] = sites.a_database.rows("SELECT count(*) FROM delivery WHERE state = 'pending'")
    return [
        Figure(
            f"a site with {WAITING:,} deliveries waiting",
            most,
            "MB",
            without,
            "the same site, nothing waiting",
            is_more_better=False,
            note=f"it delivered {WAITING + 1 - left:,} of them in {SECONDS} s",
        )
    ]


def _use(sites: TwoSites) -> float:
    """Ask for pages for a while; the most memory in MB."""
    until = monotonic() + SECONDS
    while monotonic() < until:
        for path in PATHS:
            sites.a.api("GET", path, key=sites.key)
        sleep(0.1)
    return sites.a.most_mb()
