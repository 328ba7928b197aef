"""The processor time of a quiet site: of the scrub, and of the pings of ten remotes."""

import os
import sqlite3
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from pointsync.sync.site.settings import DEFINITIONS
from tests.bench.sizes import size
from tests.support.family import Member
from tests.support.process import SiteProcess, wait_until

SECONDS = int(os.environ.get("POINTSYNC_BENCH_IDLE_SECONDS", size(60, quick=1)))
REMOTES = size(10, quick=1)
UTIME, STIME = 11, 12
"""Fields of `/proc/<pid>/stat` after the command's name (proc(5))."""


def measure_scrub(site: Member) -> dict[str, Any]:
    """The share of a core that the scrub takes on a site whose only remote is paused."""
    site.site.cli("remote", "pause", "1")
    _write(site, "UPDATE site SET scrubbed_seq = 0, scrub_started_at = :now, scrub_finished_at = :now")
    without = _cpu_percent(site.site)
    _write(site, "UPDATE site SET scrubbed_seq = 0, scrub_started_at = NULL, scrub_finished_at = NULL")
    scrubbing = _cpu_percent(site.site)
    [(scrubbed, last_seq)] = site.rows("SELECT scrubbed_seq, (SELECT max(seq) FROM movement) FROM site")
    before = _cpu_seconds(site.site)
    _write(site, "UPDATE site SET scrubbed_seq = (SELECT max(seq) FROM movement)")
    wait_until(lambda: site.rows("SELECT scrub_finished_at FROM site") != [(None,)], 300, "the scrub ends")
    return {
        "quiet site without the scrub, % of a core": without,
        "quiet site during the scrub, % of a core": scrubbing,
        "the scrub, % of a core": round(scrubbing - without, 2),
        f"movements scrubbed in {SECONDS} s": scrubbed,
        f"the check of all sums at the end, {last_seq:,} movements, CPU s": round(_cpu_seconds(site.site) - before, 1),
    }


def measure_pings() -> dict[str, Any]:
    """The share of a core that the pings of ten remotes take, each once in 15 seconds, and as often as by default.

    The remotes are ten reserves of one other site: for the site that pings, that is as much work as ten sites.
    """
    figures = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        SiteProcess(Path(folder) / "a") as first,
        SiteProcess(Path(folder) / "b") as second,
    ):
        a, b = Member("a", first), Member("b", second)
        for number in range(REMOTES):
            for member in (a, b):
                member.site.cli("reserve", "add", f"r{number}")
            line = ("--sharing-key", b.sharing_key, "--url", second.url)
            added = first.cli("remote", "add", *line, "--target", f"r{number}", "--observed", f"r{number}")
            assert added["ping"]["ok"], added
        _write(a, "UPDATE remote SET paused_at = :now")
        paused = _cpu_percent(first)
        figures[f"site with {REMOTES} remotes, all paused, % of a core"] = paused
        _write(a, "UPDATE remote SET paused_at = NULL")
        for seconds in (DEFINITIONS["check_seconds"].default, 15):
            first.cli("setting", "set", "check_seconds", str(seconds))
            pinging = _cpu_percent(first)
            figures[f"the same, pinged each {seconds} s, % of a core"] = pinging
            figures[f"the pings each {seconds} s, % of a core"] = round(pinging - paused, 2)
    return figures


def _write(member: Member, statement: str) -> None:
    with closing(sqlite3.connect(member.site.data_dir / "pointsync.db", isolation_level=None, timeout=30)) as database:
        database.execute(statement, {"now": database.execute("SELECT datetime('now')").fetchone()[0]})


def _cpu_percent(site: SiteProcess) -> float:
    """The processor time of a running site in percent of one core, over `SECONDS`."""
    before = _cpu_seconds(site)
    threading.Event().wait(SECONDS)
    return round((_cpu_seconds(site) - before) / SECONDS * 100, 2)


def _cpu_seconds(site: SiteProcess) -> float:
    assert site.process, "not started"
    fields = Path(f"/proc/{site.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[UTIME]) + int(fields[STIME])) / os.sysconf("SC_CLK_TCK")
