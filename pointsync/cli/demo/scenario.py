"""The steps of the demo."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from pointsync.cli.demo.demo_site import DemoSite
from pointsync.cli.demo.shoppers import Shoppers, read_ledger
from pointsync.cli.framework.errors import CommandError
from pointsync.cli.framework.shutdown import StopSignal

SETUP_TIMEOUT_SECONDS = 55.0
POLL_SECONDS = 0.2
SHOPPING_INTERVAL_SECONDS = 0.7
BEFORE_OUTAGE_SECONDS = 20.0
TIMEOUT_SECONDS = 120.0


class Stopped(Exception):
    """The demo was asked to stop."""


class Scenario:
    """Runs the sites from their start to Ctrl-C. Every step raises Stopped when the demo should stop."""

    def __init__(self, family: Sequence[DemoSite], stop: StopSignal, print_line: Callable[[str], None]) -> None:
        self.family = family
        self.print_line = print_line
        self._stop = stop
        self._shoppers = Shoppers(family)
        self._deadline = time.monotonic() + SETUP_TIMEOUT_SECONDS

    def start_sites(self, admin: str, password: str) -> None:
        """Create and start all sites, and add every other site as a remote to each."""
        for each in self.family:
            each.prepare(admin, password)
            each.start()
        self._wait_until(
            lambda: all(each.is_healthy() for each in self.family), self._remaining_seconds(), "the sites answer"
        )
        for each in self.family:
            for other in self.family:
                if other is not each:
                    each.add_remote(other)
        for each in self.family:
            each.ping_remotes()

    def wait_until_in_step(self) -> tuple[int, int]:
        """Record the first orders and wait until all sites have the same data; how many movements and customers."""
        self._shoppers.record_first_orders()
        self._wait_until(
            lambda: not any(map(_waiting_count, self.family)), self._remaining_seconds(), "all movements are delivered"
        )
        ledgers: list[dict[str, tuple[int, frozenset[tuple[str, str]]]]] = []

        def is_same() -> bool:
            ledgers[:] = [read_ledger(each) for each in self.family]
            return all(each == ledgers[0] for each in ledgers)

        self._wait_until(is_same, self._remaining_seconds(), "all sites have the same data")
        return sum(len(movements) for _, movements in ledgers[0].values()), len(ledgers[0])

    def show_outage(self) -> None:
        """Record movements regularly, stop the last site for a while, and continue until the demo should stop."""
        threading.Thread(target=self._keep_shopping, name="trickle", daemon=True).start()
        self.print_line("Customers continue to shop. Press Ctrl-C to stop all sites.")
        self._sleep(BEFORE_OUTAGE_SECONDS)
        stopped_site = self.family[-1]
        stopped_site.terminate()
        stopped_site.wait_for_exit(TIMEOUT_SECONDS)
        self.print_line(f"{stopped_site.name} was stopped. On the other sites this remote turns orange, then red.")
        for status, colour in (("warning", "orange"), ("error", "red")):
            has_status = partial(self._has_status, stopped_site, status)
            self._wait_until(has_status, TIMEOUT_SECONDS, f"it turns {colour}")
            self.print_line(f"{stopped_site.name} is now {colour} at {self.family[0].name}. Its movements wait.")
        stopped_site.start()
        self._wait_until(stopped_site.is_healthy, TIMEOUT_SECONDS, f"{stopped_site.name} answers")
        self._wait_until(lambda: not any(map(_waiting_count, self.family)), TIMEOUT_SECONDS, "everything is delivered")
        self.print_line(f"{stopped_site.name} was started again, and everything is delivered.")
        while True:
            self._sleep(1)

    def _keep_shopping(self) -> None:
        while not self._stop.wait(SHOPPING_INTERVAL_SECONDS):
            self._shoppers.record_random_movement()

    def _has_status(self, site: DemoSite, status: str) -> bool:
        _, remotes = self.family[0].request("GET", "/api/v1/remotes")
        return any(each["url"] == site.url and each["status"] == status for each in remotes or [])

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped
        for each in self.family:
            each.check_running()

    def _wait_until(self, condition: Callable[[], bool], seconds: float, expectation: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise CommandError(
                    f"Gave up waiting until {expectation}. Run it again with --keep DIR, and read the logs in DIR."
                )
            self._sleep(POLL_SECONDS)

    def _remaining_seconds(self) -> float:
        return self._deadline - time.monotonic()


def _waiting_count(site: DemoSite) -> int:
    """How many movements wait at this site; also above 0 if it does not answer."""
    status, remotes = site.request("GET", "/api/v1/remotes")
    return sum(each["waiting"] for each in remotes) if status == 200 else 1
