"""The shop's own `POST /movements` while the site is busy: the 99th percentile, beside that of an idle site."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from tests.bench.clients import Client, SteadyLoad, percentile, repeat, repeat_until
from tests.bench.output.figure import Figure
from tests.bench.sizes import size
from tests.bench.two_sites import PENDING_SQL, TwoSites, list_remote, record_backlog, resume_remote, two_sites

BACKLOG = size(100_000, quick=2_000)
CUSTOMERS = 5_000
SAMPLE = size(500, quick=20)
PER_SECOND = 200
AT_ONCE = 16
PAUSE_SECONDS = 0.01
"""Between two of the shop's calls, which are one after the other."""


def run() -> list[Figure]:
    """Alone, while others record 200 a second, and while the site delivers and receives 100,000 at the same time."""
    with two_sites() as sites:
        list_remote(sites.b, sites.a)
        key = sites.b.cli("key", "create", "bench")["key"]
        for site in (sites.a, sites.b):
            site.cli("remote", "pause", "1")
        client = Client(sites.a.url, sites.key)
        with closing(client):
            client.record(0)
            alone = repeat(client.record, SAMPLE, PAUSE_SECONDS)
            with SteadyLoad(sites.a.url, sites.key, PER_SECOND, AT_ONCE) as pace:
                busy = repeat(client.record, SAMPLE, PAUSE_SECONDS)
            _record_backlogs(sites, key)
            moving = _measure_while_moving(sites, client)
    name = f"while it delivers and receives {BACKLOG:,}"
    return [
        *(_figure(f"while {PER_SECOND} a second are recorded", busy, alone, percent) for percent in (50, 99)),
        Figure(
            f"{PER_SECOND} a second, recorded meanwhile", pace.rate, "recordings/s", PER_SECOND, "what was asked for"
        ),
        *(_figure(name, moving, alone, percent) for percent in (50, 99)),
    ]


def _figure(name: str, spans: list[float], alone: list[float], percent: int) -> Figure:
    value, floor = percentile(spans, percent), percentile(alone, percent)
    note = f"{len(spans):,} calls"
    return Figure(f"{name}, p{percent}", value, "ms", floor, "the same on the idle site", False, note)


def _record_backlogs(sites: TwoSites, key_of_b: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        recording = [
            pool.submit(record_backlog, site, key, BACKLOG, CUSTOMERS)
            for site, key in ((sites.a, sites.key), (sites.b, key_of_b))
        ]
        for each in recording:
            each.result()


def _measure_while_moving(sites: TwoSites, client: Client) -> list[float]:
    """The shop's calls from the moment when both sites may send until one of them has sent everything."""
    with closing(sites.a_database.connect()) as a, closing(sites.b_database.connect()) as b:
        with ThreadPoolExecutor(2) as pool:
            for resuming in [pool.submit(resume_remote(site)) for site in (sites.a, sites.b)]:
                resuming.result()
        return repeat_until(
            client.record, lambda: any(each.execute(PENDING_SQL).fetchone() is None for each in (a, b)), PAUSE_SECONDS
        )
