"""The three sites of a soak: real processes, each behind a network that interferes, and with a clock that can jump."""

import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from tests.support.family import Member
from tests.support.faulty_proxy import FaultyProxy
from tests.support.process import SiteProcess

NAMES = ("a", "b", "c")
SETTINGS = {"warning_days": "0", "delay_seconds": "1", "max_attempts": "1000"}
"""So that a remote is green again as soon as it works again, and is called again soon: otherwise nearly all samples
would be orange, and would show nothing."""
FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
HOOK_SECRET = "soak-secret"


class SoakSite:
    """A site, what is between it and the others, and its clock."""

    def __init__(self, name: str, folder: Path, seed: str) -> None:
        self.name = name
        self.folder = folder / name
        self.lock = threading.Lock()
        """Held by what stops, freezes or edits the site."""
        self.is_running = False
        """Whether its process can answer."""
        self._clock_file = folder / f"{name}.clock"
        self.set_clock(0)
        self.process = SiteProcess(self.folder, env={"POINTSYNC_SITE_NAME": name} | self._clock_env())
        if FAKETIME:
            self.process.is_forked = False  # a forked process has not loaded libfaketime
        self.proxy = FaultyProxy(self.process.port, f"{seed}-{name}")

    def _clock_env(self) -> dict[str, str]:
        """The environment in which libfaketime moves the clock, but not the monotonic one."""
        if not FAKETIME:
            return {}
        return {
            "LD_PRELOAD": str(FAKETIME[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock_file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # with it, every thread that waits is busy
        }

    def connect(self) -> None:
        """Get what the shop needs from the running site: its Auth, an API key and a hook."""
        self.member = Member(self.name, self.process)
        self.auth, self.key = self.member.auth, self.member.key
        hook = ("hook", "add", "shop", "--secret", HOOK_SECRET, "--reserve", "default", "--movements")
        self.hook_url: str = self.process.cli(*hook)["url"]
        with self.editing() as database:
            database.executemany("INSERT INTO setting (name, value) VALUES (?, ?)", SETTINGS.items())

    @property
    def database(self) -> Path:
        """Its database file."""
        return self.folder / "pointsync.db"

    def start(self) -> None:
        """Start its process and wait until it is healthy."""
        self.process.start()
        self.is_running = True

    def kill(self) -> None:
        """End its process as a power cut would."""
        self.is_running = False
        self.process.kill()

    def freeze(self) -> None:
        """Stop its process without ending it, as a paused virtual machine."""
        self.is_running = False
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self._signal(signal.SIGCONT)
        self.is_running = True

    def _signal(self, number: int) -> None:
        assert self.process.process, "not started"
        os.killpg(self.process.process.pid, number)

    def set_clock(self, seconds: int) -> None:
        """Set its clock this many seconds off the right time. It takes effect within a second."""
        replacement = self._clock_file.with_suffix(".new")
        replacement.write_text(f"{seconds:+d}\n")
        replacement.replace(self._clock_file)

    @contextmanager
    def editing(self) -> Iterator[sqlite3.Connection]:
        """A transaction on its database, as somebody with a database tool has it."""
        with closing(sqlite3.connect(self.database, timeout=20)) as database, database:
            yield database


@contextmanager
def running_sites(folder: Path, seed: str) -> Iterator[list[SoakSite]]:
    """Three running sites that list each other, through their proxies."""
    with ExitStack() as stack:
        sites = [SoakSite(name, folder, seed) for name in NAMES]
        for site in sites:
            stack.callback(site.process.kill)
            stack.enter_context(site.proxy)
            site.start()
            site.connect()
        for site in sites:
            for other in sites:
                if other is not site:
                    assert site.member.list_other(other.member, "--url", other.proxy.url)["ping"]["ok"]
        yield sites
