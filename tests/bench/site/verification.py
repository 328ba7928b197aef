"""`pointsync verify` on many movements, beside bare sums and one hash of each movement."""

from contextlib import closing
from hashlib import blake2b
from time import perf_counter

from tests.bench.databases import SQLITE, Database, open_databases
from tests.bench.output.figure import Figure
from tests.bench.site.many_rows import copy_movement
from tests.bench.sizes import size
from tests.bench.two_sites import record_movements

MOVEMENTS = size(1_000_000, quick=2_000)
CUSTOMERS = size(10_000, quick=100)
PATIENCE_SECONDS = 600
SUMS = (
    "SELECT customer_id, reserve_id, sum(points) FROM movement GROUP BY 1, 2",
    "SELECT substr(at, 1, 13), origin, reserve_id, kind, count(*), sum(points) FROM movement GROUP BY 1, 2, 3, 4",
)
READ_SQL = "SELECT movement.id, points, email FROM movement JOIN customer ON customer.id = customer_id ORDER BY seq"


def run() -> list[Figure]:
    """The whole command, with its start."""
    with open_databases(SQLITE) as databases, databases.new_site("site") as site:
        key = site.cli("key", "create", "bench")["key"]
        record_movements(site, key, [{"customer": "c0@sample.example", "points": 1}])
        site.terminate()
        copy_movement(databases.of(site), MOVEMENTS, CUSTOMERS)
        began = perf_counter()
        found = site.cli("verify", timeout_seconds=PATIENCE_SECONDS)
        seconds = perf_counter() - began
        assert found["ok"], found
        floor = _measure_floor(databases.of(site))
    return [
        Figure(
            f"verify {MOVEMENTS:,} movements",
            MOVEMENTS / seconds,
            "movements/s",
            MOVEMENTS / floor,
            "bare sums and one hash each",
        )
    ]


def _measure_floor(database: Database) -> float:
    with closing(database.connect()) as connection:
        began = perf_counter()
        for query in SUMS:
            connection.execute(query).fetchall()
        total = 0
        for movement_id, points, email in connection.execute(READ_SQL):
            content = f"{movement_id}:{points}:{email}".encode()
            total += int.from_bytes(blake2b(content, digest_size=16).digest())
        return perf_counter() - began
