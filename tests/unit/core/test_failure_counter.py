"""Counting failures: a minute for each caller, and a bound for all."""

import sys
from types import SimpleNamespace

import pytest

from pointsync import failure_counter
from pointsync.failure_counter import MAX_KEYS, WINDOW_SECONDS, FailureCounter

ANNA, BOB = ("site", "192.0.2.1"), ("site", "192.0.2.2")


class StoppedClock:
    def __init__(self) -> None:
        self.seconds = 1_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    stopped = StoppedClock()
    monkeypatch.setattr(failure_counter, "time", SimpleNamespace(monotonic=lambda: stopped.seconds))
    return stopped


def test_a_caller_waits_until_the_minute_of_its_first_failure_ends(clock: StoppedClock) -> None:
    failures = FailureCounter()
    assert [failures.count(ANNA, 3) for _ in range(3)] == [0, 0, 0]
    clock.seconds += 20.5
    assert failures.count(ANNA, 3) == 40
    assert failures.count(BOB, 3) == 0
    assert failures.count(("API key", ANNA[1]), 3) == 0
    clock.seconds += WINDOW_SECONDS - 20.5 - 0.1
    assert failures.count(ANNA, 3) == 1
    clock.seconds += 0.1
    assert [failures.count(ANNA, 3) for _ in range(4)] == [0, 0, 0, 60]


def test_it_knows_only_so_many_callers(clock: StoppedClock) -> None:
    failures = FailureCounter()
    for number in range(3 * MAX_KEYS):
        clock.seconds += 0.0001
        failures.count(("site", f"2001:db8:{number:x}::/64"), 1)
    assert len(failures._windows) == MAX_KEYS
    assert sum(map(sys.getsizeof, failures._windows.values())) < 2_000_000
    newest, oldest = f"2001:db8:{3 * MAX_KEYS - 1:x}::/64", "2001:db8:0::/64"
    assert failures.count(("site", newest), 1) > 0
    assert failures.count(("site", oldest), 1) == 0


def test_what_is_over_is_forgotten(clock: StoppedClock) -> None:
    failures = FailureCounter()
    for number in range(100):
        failures.count(("site", str(number)), 1)
    clock.seconds += WINDOW_SECONDS
    failures.count(ANNA, 1)
    assert list(failures._windows) == [ANNA]
