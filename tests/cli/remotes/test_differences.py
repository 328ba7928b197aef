"""Two real sites of which somebody edits a database: found, named, repaired and decided with commands."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from tests.support.process import SiteProcess, wait_until

LINE = ("--target", "default", "--observed", "default")
ALICE = "alice@example.com"
SECONDS = 40


class Family:
    """The mug shop, which sends to the tea shop, and back."""

    def __init__(self, mugs: SiteProcess, teas: SiteProcess) -> None:
        self.mugs, self.teas = mugs, teas

    def record(self, points: int) -> str:
        """Record points of Alice at the mug shop; the movement's id."""
        return str(self.mugs.cli("record", ALICE, str(points))["id"])

    def wait_equal(self) -> None:
        """Wait until both have the same balances, and list the other one as green."""
        wait_until(lambda: len(set(self.balances())) == 1, SECONDS, "both have the same balances")
        for site in (self.mugs, self.teas):
            wait_until(partial(_is_green, site), SECONDS, "it is green")

    def balances(self) -> list[int]:
        """Alice's balances at both; 0 where she is not known yet."""
        query = "SELECT coalesce(sum(points), 0) FROM balance"
        return [read(site, query) for site in (self.mugs, self.teas)]


def _is_green(site: SiteProcess) -> bool:
    return bool(site.cli("remote", "list")[0]["status"] == "green")


def read(site: SiteProcess, query: str) -> int:
    """The number that a query of a site's database answers."""
    with closing(sqlite3.connect(site.data_dir / "pointsync.db", timeout=20)) as connection:
        return int(connection.execute(query).fetchone()[0])


def edit(site: SiteProcess, statement: str, *values: object) -> None:
    """Change a site's database as somebody with a database tool would."""
    with closing(sqlite3.connect(site.data_dir / "pointsync.db", isolation_level=None, timeout=20)) as connection:
        connection.execute(statement, values)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    folder = tmp_path_factory.mktemp("family")
    with (
        SiteProcess(folder / "mugs", env={"POINTSYNC_SITE_NAME": "Mug shop"}) as mugs,
        SiteProcess(folder / "teas", env={"POINTSYNC_SITE_NAME": "Tea shop"}) as teas,
    ):
        for here, there in ((mugs, teas), (teas, mugs)):
            key = there.cli("site", "--secrets")["sharing_key"]
            here.cli("remote", "add", "--sharing-key", key, "--url", there.url, *LINE)
        yield Family(mugs, teas)


def verify(site: SiteProcess, *args: str, expect: int = 0) -> list[dict[str, Any]]:
    """The differences that `verify` names."""
    document = site.cli("verify", *args, expect=expect)
    assert document["ok"] == (expect == 0)
    return list(document["differences"])


def test_equal_sites(family: Family) -> None:
    family.record(10)
    family.wait_equal()
    assert verify(family.mugs) == verify(family.teas, "1") == []
    done = family.mugs.run("verify")
    assert done.returncode == 0
    assert "Every balance is the sum of its movements." in done.stdout
    assert "Tea shop: equal, " in done.stdout


def test_an_edited_movement_is_named_and_repaired(family: Family) -> None:
    edited_id = family.record(20)
    family.wait_equal()
    before = family.balances()
    edit(family.teas, "UPDATE movement SET points = 2000 WHERE id = ?", edited_id)
    edit(family.teas, "UPDATE balance SET points = points + 1980")
    local = [each for each in verify(family.teas, expect=1) if each.get("problem") == "altered"]
    assert [(each["movement"], each["points"]) for each in local] == [(edited_id, 2000)]
    [found] = verify(family.mugs, "1", expect=1)
    assert found == {
        "problem": "altered_there",
        "remote": 1,
        "site": "Tea shop",
        "movement": edited_id,
        "customer": ALICE,
        "points": 20,
        "there_customer": ALICE,
        "there_points": 2000,
    }
    [repaired] = verify(family.mugs, "1", "--repair")
    assert repaired["repair"] == "sent_again"
    family.wait_equal()
    assert family.balances() == before
    assert verify(family.mugs) == verify(family.teas) == []


@pytest.mark.long
def test_a_deleted_movement_is_sent_again(family: Family) -> None:
    deleted_id = family.record(30)
    family.wait_equal()
    before = family.balances()
    edit(family.teas, "DELETE FROM movement WHERE id = ?", deleted_id)
    wait_until(lambda: deleted_id in _ids(family.teas), SECONDS, "it is sent again")
    assert [each for each in verify(family.teas, expect=1) if "balance" in each]
    assert {each["repair"] for each in verify(family.teas, "--repair")} == {"recounted"}
    family.wait_equal()
    assert family.balances() == before
    assert verify(family.teas) == []


