"""Time from the commit on one site to visible on the other: one movement at a time, on two idle sites."""

import sqlite3
from time import perf_counter
from typing import Any

from tests.bench.two_sites import record_movements, two_sites, wait_until_sent

SAMPLE = 200
PATIENCE_SECONDS = 10
VISIBLE_SQL = "SELECT count(*) FROM customer JOIN balance ON customer_id = customer.id WHERE email = ?"


def run() -> dict[str, Any]:
    """Median and 99th percentile in milliseconds, measured by polling B's database."""
    spans_ms = []
    with two_sites() as (a, b, key):
        record_movements(a, key, [{"customer": "warm@bench.example", "points": 1}])
        wait_until_sent(a, 30)
        watcher = sqlite3.connect(f"file:{b.data_dir}/pointsync.db?mode=ro", uri=True)
        try:
            for number in range(SAMPLE):
                email = f"c{number}@bench.example"
                record_movements(a, key, [{"customer": email, "points": 1}])
                began = perf_counter()
                while not watcher.execute(VISIBLE_SQL, (email,)).fetchone()[0]:
                    assert perf_counter() - began < PATIENCE_SECONDS, f"{email} never reached B"
                spans_ms.append((perf_counter() - began) * 1000)
        finally:
            watcher.close()
    spans_ms.sort()
    return {
        "movements": SAMPLE,
        "p50 ms": round(spans_ms[SAMPLE // 2], 1),
        "p99 ms": round(spans_ms[SAMPLE * 99 // 100], 1),
    }
