"""Sites of version 0.1.0 with data are upgraded: old movements are digested and compared, and nothing is doubled."""

import copy
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.family import Member, wait_in_step
from tests.support.old_version import OldSite
from tests.support.process import SiteProcess, wait_until

SECONDS = 60
CUSTOMERS = [f"c{number}@shop.example" for number in range(5)]
DELIVERED_COUNT, WAITING_COUNT = 40, 7
POINTS_SQL = "SELECT sum(points), count(*), count(DISTINCT origin || ' ' || id) FROM movement"


SETTINGS = {"warning_days": 0, "delay_seconds": 1, "max_attempts": 1000}
"""Otherwise the failed attempts of the time without the other site keep it orange for a week."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, old_source: Path) -> list[Member]:
    """Two sites that version 0.1.0 has filled and stopped: both have delivered movements, and some wait on each."""
    folder = tmp_path_factory.mktemp("filled")
    first, second = (OldSite(folder / name, old_source) for name in ("one", "two"))
    try:
        one, two = (Member(site.data_dir.name, site.start()) for site in (first, second))
        for member, other in ((one, two), (two, one)):
            assert member.list_other(other)["ping"]["ok"]
            record(member, DELIVERED_COUNT)
        wait_in_step([one, two], SECONDS)
        first.terminate()
        record(two, WAITING_COUNT)
        second.terminate()
        first.start()
        record(one, WAITING_COUNT)
        first.terminate()
    finally:
        for site in (first, second):
            site.kill()
    for member in (one, two):
        assert member.waiting() == WAITING_COUNT
        with closing(sqlite3.connect(member.site.data_dir / "pointsync.db")) as database, database:
            database.executemany("INSERT INTO setting (name, value) VALUES (?, ?)", SETTINGS.items())
            # A failed attempt was still made with the longer delay.
            database.execute("UPDATE remote SET next_attempt_at = NULL")
    return [one, two]


@pytest.fixture
def stopped(filled: list[Member], tmp_path: Path, old_source: Path) -> Iterator[list[Member]]:
    """Copies of these sites, on the same ports."""
    copies = [copy.copy(member) for member in filled]
    for member in copies:
        folder = shutil.copytree(member.site.data_dir, tmp_path / member.name)
        member.site = OldSite(folder, old_source, member.site.port)
    yield copies
    for member in copies:
        member.site.kill()


def record(member: Member, count: int) -> None:
    """Record movements of 3 points for all customers in rotation, and one that takes 2."""
    customers = [CUSTOMERS[number % len(CUSTOMERS)] for number in range(count)]
    movements = [{"customer": customer, "points": 3} for customer in customers]
    member.record_many([*movements[:-1], {"customer": CUSTOMERS[0], "points": -2}])


def upgrade(member: Member) -> None:
    """Start this version on the data of a stopped site."""
    member.site = SiteProcess(member.site.data_dir, member.site.port).start()


def shown_status(member: Member, other: Member) -> tuple[str, str]:
    """The colour and the text of the remote, as the command shows them."""
    remote = member.remote_for(other)
    return remote["status"], remote["status_text"]


def wait_until_equal(one: Member, two: Member) -> None:
    """Wait until both sites show that they hold the same, and check it against the rows."""
    wait_in_step([one, two], SECONDS)
    for member, other in ((one, two), (two, one)):
        wait_until(lambda m=member, o=other: _is_equal(m, o), SECONDS, f"{member.name} shows that both are equal")
        # 39 × 3 − 2 and 6 × 3 − 2 on each of the two sites.
        movements = DELIVERED_COUNT + WAITING_COUNT
        points = 2 * (3 * (movements - 2) - 2 * 2)
        assert member.rows(POINTS_SQL) == [(points, 2 * movements, 2 * movements)]
        assert member.rows("SELECT count(*) FROM movement WHERE digest IS NULL") == [(0,)]
        assert member.rows("SELECT count(*) FROM delivery WHERE state = 'delivered'") == [(movements,)]
        assert member.rows("SELECT undigested_seq FROM site") == [(None,)]
        assert member.site.cli("verify")["ok"]


def _is_equal(member: Member, other: Member) -> bool:
    status, text = shown_status(member, other)
    count = 2 * (DELIVERED_COUNT + WAITING_COUNT)
    return status == "green" and text.startswith("Equal, compared ") and text.endswith(f" {count} movements.")


@pytest.mark.timeout(300)
def test_both_are_upgraded_while_movements_wait(stopped: list[Member]) -> None:
    one, two = stopped
    for member in stopped:
        upgrade(member)
    wait_until_equal(one, two)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_one_is_upgraded_before_the_other(stopped: list[Member]) -> None:
    """Between the two upgrades, what is delivered cannot be compared, and the status says so."""
    one, two = stopped
    upgrade(one)
    two.site.start()
    wait_in_step(stopped, SECONDS)
    text = "In step: delivered; cannot be compared."
    wait_until(lambda: shown_status(one, two) == ("green", text), SECONDS, f"the upgraded site shows: {text}")
    wait_until(lambda: shown_status(two, one)[0] == "green", SECONDS, "the old site is green, too")
    two.site.terminate()
    upgrade(two)
    wait_until_equal(one, two)