def _ids(site: SiteProcess) -> list[str]:
    return [each["id"] for each in site.cli("history", ALICE)["movements"]]


@pytest.mark.parametrize(("choice", "added"), [("here", 7), pytest.param("there", 7000, marks=pytest.mark.long)])
def test_a_decision(family: Family, choice: str, added: int) -> None:
    family.wait_equal()
    before = family.balances()[0]
    edited_id = family.record(7)
    family.wait_equal()
    edit(family.teas, "UPDATE movement SET points = 7000 WHERE id = ?", edited_id)
    wait_until(lambda: _listed(family.mugs, edited_id), SECONDS, "the difference is listed with both values")
    assert "7,000" in family.mugs.run("remote", "differences", "1").stdout
    planned = family.mugs.cli("remote", "decide", "1", edited_id, choice, "--dry-run")
    assert planned["recorded"] == []
    assert len(family.mugs.cli("remote", "differences", "1")) == 1
    decided = family.mugs.cli("remote", "decide", "1", edited_id, choice)
    assert planned["adjustments"] == decided["adjustments"]
    assert len(decided["recorded"]) == len(decided["adjustments"]) == (1 if choice == "there" else 0)
    family.wait_equal()
    assert family.balances() == [before + added] * 2
    assert family.mugs.cli("remote", "differences", "1") == []
    entries = family.mugs.cli("audit")
    assert any(each["action"] == "decided about" and each["thing_id"] == edited_id for each in entries)


def _listed(site: SiteProcess, movement_id: str) -> bool:
    listed = site.cli("remote", "differences", "1")
    return [(each["movement"], each["there_points"] is not None) for each in listed] == [(movement_id, True)]


def test_a_mistyped_decision(family: Family) -> None:
    assert "no difference with remote 1" in family.mugs.run("remote", "decide", "1", "5", "here").stderr
    assert family.mugs.run("remote", "decide", "1", "5", "nobody").returncode == 2
    assert "There is no remote 9" in family.mugs.run("remote", "decide", "9", "5", "here").stderr
    assert "There is no remote 9" in family.mugs.run("verify", "9").stderr
    assert family.mugs.run("verify", "1", "--accept").returncode == 2


def test_send_again(family: Family) -> None:
    family.record(1)
    family.wait_equal()
    counted = family.mugs.cli("remote", "resend", "1", "--all")
    assert (counted["count"] > 0, counted["sent_again"]) == (True, 0)
    count = str(counted["count"])
    wrong = family.mugs.run("remote", "resend", "1", "--all", "--count", "1")
    assert wrong.returncode == 1
    assert f"--count {count}" in wrong.stderr
    assert family.mugs.cli("remote", "resend", "1", "--since", "2999-01-01")["count"] == 0
    before = family.balances()
    sent = family.mugs.cli("remote", "resend", "1", "--customer", ALICE, "--count", count)
    assert sent["sent_again"] == counted["count"]
    family.wait_equal()
    assert family.balances() == before
    assert any("to Tea shop again" in each["words"] for each in family.mugs.cli("audit"))
    for args in ((), ("--all", "--since", "2026-01-01")):
        assert family.mugs.run("remote", "resend", "1", *args).returncode == 2
    assert family.mugs.run("remote", "resend", "1", "--customer", "nobody@example.com").returncode == 1


@pytest.mark.long
def test_an_edited_movement_that_nobody_has_otherwise(family: Family) -> None:
    """It was edited before it was sent, so the edited one is everywhere."""
    family.mugs.cli("remote", "pause", "1")
    edited_id = family.record(3)
    edit(family.mugs, "UPDATE movement SET points = 4 WHERE id = ?", edited_id)
    edit(family.mugs, "UPDATE balance SET points = points + 1")
    family.mugs.cli("remote", "resume", "1")
    family.wait_equal()
    assert [each["problem"] for each in verify(family.mugs, expect=1) if "problem" in each] == ["altered"]
    verify(family.mugs, "--repair", expect=1)
    assert verify(family.mugs, "--accept")[0]["repair"] == "accepted"
    assert verify(family.mugs) == verify(family.teas) == []
    family.wait_equal()


def test_an_unreachable_site_is_not_compared(family: Family) -> None:
    """The last test: after it, the failure is remembered for days."""
    family.teas.kill()
    [found] = verify(family.mugs, "1", expect=1)
    assert found["problem"] == "not_compared"
    assert found["message"]
    assert "not compared" in family.mugs.run("verify", "1").stdout
