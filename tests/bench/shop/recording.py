"""Recording by the shop API: one at a time, 16 at once, and lists of 1,000; beside a bare Flask view."""

from time import perf_counter

from tests.bench.clients import percentile, record_at_once, record_in_turn
from tests.bench.databases import POSTGRES, SQLITE
from tests.bench.floors import commits, coverage, execute
from tests.bench.floors.bare_server import run_bare_server
from tests.bench.output.figure import Figure
from tests.bench.sizes import size
from tests.bench.two_sites import TwoSites, record_backlog, record_movements, two_sites, wait_until_sent

IN_TURN = size(500, quick=20)
AT_ONCE = 16
SAMPLE = size(2_000, quick=64)
IN_LISTS = size(50_000, quick=2_000)
CUSTOMERS = size(5_000, quick=500)
VIEW = "a bare Flask view on waitress, same statements"
PATIENCE_SECONDS = 300


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
        with run_bare_server(sites.databases.clone(sites.a_database)) as url:
            floor_spans = record_in_turn(url, sites.key, IN_TURN)
            floor_rate = record_at_once(url, sites.key, SAMPLE, AT_ONCE)
        sites.a.cli("remote", "pause", "1")
        spans = record_in_turn(sites.a.url, sites.key, IN_TURN)
        rate = record_at_once(sites.a.url, sites.key, SAMPLE, AT_ONCE)
        lists = _measure_lists(sites)
        sites.a.cli("remote", "resume", "1")
        wait_until_sent(sites.a_database, PATIENCE_SECONDS)
        rate_while_delivering = record_at_once(sites.a.url, sites.key, SAMPLE, AT_ONCE)
    return [
        *(
            Figure(
                f"one at a time, p{percent}",
                percentile(spans, percent),
                "ms",
                percentile(floor_spans, percent),
                VIEW,
                is_more_better=False,
            )
            for percent in (50, 99)
        ),
        Figure(f"{AT_ONCE} at once, remote paused", rate, "recordings/s", floor_rate, VIEW),
        Figure(f"{AT_ONCE} at once, each delivered at once", rate_while_delivering, "recordings/s", floor_rate, VIEW),
        lists,
    ]


def _measure_lists(sites: TwoSites) -> Figure:
    """Lists of 1,000, beside the bare writes of their rows without any HTTP."""
    database = sites.a_database
    before, counts, clone = (
        commits.read_all(database, commits.RECORDING),
        coverage.count_rows(database),
        sites.databases.clone(database),
    )
    began = perf_counter()
    record_backlog(sites.a, sites.key, IN_LISTS, CUSTOMERS)
    rate = IN_LISTS / (perf_counter() - began)
    coverage.check(counts, database, commits.RECORDING)
    after = commits.read_all(database, commits.RECORDING)
    seconds = execute.measure(clone, commits.record(before, after))
    for model in (commits.Movement, commits.Balance, commits.Delivery):
        execute.check(clone, model, after[model])
    floor_name = f"the same rows, bare {database.kind}, no HTTP"
    return Figure("lists of 1,000", rate, "movements/s", IN_LISTS / seconds, floor_name)
