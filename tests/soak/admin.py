"""The admins: they look at what the sites ask them, and follow the manual's procedures."""

import sqlite3
from collections import Counter
from contextlib import closing
from time import monotonic
from typing import Any

from tests.soak.sites import SoakSite
from tests.soak.worker import Worker

PAUSE_SECONDS = 1.0
DECIDES_AFTER_SECONDS = 15
"""So long a difference is only shown, before somebody decides about it."""
CONFIRMS_AFTER_SECONDS = 3
"""The manual asks to wait a few seconds before confirming a restore."""
CHOICES = {"altered_there": "here", "altered_here": "there", "unknown_here": "there"}
"""The side that holds what its origin recorded, so that no points change."""


class Admin(Worker):
    """Decides about differences, and confirms restores, on all sites until `finish`."""

    def __init__(self, sites: list[SoakSite]) -> None:
        super().__init__("admin")
        self.counts: Counter[str] = Counter()
        self._sites = sites
        self._seen: dict[object, float] = {}

    def work(self) -> None:
        """Look at each site again and again."""
        while not self.stopping.wait(PAUSE_SECONDS):
            for site in self._sites:
                with site.lock:  # nobody can use a site that is stopped or frozen
                    self._look(site)

    def _look(self, site: SoakSite) -> None:
        if self._is_seen_for(CONFIRMS_AFTER_SECONDS, site, self._query(site, "SELECT hold FROM site WHERE hold > ''")):
            site.process.cli("confirm", "restored")
            self.counts["confirmed as restored"] += 1
            return
        for row in self._query(site, "SELECT remote_id, movement_id, kind FROM difference"):
            if self._is_seen_for(DECIDES_AFTER_SECONDS, site, [row]):
                remote_id, movement_id, kind = row
                done = site.process.run("remote", "decide", str(remote_id), movement_id, CHOICES[kind])
                self.counts["decided" if done.returncode == 0 else "decisions refused, and repeated"] += 1

    def _is_seen_for(self, seconds: float, site: SoakSite, rows: list[Any]) -> bool:
        """Whether a question has been there for so long."""
        since = self._seen.setdefault((site.name, *rows), monotonic()) if rows else None
        return since is not None and monotonic() - since > seconds

    def _query(self, site: SoakSite, sql: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{site.database}?mode=ro", uri=True, timeout=5)) as database:
            return database.execute(sql).fetchall()
