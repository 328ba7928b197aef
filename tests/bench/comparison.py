"""Comparing a million movements with another site: how soon differences are named and repaired, and what it costs."""

import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.bench import idle_cpu
from tests.bench.sizes import size
from tests.support.bulk_delivered import insert_delivered
from tests.support.family import Member
from tests.support.process import SiteProcess, wait_until

MOVEMENTS = int(os.environ.get("POINTSYNC_BENCH_MOVEMENTS", size(1_000_000, quick=1_000)))
CUSTOMERS = max(MOVEMENTS // 100, 1)
RATE_SECONDS = size(10, quick=1)
"""How long the rate of recording is measured before anything differs."""


def run() -> dict[str, Any]:
    """All figures; the sites are real processes."""
    with tempfile.TemporaryDirectory() as folder, _two_stopped_sites(Path(folder)) as (a, b):
        insert_delivered(a.site, b.site, MOVEMENTS, CUSTOMERS)
        figures = {"movements": MOVEMENTS, **_measure_digesting(a, b), **_measure_differences(a, b)}
        b.site.kill()
        figures |= idle_cpu.measure_scrub(a)
    return figures | idle_cpu.measure_pings()


@contextmanager
def _two_stopped_sites(folder: Path) -> Iterator[tuple[Member, Member]]:
    """Two sites that list each other, stopped."""
    with SiteProcess(folder / "a") as first, SiteProcess(folder / "b") as second:
        a, b = Member("a", first), Member("b", second)
        for member, other in ((a, b), (b, a)):
            assert member.list_other(other)["ping"]["ok"]
            # Otherwise a ping that fails while the other site starts keeps it orange for a week.
            member.site.cli("setting", "set", "warning_days", "0")
        for site in (first, second):
            site.terminate()
        yield a, b


def _measure_digesting(a: Member, b: Member) -> dict[str, Any]:
    """How long both sites need to digest all movements, both at the same time, and until they are known to be equal."""
    began, seconds = perf_counter(), {}
    for member in (a, b):
        member.site.start()
    for name, member in (("sender", a), ("receiver", b)):
        wait_until(lambda m=member: m.rows("SELECT undigested_seq FROM site") == [(None,)], 1800, "all are digested")
        seconds[f"digesting old movements, {name}, s"] = round(perf_counter() - began, 1)
    wait_until(lambda: a.status_for(b) == "green" and "Equal" in _status_text(a), 120, "A shows that both are equal")
    return seconds


def _status_text(member: Member) -> str:
    [(text,)] = member.rows("SELECT status_text FROM remote")
    return str(text)


def _measure_differences(a: Member, b: Member) -> dict[str, Any]:
    """Make three movements differ while A records, and measure how soon A names them and the missing one is back."""
    [*chosen] = a.rows("SELECT id FROM movement WHERE seq IN (?, ?, ?) ORDER BY seq", *_spread(MOVEMENTS))
    missing, altered, unknown = (movement_id for (movement_id,) in chosen)
    with record_continuously(a) as counts:
        threading.Event().wait(RATE_SECONDS)
        rate_before = counts["movements"] / RATE_SECONDS
        began, count_before = perf_counter(), counts["movements"]
        _edit(b, "DELETE FROM movement WHERE id = ?", missing)
        _edit(b, "UPDATE movement SET points = 1000 WHERE id = ?", altered)
        _edit(a, "DELETE FROM movement WHERE id = ?", unknown)
        named = {(altered, "altered_there"), (unknown, "unknown_here")}
        wait_until(lambda: _named(a, missing) == named, 600, "A names all three")
        seconds_named = perf_counter() - began
        wait_until(lambda: b.rows("SELECT 1 FROM movement WHERE id = ?", missing), 600, "the missing one is back")
        seconds_repaired = perf_counter() - began
        rate_during = (counts["movements"] - count_before) / seconds_repaired
    return {
        "missing, altered and unknown named after, s": round(seconds_named, 1),
        "missing repaired after, s": round(seconds_repaired, 1),
        "recorded by one client before, movements/s": round(rate_before),
        "recorded by one client meanwhile, movements/s": round(rate_during),
    }


def _spread(count: int) -> tuple[int, int, int]:
    """Rows from the beginning, the middle and the end."""
    return count // 50, count // 2, count - count // 50


def _edit(member: Member, statement: str, movement_id: str) -> None:
    """Change the database as somebody with a database tool would."""
    with closing(sqlite3.connect(member.site.data_dir / "pointsync.db", isolation_level=None, timeout=30)) as database:
        assert database.execute(statement, (movement_id,)).rowcount == 1


def _named(member: Member, missing: str) -> set[tuple[str, str]] | None:
    """The differences that A shows; None while it has not found the missing movement, which it sends again."""
    found_missing = member.rows(
        "SELECT 1 FROM delivery JOIN movement ON seq = movement_seq WHERE movement.id = ? "
        "AND (state = 'pending' OR delivered_at > recorded_at)",
        missing,
    )
    return set(member.rows("SELECT movement_id, kind FROM difference")) if found_missing else None


@contextmanager
def record_continuously(member: Member) -> Iterator[dict[str, int]]:
    """Let one client record movements, one after the other; yield how many it has recorded so far."""
    counts, stopping = {"movements": 0}, threading.Event()

    def record() -> None:
        while not stopping.is_set():
            member.record(f"c{counts['movements'] % CUSTOMERS}@many.example", 1)
            counts["movements"] += 1

    thread = threading.Thread(target=record)
    thread.start()
    try:
        yield counts
    finally:
        stopping.set()
        thread.join()
