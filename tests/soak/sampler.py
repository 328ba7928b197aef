"""Samples of all remote lists: is a remote ever green although it differs, or although something waits for it?"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import permutations
from time import monotonic

from pointsync.sync.remotes.shown_status import STALE_AFTER
from pointsync.sync.remotes.status import GREEN
from pointsync.sync.site.settings import DEFINITIONS
from tests.soak.rows import Line, SiteReader, find_differences
from tests.soak.sites import SoakSite
from tests.soak.worker import Worker

LIMIT_SECONDS = 10.0
CHECK_SECONDS = DEFINITIONS["check_seconds"].default
"""The interval between two comparisons with each remote."""
ROLLBACK_LIMIT_SECONDS = CHECK_SECONDS + LIMIT_SECONDS
READING_SECONDS = 0.5
"""All rows are read again so often. They are also read before a sample is judged to be wrong."""
PAUSE_SECONDS = 0.03

Pair = tuple[str, str]
"""The Auths of two sites: whose list it is, and the other one; or the sender and the receiver of movements."""


@dataclass(slots=True)
class Seen:
    """Since when something has been there, on the monotonic clock."""

    since: float
    limit_seconds: float = LIMIT_SECONDS


@dataclass(slots=True)
class Failure:
    """Something that a remote was green with for too long: when that was seen last, and what the site knew first."""

    at: float
    age: float
    facts: str


class Sampler(Worker):
    """Reads the remote lists of all sites as often as it can, until `finish`."""

    def __init__(self, sites: list[SoakSite]) -> None:
        super().__init__("sampler")
        self.sample_count = 0
        """How often the lists of all sites were read."""
        self.reading_count = 0
        """How often the rows of all sites were read."""
        self.statuses: Counter[str] = Counter()
        """The statuses in all samples, by colour."""
        self.wrong_count = 0
        """How many samples were wrong."""
        self._failures: dict[tuple[Pair, str], Failure] = {}
        self.longest_green: dict[str, float] = {"difference": 0.0, "after a rollback": 0.0, "pending": 0.0}
        """The most seconds that something was there while the remote was green."""
        self._sites = {site.auth: site for site in sites}
        self._readers = {site.auth: SiteReader(site.database) for site in sites}
        self._lock = threading.Lock()
        self._differences: dict[tuple[Pair, str], Seen] = {}
        self._pending: dict[tuple[Pair, int], Seen] = {}
        self._stored: dict[Pair, tuple[str, float]] = {}
        self._rolled_back: set[str] = set()
        self._began = monotonic()
        self._read_at = 0.0

    def work(self) -> None:
        """Sample until `finish`."""
        while not self.stopping.wait(PAUSE_SECONDS):
            with self._lock:
                self._sample()

    def finish(self) -> None:
        """Stop, and close the files."""
        super().finish()
        for reader in self._readers.values():
            reader.close()

    @contextmanager
    def paused_for_rollback(self, auth: str) -> Iterator[None]:
        """Keep all files closed while a site's folder is replaced. From then on, its differences may last longer."""
        with self._lock:
            for reader in self._readers.values():
                reader.close()
            self._rolled_back.add(auth)
            yield

    def describe_failures(self) -> list[str]:
        """What was green for too long: each once, with the last time when it was seen."""
        return [
            f"at {each.at:.1f} s: {self._describe(pair)} is green with {what} for {each.age:.1f} s; when it was seen "
            f"first: {each.facts}"
            for (pair, what), each in self._failures.items()
        ]

    def difference_count(self) -> int:
        """How many movements differ between two sites now."""
        with self._lock:
            self._read_rows()
            return len(self._differences)

    def describe_differences(self, limit: int = 5) -> list[str]:
        """Some of the differences at the last reading."""
        return [f"{self._describe(pair)}: {movement_id}" for pair, movement_id in list(self._differences)[:limit]]

    def _sample(self) -> None:
        now = monotonic()
        shown = {}
        for auth, reader in self._readers.items():
            if not self._sites[auth].is_running:
                continue  # nobody can see the list of a site that does not answer
            lines, pending = reader.read_lines()
            for other, line in lines.items():
                shown[auth, other] = self._status_seen((auth, other), line, now)
                self._note_pending((auth, other), pending[other], now)
        self.sample_count += 1
        self.statuses.update(shown.values())
        if now - self._read_at > READING_SECONDS or self._find_failures(shown, now, only_look=True):
            self._read_rows()
        self.wrong_count += self._find_failures(shown, now)

    def _status_seen(self, pair: Pair, line: Line, now: float) -> str:
        """The status that people see. The site shows a stored one as out of date when it is too old."""
        stored_at, since = self._stored.get(pair, ("", now))
        if stored_at != line.stored_at:
            since = now
            self._stored[pair] = (line.stored_at, now)
        is_stale = now - since > STALE_AFTER.total_seconds()
        return "stale" if is_stale and line.status == GREEN else line.status

    def _note_pending(self, pair: Pair, delivery_ids: set[int], now: float) -> None:
        for key in [key for key in self._pending if key[0] == pair and key[1] not in delivery_ids]:
            del self._pending[key]
        for delivery_id in delivery_ids:
            self._pending.setdefault((pair, delivery_id), Seen(now))

    def _read_rows(self) -> None:
        """Read all rows, and note the differences: since when they are there, and which are over."""
        now = monotonic()
        holdings = {auth: reader.read_holdings() for auth, reader in self._readers.items()}
        found = {
            (pair, movement_id)
            for pair in permutations(holdings, 2)
            for movement_id in find_differences(holdings[pair[0]], pair[0], holdings[pair[1]], pair[1])
        }
        for key in self._differences.keys() - found:
            del self._differences[key]
        differing_sites = {auth for pair, _ in found for auth in pair}
        self._rolled_back &= differing_sites
        for key in found - self._differences.keys():
            is_rollback = self._rolled_back & set(key[0])
            self._differences[key] = Seen(now, ROLLBACK_LIMIT_SECONDS if is_rollback else LIMIT_SECONDS)
        self._read_at = now
        self.reading_count += 1

    def _find_failures(self, shown: dict[Pair, str], now: float, *, only_look: bool = False) -> bool:
        """Judge a sample. Return whether it is wrong; with `only_look`, only by what was read before."""
        is_wrong = False
        for pair, status in shown.items():
            if status != GREEN:
                continue
            for (difference_pair, movement_id), seen in self._differences.items():
                if set(difference_pair) == set(pair):
                    what = f"a difference in movement {movement_id} of {self._describe(difference_pair)}"
                    is_rollback = seen.limit_seconds > LIMIT_SECONDS
                    kind = "after a rollback" if is_rollback else "difference"
                    is_wrong |= self._judge(pair, kind, what, now, seen, only_look)
            for (pending_pair, delivery_id), seen in self._pending.items():
                if pending_pair == pair:
                    is_wrong |= self._judge(pair, "pending", f"delivery {delivery_id} pending", now, seen, only_look)
        return is_wrong

    def _judge(self, pair: Pair, kind: str, what: str, now: float, seen: Seen, only_look: bool) -> bool:
        age = now - seen.since
        is_wrong = age > seen.limit_seconds
        if not only_look:
            self.longest_green[kind] = max(self.longest_green[kind], round(age, 1))
            if is_wrong:
                failure = self._failures.get((pair, what))
                facts = failure.facts if failure else self._readers[pair[0]].describe(pair[1])
                self._failures[pair, what] = Failure(now - self._began, age, facts)
        return is_wrong

    def _describe(self, pair: Pair) -> str:
        return " → ".join(self._sites[auth].name for auth in pair)
