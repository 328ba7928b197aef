"""A site rotates its Pass while the family sends: nothing stops during the grace period; later failures say why."""

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
def record_in_background(*members: Member) -> Iterator[dict[str, int]]:
    """Let each site record batches; yield the counts by site name."""
    counts = dict.fromkeys((member.name for member in members), 0)
    stopping = threading.Event()

    def record_batches(member: Member) -> None:
        while not stopping.wait(PAUSE_SECONDS):
            customers = [f"c{number % 10}@shop.example" for number in range(BATCH)]
            member.record_many([{"customer": each, "points": 1} for each in customers])
            counts[member.name] += BATCH

    threads = [threading.Thread(target=record_batches, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def arrived_count(member: Member, origin: Member) -> int:
    """The number of a site's movements from `origin`."""
    [(count,)] = member.rows("SELECT count(*) FROM movement WHERE origin = ?", origin.auth)
    return int(count)


def sites_with_old_pass(member: Member) -> set[str]:
    """The Auths of the sites that use its old Pass."""
    condition = "old_pass_at IS NOT NULL AND (new_pass_at IS NULL OR old_pass_at > new_pass_at)"
    return {auth for (auth,) in member.rows(f"SELECT auth FROM origin WHERE {condition}")}


def paste_sharing_key(member: Member, other: Member, password: str) -> None:
    """Enter the new Pass of `other` into the site's remote for it."""
    [(remote_id,)] = member.rows("SELECT id FROM remote WHERE url = ?", other.site.url)
    assert member.site.cli("remote", "change", str(remote_id), "--pass", password)["ping"]["ok"]


@pytest.mark.timeout(240)
def test_rotated_under_load(tmp_path: Path):
    with family(tmp_path, "a", "b", "c") as members:
        a, b, c = members
        with record_in_background(a, b, c) as counts:
            wait_until(lambda: arrived_count(c, a) and arrived_count(c, b), 30, "all sites receive movements")
            new = c.site.cli("pass", "rotate", "--secrets")["pass"]
            before = arrived_count(c, a), arrived_count(c, b)
            wait_until(
                lambda: arrived_count(c, a) > before[0] and arrived_count(c, b) > before[1], 30, "with the old Pass"
            )
            assert sites_with_old_pass(c) == {a.auth, b.auth}
            paste_sharing_key(a, c, new)
            later = arrived_count(c, a), arrived_count(c, b)
            wait_until(
                lambda: arrived_count(c, a) > later[0] and arrived_count(c, b) > later[1],
                30,
                "with the new and the old Pass",
            )
            assert [member.rows(FAILED) for member in members] == [[(0,)]] * 3, (
                "no attempt fails during the grace period"
            )
            assert sites_with_old_pass(c) == {b.auth}

            assert [each["auth"] for each in c.site.cli("pass", "end-old")["old_pass"]["sites"]] == [b.auth]
            wait_until(lambda: b.status_for(c) == "error", 30, "red after the grace period")
            remote = b.remote_for(c)
            assert f"{c.site.url} has a new Pass" in remote["status_text"]
            assert "new sharing key" in remote["last_error"]
            after = arrived_count(c, a), arrived_count(a, b)
            wait_until(
                lambda: arrived_count(c, a) > after[0] and arrived_count(a, b) > after[1], 30, "the others continue"
            )
            assert b.rows("SELECT DISTINCT code FROM attempt WHERE code <> 'ok'") == [("bad_credentials",)]
            assert [member.rows(FAILED) for member in (a, c)] == [[(0,)]] * 2
            paste_sharing_key(b, c, new)
        balances = wait_in_step(members, 60)
        assert sum(balances.values()) == sum(counts.values())
        for member in members:
            for origin in members:
                assert arrived_count(member, origin) == counts[origin.name]
        assert sites_with_old_pass(c) == set()
