"""The clock of a running site is set back or forward: it goes on sending, and waits no longer than it should."""

from pathlib import Path
from typing import Self

import pytest

from tests.support.family import Member, wait_in_step
from tests.support.process import SiteProcess, wait_until

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
HOUR, YEAR = 3600, 365 * 86_400
ALICE = "alice@shop.example"

pytestmark = [
    pytest.mark.skipif(not LIBRARIES, reason="needs libfaketime (Debian: apt-get install faketime)"),
    pytest.mark.timeout(300),
]


class JumpingSite(SiteProcess):
    """A site whose server has a system clock that the test sets; its monotonic clock and the commands' are real."""

    def __init__(self, folder: Path, ahead_seconds: int) -> None:
        folder.mkdir()
        self._file = folder / "clock"
        self.set_clock(ahead_seconds)
        env = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # with it, every thread that waits is busy
            "POINTSYNC_SITE_NAME": folder.name,
        }
        super().__init__(folder, env=env)

    def start(self) -> Self:
        """Start it as a new interpreter, since libfaketime is loaded with it."""
        self.is_forked = False
        try:
            return super().start()
        finally:
            self.is_forked = True

    def set_clock(self, ahead_seconds: int) -> None:
        """Set the clock so far ahead of the real time."""
        self._file.write_text(f"{ahead_seconds:+d}")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(HOUR, 0, id="an hour back"),
        pytest.param(YEAR, 0, id="a year back", marks=pytest.mark.long),
        pytest.param(0, 10 * YEAR, id="ten years forward", marks=pytest.mark.long),
    ],
)
def test_it_goes_on_sending(tmp_path: Path, before: int, after: int) -> None:
    with JumpingSite(tmp_path / "a", before) as jumping, SiteProcess(tmp_path / "b") as other:
        a, b = Member("a", jumping), Member("b", other)
        for member, remote in ((a, b), (b, a)):
            member.site.cli("setting", "set", "delay_seconds", "2")
            member.site.cli("setting", "set", "max_attempts", "1000")
            assert member.list_other(remote)["id"]
        a.record(ALICE, 1)
        wait_in_step([a, b], 30)

        other.terminate()
        a.record(ALICE, 1)
        wait_until(lambda: a.status_for(b) == "warning", 20, "a waits for b")
        jumping.set_clock(after)
        other.start()
        assert wait_in_step([a, b], 30) == {ALICE: 2}
        a.record(ALICE, 1)
        assert wait_in_step([a, b], 30) == {ALICE: 3}
        wait_until(lambda: jumping.api("GET", "/healthz").status == 200, 10, "healthy")
        assert jumping.api("GET", "/healthz").body["heartbeat_age_seconds"] < 10

        jumping.restart()
        a.record(ALICE, 1)
        assert wait_in_step([a, b], 30) == {ALICE: 4}, "also in a new process"
        for member in (a, b):
            assert member.site.cli("verify")["ok"]
