"""A site changes its Pass while the whole family sends: nothing stops for the grace, and what then does says why."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.family import Member, family, wait_in_step
from tests.support.process import wait_until

BATCH = 40
PAUSE_SECONDS = 0.2
FAILED = "SELECT count(*) FROM attempt WHERE code <> 'ok'"


@contextmanager
def busy(*members: Member) -> Iterator[dict[str, int]]:
    """Each records batch after batch of movements meanwhile; how many of them, by name, in the end too."""
    made = dict.fromkeys((member.name for member in members), 0)
    over = threading.Event()

    def shop(member: Member) -> None:
        while not over.wait(PAUSE_SECONDS):
            customers = [f"c{number % 10}@shop.example" for number in range(BATCH)]
            member.record_many([{"customer": each, "points": 1} for each in customers])
            made[member.name] += BATCH

    threads = [threading.Thread(target=shop, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        over.set()
        for thread in threads:
            thread.join()


def arrived(here: Member, origin: Member) -> int:
    """How many movements of `origin` are there."""
    [(count,)] = here.rows("SELECT count(*) FROM movement WHERE origin = ?", origin.auth)
    return int(count)


def still_old(member: Member) -> set[str]:
    """Who has its old Pass, by Auth."""
    still = "old_pass_at IS NOT NULL AND (new_pass_at IS NULL OR old_pass_at > new_pass_at)"
    return {auth for (auth,) in member.rows(f"SELECT auth FROM origin WHERE {still}")}


def paste(member: Member, other: Member, password: str) -> None:
    """The new Pass of `other`, pasted into the line there."""
    [(line,)] = member.rows("SELECT id FROM remote WHERE url = ?", other.site.url)
    assert member.site.cli("remote", "change", str(line), "--pass", password)["ping"]["ok"]


@pytest.mark.timeout(240)
def test_rotated_under_load(tmp_path: Path):
    with family(tmp_path, "a", "b", "c") as members:
        a, b, c = members
        with busy(a, b, c) as made:
            wait_until(lambda: arrived(c, a) and arrived(c, b), 30, "the family is under way")
            new = c.site.cli("pass", "rotate", "--secrets")["pass"]
            before = arrived(c, a), arrived(c, b)
            wait_until(lambda: arrived(c, a) > before[0] and arrived(c, b) > before[1], 30, "with the old Pass")
            assert still_old(c) == {a.auth, b.auth}
            paste(a, c, new)
            later = arrived(c, a), arrived(c, b)
            wait_until(
                lambda: arrived(c, a) > later[0] and arrived(c, b) > later[1], 30, "with the new one, and the old"
            )
            assert [member.rows(FAILED) for member in members] == [[(0,)]] * 3, "no attempt fails within the grace"
            assert still_old(c) == {b.auth}

            assert [each["auth"] for each in c.site.cli("pass", "end-old")["old_pass"]["sites"]] == [b.auth]
            wait_until(lambda: b.status_for(c) == "error", 30, "red after the end of the grace")
            line = b.line_for(c)
            assert f"{c.site.url} has changed its Pass." in line["status_text"]
            assert "new sharing key" in line["last_error"]
            after = arrived(c, a), arrived(a, b)
            wait_until(lambda: arrived(c, a) > after[0] and arrived(a, b) > after[1], 30, "the others go on")
            assert b.rows("SELECT DISTINCT code FROM attempt WHERE code <> 'ok'") == [("bad_credentials",)]
            assert [member.rows(FAILED) for member in (a, c)] == [[(0,)]] * 2
            paste(b, c, new)
        balances = wait_in_step(members, 60)
        assert sum(balances.values()) == sum(made.values())
        for member in members:
            for origin in members:
                assert arrived(member, origin) == made[origin.name]
        assert still_old(c) == set()
