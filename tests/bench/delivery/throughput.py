"""Movements per second from one site to another, beside the bare writes of either side."""

from tests.bench.databases import POSTGRES, SQLITE
from tests.bench.delivery import apply_alone
from tests.bench.floors import commits, coverage, execute
from tests.bench.output.figure import Figure
from tests.bench.sizes import size
from tests.bench.two_sites import TwoSites, measure_sending, record_backlog, resume_remote, two_sites

BACKLOG = size(100_000, quick=2_000)
CUSTOMERS = size(5_000, quick=500)
PATIENCE_SECONDS = 600


def run() -> list[Figure]:
    """On SQLite; also the receiving transaction alone, and one call for each movement."""
    with two_sites(SQLITE) as sites:
        figures = measure(sites)
        bare, single = apply_alone.measure(BACKLOG, CUSTOMERS), apply_alone.measure_one_call_each(sites.b)
    floor = figures[0].floor
    return [
        *figures,
        Figure("the receiving transaction alone, no HTTP", bare, "movements/s", floor, figures[0].floor_name),
        Figure("A to B in batches", figures[0].value, "movements/s", single, "one POST for each movement"),
    ]


def run_on_postgres() -> list[Figure]:
    """On PostgreSQL."""
    with two_sites(POSTGRES) as sites:
        return measure(sites)


def measure(sites: TwoSites) -> list[Figure]:
    """The rate from A to B with a backlog, and the two floors of exactly these rows."""
    a, b = sites.a_database, sites.b_database
    sites.a.cli("remote", "pause", "1")
    record_backlog(sites.a, sites.key, BACKLOG, CUSTOMERS)
    sender, receiver = commits.read_all(a, commits.SENDING), commits.read_all(b, commits.RECEIVING)
    copies = sites.databases.clone(a), sites.databases.clone(b)
    counts = coverage.count_rows(a), coverage.count_rows(b)
    elapsed = measure_sending(a, resume_remote(sites.a), PATIENCE_SECONDS)
    assert sites.b.cli("verify", timeout_seconds=PATIENCE_SECONDS)["ok"]
    coverage.check(counts[0], a, commits.SENDING)
    coverage.check(counts[1], b, commits.RECEIVING)

    after = commits.read_all(a, commits.SENDING), commits.read_all(b, commits.RECEIVING)
    sending = execute.measure(copies[0], commits.send(sender, after[0]))
    receiving = execute.measure(copies[1], commits.receive(receiver, after[1]))
    execute.check(copies[0], commits.Delivery, after[0][commits.Delivery])
    for model in commits.RECEIVING:
        execute.check(copies[1], model, after[1][model])
    name, rate, kind = f"{BACKLOG:,} waiting, from A to B", BACKLOG / elapsed, sites.databases.kind
    return [
        Figure(name, rate, "movements/s", BACKLOG / receiving, f"the receiving side's rows, bare {kind}"),
        Figure(f"{name}, both sides", rate, "movements/s", BACKLOG / (sending + receiving), "both sides' rows in turn"),
    ]
