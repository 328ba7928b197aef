"""A customer with 100,000 movements is renamed, merged, unmerged and erased, while another thread records."""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.people import people
from pointsync.ledger.people.erasure import cleaning, erasures, known_movements
from pointsync.ledger.people.erasure.known_movements import KnownMovements
from pointsync.ledger.record import Draft, record
from pointsync.models import Customer, Movement, Site
from tests.bench.sizes import size
from tests.support.apps import create_application, create_site, open_context
from tests.support.bulk_rows import insert_rows
from tests.support.postgres import Cluster

MOVEMENTS = size(100_000, quick=500)
ROUNDS = size(20, quick=1)
PAUSE_SECONDS = 0.15
"""Between two changes, so that what is recorded at the same time and what is recorded between them can be compared."""
NEW = "new@shop.example"


def run() -> dict[str, Any]:
    """Milliseconds of each change, and how long a recording for another customer takes meanwhile."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        figures |= _run_on("SQLite", f"sqlite:///{name}/pointsync.db", Path(name))
    with Cluster(fsync=True) as cluster, tempfile.TemporaryDirectory() as name:
        figures |= _run_on("PostgreSQL", cluster.create_database(), Path(name))
    return figures


def _run_on(label: str, url: str, folder: Path) -> dict[str, Any]:
    app = create_application(url, folder)
    with open_context(app):
        db.upgrade()
        create_site()
        with db.transaction() as session:
            for _ in range(2):
                insert_rows(session, customers=1, movements=MOVEMENTS)
            session.execute(update(Movement).values(digest=1))  # theirs would take long to compute
            session.execute(update(Site).values(undigested_seq=None))
            emails = tuple(session.scalars(select(Customer.email).order_by(Customer.id)))
        with _Recorder(app) as recorder:
            spans = _change(*emails, recorder)
        assert not find_balance_differences(db.session())
    figures: dict[str, Any] = {
        f"{label}, {name}": f"{_describe(changes)}; a recording meanwhile {_describe(recordings)}"
        for name, (changes, recordings) in spans.items()
    }
    return figures | {f"{label}, recordings at rest": _describe(recorder.at_rest)}


def _change(first: str, second: str, recorder: "_Recorder") -> dict[str, tuple[list[float], list[float]]]:
    """The milliseconds of each change, and of the recordings at the same time."""
    spans: dict[str, tuple[list[float], list[float]]] = {}

    numbers: list[int] = []

    def time(name: str, operation: Callable[[Session], object], pause_seconds: float = PAUSE_SECONDS) -> None:
        sleep(pause_seconds)
        began = perf_counter()
        db.run_in_transaction(operation)
        ended = perf_counter()
        changes, recordings = spans.setdefault(name, ([], []))
        changes.append((ended - began) * 1000)
        recordings += recorder.take(began, ended, pause_seconds)

    shown, other = first, NEW
    for _ in range(ROUNDS):
        time("rename", lambda session, to=other, email=shown: people.rename(session, email, to, clock.now()))
        shown, other = other, shown
        time("merge", lambda session, email=shown: people.merge(session, email, second, clock.now()))
        time("unmerge", lambda session, email=shown: people.unmerge_address(session, email, clock.now()))
    for each in (shown, second):
        known = known_movements.read(db.session(), each)
        db.session.remove()
        time("erase", lambda session, email=each, known=known: _erase(session, email, known, numbers))
    for number in numbers:
        while True:
            is_more = False

            def clean(session: Session, number: int = number) -> None:
                nonlocal is_more
                is_more = cleaning.clean_next_part(session, number)

            time("a part of the cleaning", clean, pause_seconds=0.005)
            if not is_more:
                break
    return spans


def _erase(session: Session, email: str, known: KnownMovements, numbers: list[int]) -> None:
    numbers.append(erasures.erase(session, email, "bench", clock.now(), known).id)


class _Recorder:
    """Records for another customer all the time, and remembers how long each recording took."""

    def __init__(self, app: Flask) -> None:
        self._app, self._is_stopped = app, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._spans: list[tuple[float, float]] = []
        self.at_rest: list[float] = []

    def __enter__(self) -> "_Recorder":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_stopped.set()
        self._thread.join()
        self.at_rest += [(ended - began) * 1000 for began, ended in self._spans]

    def take(self, began: float, ended: float, pause_seconds: float) -> list[float]:
        """Milliseconds of the recordings that were under way between these times. The others were at rest."""
        sleep(pause_seconds)
        spans, self._spans = self._spans, []
        during = [each for each in spans if each[0] < ended and each[1] > began]
        self.at_rest += [(end - start) * 1000 for start, end in spans if (start, end) not in during]
        return [(end - start) * 1000 for start, end in during]

    def _run(self) -> None:
        with self._app.app_context():
            while not self._is_stopped.is_set():
                began = perf_counter()
                db.run_in_transaction(
                    lambda session: record(session, [Draft("else@shop.example", 1)], "bench", clock.now())
                )
                self._spans.append((began, perf_counter()))
                sleep(0.001)


def _describe(spans_ms: list[float]) -> str:
    ordered = sorted(spans_ms)
    return f"{ordered[len(ordered) // 2]:.1f} ms (at most {ordered[-1]:.1f} ms)" if ordered else "none"
