"""What the demo shows, one thing after the other."""

import threading
import time
from collections.abc import Callable, Sequence

from pointsync.cli.demo.demo_site import Member
from pointsync.cli.demo.shoppers import Customers, books
from pointsync.cli.framework.errors import Fault
from pointsync.cli.framework.shutdown import Stop

STEP_SECONDS = 55.0
LOOK_SECONDS = 0.2
TRICKLE_SECONDS = 0.7
CALM_SECONDS = 20.0
MOST_SECONDS = 120.0


class Stopped(Exception):
    """It was asked to stop."""


class Story:
    """The family, from the opening of the shops to Ctrl-C. Every step raises Stopped when that comes."""

    def __init__(self, family: Sequence[Member], stop: Stop, say: Callable[[str], None]) -> None:
        self.family = family
        self.say = say
        self._stop = stop
        self._customers = Customers(family)
        self._deadline = time.monotonic() + STEP_SECONDS

    def open_shops(self, admin: str, password: str) -> None:
        """Make all sites, start them, and let each list each other."""
        for each in self.family:
            each.prepare(admin, password)
            each.start()
        self._until(lambda: all(each.is_healthy() for each in self.family), self._left(), "the sites answer")
        for each in self.family:
            for other in self.family:
                if other is not each:
                    each.list_other(other)
        for each in self.family:
            each.check_remotes()

    def get_in_step(self) -> tuple[int, int]:
        """Let customers shop and see that every site has the same; how many movements, and customers, that is."""
        self._customers.shop_a_first_time()
        self._until(lambda: not any(map(_waiting, self.family)), self._left(), "nothing waits any more")
        found: list[dict[str, tuple[int, frozenset[tuple[str, str]]]]] = []

        def is_same() -> bool:
            found[:] = [books(each) for each in self.family]
            return all(each == found[0] for each in found)

        self._until(is_same, self._left(), "all sites have the same")
        return sum(len(movements) for _, movements in found[0].values()), len(found[0])

    def go_on(self) -> None:
        """Keep customers shopping, stop the last site for a while, and go on until asked to stop."""
        threading.Thread(target=self._trickle, name="trickle", daemon=True).start()
        self.say("Customers go on shopping. Ctrl-C ends it all.")
        self._rest(CALM_SECONDS)
        last = self.family[-1]
        last.ask_to_end()
        last.see_ended(MOST_SECONDS)
        self.say(f"{last.name} is stopped: its line turns orange, then red, in the lists of the others.")
        for status, colour in (("warning", "orange"), ("error", "red")):
            self._until(lambda wanted=status: self._is_shown(last, wanted), MOST_SECONDS, f"it turns {colour}")  # type: ignore[misc]
            self.say(f"{last.name} is {colour} now at {self.family[0].name}; what is for it waits.")
        last.start()
        self._until(last.is_healthy, MOST_SECONDS, f"{last.name} answers")
        self._until(lambda: not any(map(_waiting, self.family)), MOST_SECONDS, "everything is delivered")
        self.say(f"{last.name} is started again: everything is delivered.")
        while True:
            self._rest(1)

    def _trickle(self) -> None:
        while not self._stop.wait(TRICKLE_SECONDS):
            self._customers.do_something()

    def _is_shown(self, member: Member, status: str) -> bool:
        _, remotes = self.family[0].call("GET", "/api/v1/remotes")
        return any(each["url"] == member.url and each["status"] == status for each in remotes or [])

    def _rest(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped
        for each in self.family:
            each.check_alive()

    def _until(self, is_so: Callable[[], bool], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                raise Fault(f"It is not so in time that {what}; the sites' logs say more, with --keep DIR.")
            self._rest(LOOK_SECONDS)

    def _left(self) -> float:
        return self._deadline - time.monotonic()


def _waiting(member: Member) -> int:
    """How much it owes; more than 0 as well where it does not answer."""
    status, remotes = member.call("GET", "/api/v1/remotes")
    return sum(each["waiting"] for each in remotes) if status == 200 else 1
