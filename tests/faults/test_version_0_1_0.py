"""A site of version 0.1.0, run from that tag's source, exchanges movements with this version, both ways."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.family import Member, wait_in_step
from tests.support.old_version import OldSite
from tests.support.process import SiteProcess, wait_until

SECONDS = 60


def exchange(first: Member, second: Member, points: int) -> None:
    """Record on both sites, and wait until both have the same balances."""
    before = first.balances() | second.balances()
    first.record("alice@example.test", points)
    second.record("bob@example.test", points)
    expected = before | {email: before.get(email, 0) + points for email in ("alice@example.test", "bob@example.test")}
    wait_until(lambda: first.balances() == second.balances() == expected, SECONDS, "both have both movements")
    wait_in_step([first, second], SECONDS)


def exchange_after_merge(old: Member, new: Member) -> None:
    """Two customers are one on the new site only."""
    merged, bob = new.points("bob@example.test"), old.points("bob@example.test")
    assert merged is not None
    assert bob is not None
    new.record("bob@example.test", 3)
    old.record("bob@example.test", 4)
    wait_until(lambda: new.points("alice@example.test") == merged + 7, SECONDS, "both count for the one customer")
    wait_until(lambda: old.points("bob@example.test") == bob + 7, SECONDS, "and for Bob on the old site")
    [change] = new.site.cli("customer", "changes", "bob@example.test")
    assert [each["state"] for each in change["sites"]] == ["impossible"]


@pytest.mark.timeout(300)
def test_they_exchange_movements_once_an_admin_has_compared_the_key(tmp_path: Path, old_source: Path) -> None:
    with (
        OldSite(tmp_path / "old", old_source) as old_site,
        SiteProcess(tmp_path / "new", env={"POINTSYNC_SITE_NAME": "new"}) as new_site,
    ):
        old, new = Member("old", old_site), Member("new", new_site)
        columns = {name for _, name, *_ in old.rows("PRAGMA table_info(origin)")}
        assert "is_key_proven" not in columns, "it is the old version"
        assert old.list_other(new)["ping"]["ok"]
        added = new.list_other(old)
        assert (added["ping"]["ok"], added["ping"]["code"]) == (False, "unproven_key")
        new.record("carol@example.test", 1)
        assert new_site.cli("remote", "ping", "1")["ping"]["code"] == "unproven_key"
        assert old.points("carol@example.test") is None
        fingerprint = old_site.cli("site")["fingerprint"]
        assert new_site.cli("remote", "key", "1")["offered"] == fingerprint
        assert new_site.cli("remote", "accept-key", "1", "--fingerprint", fingerprint)["ping"]["ok"]
        exchange(old, new, 5)
        assert old.points("carol@example.test") == 1
        # A customer whom the old version knows by another spelling than the key that this version has.
        old.record("straße@example.test", 5)
        wait_until(lambda: new.points("STRASSE@example.test") == 5, SECONDS, "it is the same customer here")
        new.record("Strasse@example.test", 2)
        wait_until(lambda: old.points("stra%C3%9Fe@example.test") == 7, SECONDS, "and there")
        # It gets no changes of customers, and movements go on under the address that it knows.
        new_site.cli("customer", "merge", "bob@example.test", "alice@example.test")
        exchange_after_merge(old, new)
        assert new.status_for(old) in ("green", "warning")
        assert old.status_for(new) == "green"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_sites_that_know_each_other_are_upgraded_one_after_the_other(tmp_path: Path, old_source: Path) -> None:
    """Their keys were pinned before the upgrade, so nobody has to decide anything."""
    with ExitStack() as stack:
        sites = [stack.enter_context(OldSite(tmp_path / name, old_source)) for name in ("one", "two")]
        first, second = (Member(site.data_dir.name, site) for site in sites)
        assert first.list_other(second)["ping"]["ok"]
        assert second.list_other(first)["ping"]["ok"]
        exchange(first, second, 5)
        for member in (first, second):
            assert member.site.terminate() == 0
            member.site = stack.enter_context(SiteProcess(member.site.data_dir, member.site.port))
            exchange(first, second, 7)
            assert member.rows("SELECT is_key_proven FROM origin") == [(True,)]
        assert first.points("alice@example.test") == second.points("alice@example.test") == 5 + 7 + 7


@pytest.mark.long
@pytest.mark.timeout(300)
def test_customers_who_become_one_leave_the_sites_equal(tmp_path: Path, old_source: Path) -> None:
    """One site after the other is upgraded, and merges them. What the sites compare stays what it was."""
    with ExitStack() as stack:
        sites = [stack.enter_context(OldSite(tmp_path / name, old_source)) for name in ("one", "two")]
        first, second = (Member(site.data_dir.name, site) for site in sites)
        first.list_other(second)
        second.list_other(first)
        for email, points in (("straße@example.test", 5), ("strasse@example.test", 7), ("İnci@example.test", 3)):
            first.record(email, points)
            second.record(email, points)
        wait_in_step([first, second], SECONDS)
        for number, member in enumerate((first, second)):
            assert member.site.terminate() == 0
            member.site = stack.enter_context(SiteProcess(member.site.data_dir, member.site.port))
            member.record("Straße@example.test", 1)
            total = 31 + number  # not by address, because the other one may still tell the customers apart
            wait_until(lambda total=total: _totals(first, second) == {total}, SECONDS, "both have all points")
        wait_in_step([first, second], SECONDS)
        expected = {"strasse@example.test": 26, "inci@example.test": 6}
        assert first.balances() == second.balances() == expected
        for one, other in ((first, second), (second, first)):
            wait_until(lambda one=one, other=other: one.status_for(other) == "green", SECONDS, "they are equal")
            assert one.site.cli("verify", "1")["ok"]
            assert [each["thing"] for each in one.site.cli("audit", "--noun", "customer")] == ["strasse@example.test"]


def _totals(*members: Member) -> set[int]:
    return {sum(each.balances().values()) for each in members}
