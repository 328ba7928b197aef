"""PostgreSQL's logical replication of the rows that PointSync has delivered, in the same run and on the same server."""

import threading
from contextlib import closing
from time import perf_counter, sleep
from typing import Any

from tests.bench.clients import percentile
from tests.bench.databases import POSTGRES, Database
from tests.bench.delivery import latency
from tests.bench.delivery.throughput import BACKLOG, CUSTOMERS, PATIENCE_SECONDS
from tests.bench.floors import commits, execute
from tests.bench.floors.bare_ledger import BareLedger
from tests.bench.output.figure import Figure
from tests.bench.sizes import size
from tests.bench.two_sites import measure_sending, record_backlog, resume_remote, two_sites

SAMPLE = size(300, quick=10)
POLL_SECONDS = 0.0002
NAME = "PostgreSQL's logical replication of the same rows"
FIRST_SQL = "SELECT 1 FROM movement LIMIT 1"


def run() -> list[Figure]:
    """The rate of a backlog, and the time from commit to visible of single movements."""
    with two_sites(POSTGRES, is_replicating=True) as sites:
        sites.a.cli("remote", "pause", "1")
        record_backlog(sites.a, sites.key, BACKLOG, CUSTOMERS)
        b = sites.b_database
        before, source, target = (
            commits.read_all(b, commits.RECEIVING),
            sites.databases.clone(b),
            sites.databases.clone(b),
        )
        rate = BACKLOG / measure_sending(sites.a_database, resume_remote(sites.a), PATIENCE_SECONDS)
        after = commits.read_all(b, commits.RECEIVING)
        spans = latency.measure_spans(sites)
        for site in (sites.a, sites.b):
            site.terminate()
        replicated_rate = _replicate(source, target, commits.receive(before, after))
        for model in commits.RECEIVING:
            execute.check(target, model, after[model])
        replicated_spans = _replicate_one_by_one(source, target)
    return [
        Figure(f"{BACKLOG:,} waiting, from A to B", rate, "movements/s", replicated_rate, NAME),
        *(
            Figure(
                f"commit on A to visible on B, idle, p{percent}",
                percentile(spans, percent),
                "ms",
                percentile(replicated_spans, percent),
                NAME,
                is_more_better=False,
            )
            for percent in (50, 99)
        ),
    ]


def _replicate(source: Database, target: Database, written: list[commits.Commit]) -> float:
    """Movements per second from the first batch that is visible to the last. They all wait when it begins."""
    tables = ", ".join(model.__tablename__ for model in commits.RECEIVING)
    source.execute(f"CREATE PUBLICATION bench FOR TABLE {tables}")
    source.rows("SELECT pg_create_logical_replication_slot('bench', 'pgoutput')")
    execute.measure(source, written)
    [(last_seq,)] = source.rows("SELECT max(seq) FROM movement")
    target.execute(
        f"CREATE SUBSCRIPTION bench CONNECTION '{source.place}' PUBLICATION bench "
        "WITH (create_slot = false, slot_name = 'bench', copy_data = false)"
    )
    with closing(target.connect()) as connection:
        _wait_for(connection, FIRST_SQL)
        began = perf_counter()
        [(first_count,)] = connection.execute("SELECT count(*) FROM movement").fetchall()
        _wait_for(connection, f"SELECT 1 FROM movement WHERE seq = {last_seq}")
        return (BACKLOG - first_count) / (perf_counter() - began)


def _replicate_one_by_one(source: Database, target: Database) -> list[float]:
    """Seconds from the commit to visible, for one movement at a time."""
    for table, column in (("customer", "id"), ("movement", "seq")):  # they were written with their numbers
        source.rows(f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) FROM {table}")
    ledger, query = BareLedger(source), target.sql(latency.VISIBLE_SQL)
    spans = []
    with closing(source.connect()) as writing, closing(source.connect()) as near, closing(target.connect()) as far:
        for number in range(SAMPLE):
            email = f"single{number}@bench.example"
            call = threading.Thread(target=ledger.receive, args=(writing, email, 1))
            call.start()
            committed_at = latency.wait_until_visible(near, query, email)
            spans.append(latency.wait_until_visible(far, query, email) - committed_at)
            call.join()
    return spans


def _wait_for(connection: Any, query: str) -> None:
    began = perf_counter()
    while connection.execute(query).fetchone() is None:
        assert perf_counter() - began < PATIENCE_SECONDS, query
        sleep(POLL_SECONDS)
