"""Time and queries of the panel's pages and the shop API, with ten thousand to a million movements."""

import html
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from flask import Flask

from pointsync import clock, db
from pointsync.accounts import admins, api_keys
from tests.bench.sizes import is_quick, size
from tests.support.bulk_rows import insert_rows
from tests.support.panel_client import NAME, PASSWORD, PanelClient
from tests.support.queries import record_queries
from tests.support.site_template import open_site

SIZES = [(count, count // 10) for count in ((1_000, 2_000) if is_quick() else (10_000, 100_000, 1_000_000))]
"""The numbers of movements and customers."""
REMOTES = 3
ROUNDS = size(15, quick=1)
PAGES = {
    "Dashboard": "/",
    "Points Sync.": "/system/points-sync",
    "Network": "/system/network",
    "Activity": "/system/activity",
    "Activity, refused": "/system/activity?state=failed",
    "Activity, one remote": "/system/activity?remote=1",
    "Activity, a customer": "/system/activity?customer=a1@many.example",
    "Customers by e-mail": "/customers?size=80",
    "Customers by points": "/customers?order=-points&size=80",
    "Customers, search": "/customers?q=b",
    "Customer's history": "/customers/1",
    "API: history": "/api/v1/customers/a1@many.example/movements?limit=200",
    "API: customer": "/api/v1/customers/a1@many.example",
}
NEXT = re.compile(r'href="([^"]+)"[^>]*rel="next"')


def run() -> dict[str, Any]:
    """Milliseconds (median) and queries for each page at each size, and the ratio of the largest to the smallest."""
    figures: dict[str, list[tuple[float, int]]] = {}
    for movements, customers in SIZES:
        with _site(movements, customers) as (app, visitor, key):
            for name, path in _pages(visitor):
                figures.setdefault(name, []).append(_measure(app, visitor, path, key))
    return {
        name: " | ".join(f"{ms:.1f} ms, {queries} queries" for ms, queries in found)
        + f" | × {found[-1][0] / found[0][0]:.2f}"
        for name, found in figures.items()
    }


@contextmanager
def _site(movements: int, customers: int) -> Iterator[tuple[Flask, PanelClient, str]]:
    with tempfile.TemporaryDirectory() as folder, open_site(Path(folder)) as app:
        with app.app_context():
            now = clock.now()
            db.run_in_transaction(lambda session: admins.create(session, NAME, PASSWORD, now))
            _, key = db.run_in_transaction(lambda session: api_keys.create(session, "bench", now))
            with db.transaction() as session:
                insert_rows(session, customers=customers, remotes=REMOTES)
                insert_rows(session, movements=movements, now=now)
                session.connection().exec_driver_sql("ANALYZE")
        visitor = PanelClient(app)
        visitor.sign_in()
        yield app, visitor, key


def _pages(visitor: PanelClient) -> list[tuple[str, str]]:
    """Each page, and the second page of lists."""
    pages = []
    for name, path in PAGES.items():
        pages.append((name, path))
        if not path.startswith("/api") and (found := NEXT.search(visitor.get(path).text)):
            pages.append((f"{name}, next page", html.unescape(found[1])))
    return pages


def _measure(app: Flask, visitor: PanelClient, path: str, key: str) -> tuple[float, int]:
    headers = {"Authorization": f"Bearer {key}"} if path.startswith("/api") else {}
    spans_ms = []
    for _ in range(ROUNDS):
        began = perf_counter()
        answer = visitor.get(path, headers=headers)
        spans_ms.append((perf_counter() - began) * 1000)
        assert answer.status_code == 200, (path, answer.status_code)
    with app.app_context(), record_queries() as queries:
        visitor.get(path, headers=headers)
    return median(spans_ms), len(queries)
