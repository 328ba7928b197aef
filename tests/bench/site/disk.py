"""Bytes on disk for each movement and each delivery, on the site that records and on the one that receives."""

from contextlib import closing
from typing import Any

from tests.bench.databases import Database
from tests.bench.output.figure import Figure
from tests.bench.sizes import size
from tests.bench.two_sites import record_backlog, two_sites, wait_until_sent

MOVEMENTS = size(50_000, quick=1_000)
CUSTOMERS = size(5_000, quick=100)
PATIENCE_SECONDS = 300
SIZE_SQL = "SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = ?)"


def run() -> list[Figure]:
    """Each table with its indexes, beside the same values in a table without indexes; and the whole files."""
    with two_sites() as sites:
        sites.a.cli("remote", "pause", "1")
        record_backlog(sites.a, sites.key, MOVEMENTS, CUSTOMERS, reason="Order 1001")
        waiting = _measure(sites.a_database, "delivery", "a delivery that waits")
        sites.a.cli("remote", "resume", "1")
        wait_until_sent(sites.a_database, PATIENCE_SECONDS)
        for site in (sites.a, sites.b):
            site.terminate()
        return [
            _measure(sites.a_database, "movement", "a movement, recorded here"),
            _measure(sites.b_database, "movement", "a movement, received"),
            waiting,
            _measure(sites.a_database, "delivery", "a delivery that is delivered"),
            _measure_file(sites.a_database, "all of the sender's file, for each movement"),
            _measure_file(sites.b_database, "all of the receiver's file, for each movement"),
        ]


def _measure(database: Database, table: str, name: str) -> Figure:
    """Bytes of a table and its indexes for each row; the floor has the same rows in the order of their numbers."""
    with closing(database.connect()) as connection:
        rows, taken = _count(connection, table), connection.execute(SIZE_SQL, (table,)).fetchone()[0]
        connection.execute("ATTACH '' AS bare")  # a file of its own that nobody keeps
        connection.execute(f"CREATE TABLE bare.bare AS SELECT * FROM {table}")
        [pages] = connection.execute("SELECT sum(pgsize) FROM dbstat('bare') WHERE name = 'bare'").fetchone()
    return Figure(name, taken / rows, "bytes", pages / rows, "the same values without indexes", is_more_better=False)


def _measure_file(database: Database, name: str) -> Figure:
    with closing(database.connect()) as connection:
        [taken] = connection.execute(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        ).fetchone()
        return Figure(name, taken / _count(connection, "movement"), "bytes", is_more_better=False)


def _count(connection: Any, table: str) -> int:
    [count] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)
