"""What the demo shows, one thing after the other."""

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
    """It was asked to stop."""


class Scenario:
    """The family, from the opening of the shops to Ctrl-C. Every step raises Stopped when that comes."""

    def __init__(self, family: Sequence[DemoSite], stop: StopSignal, print_line: Callable[[str], None]) -> None:
        self.family = family
        self.print_line = print_line
        self._stop = stop
        self._shoppers = Shoppers(family)
        self._deadline = time.monotonic() + SETUP_TIMEOUT_SECONDS

    def start_sites(self, admin: str, password: str) -> None:
        """Make all sites, start them, and let each list each other."""
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
        """Let customers shop and see that every site has the same; how many movements, and customers, that is."""
        self._shoppers.record_first_orders()
        self._wait_until(
            lambda: not any(map(_waiting_count, self.family)), self._remaining_seconds(), "nothing waits any more"
        )
        ledgers: list[dict[str, tuple[int, frozenset[tuple[str, str]]]]] = []

        def is_same() -> bool:
            ledgers[:] = [read_ledger(each) for each in self.family]
            return all(each == ledgers[0] for each in ledgers)

        self._wait_until(is_same, self._remaining_seconds(), "all sites have the same")
        return sum(len(movements) for _, movements in ledgers[0].values()), len(ledgers[0])

    def show_outage(self) -> None:
        """Keep customers shopping, stop the last site for a while, and go on until asked to stop."""
        threading.Thread(target=self._keep_shopping, name="trickle", daemon=True).start()
        self.print_line("Customers go on shopping. Ctrl-C ends it all.")
        self._sleep(BEFORE_OUTAGE_SECONDS)
        stopped_site = self.family[-1]
        stopped_site.terminate()
        stopped_site.wait_for_exit(TIMEOUT_SECONDS)
        self.print_line(f"{stopped_site.name} is stopped: its line turns orange, then red, in the lists of the others.")
        for status, colour in (("warning", "orange"), ("error", "red")):
            has_status = partial(self._has_status, stopped_site, status)
            self._wait_until(has_status, TIMEOUT_SECONDS, f"it turns {colour}")
            self.print_line(f"{stopped_site.name} is {colour} now at {self.family[0].name}; what is for it waits.")
        stopped_site.start()
        self._wait_until(stopped_site.is_healthy, TIMEOUT_SECONDS, f"{stopped_site.name} answers")
        self._wait_until(lambda: not any(map(_waiting_count, self.family)), TIMEOUT_SECONDS, "everything is delivered")
        self.print_line(f"{stopped_site.name} is started again: everything is delivered.")
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
                    f"It is not so in time that {expectation}; the sites' logs say more, with --keep DIR."
                )
            self._sleep(POLL_SECONDS)

    def _remaining_seconds(self) -> float:
        return self._deadline - time.monotonic()


def _waiting_count(site: DemoSite) -> int:
    """How much it owes; more than 0 as well where it does not answer."""
    status, remotes = site.request("GET", "/api/v1/remotes")
    return sum(each["waiting"] for each in remotes) if status == 200 else 1
