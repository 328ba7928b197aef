"""A site's database is set back or copied: it sends nothing first, and goes on after an admin has decided."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.database_copies import DATABASE, clone_volume, roll_back, snapshot
from tests.support.family import Member, family, wait_in_step
from tests.support.process import SiteProcess, wait_until

ALICE = "alice@shop.example"
SECONDS = 30


@contextmanager
def pair(folder: Path, **env: str) -> Iterator[tuple[Member, Member]]:
    """Two sites that list each other and have exchanged movements; `a` compares often."""
    with family(folder, "a", "b", env=env) as (a, b):
        a.site.cli("setting", "set", "check_seconds", "5")
        a.record(ALICE, 10)
        b.record(ALICE, 1)
        wait_in_step([a, b], SECONDS)
        yield a, b


def hold(member: Member) -> str | None:
    """Why a site sends nothing."""
    [(reason,)] = member.rows("SELECT hold FROM site")
    return reason


def run(member: Member) -> str:
    [(name,)] = member.rows("SELECT run FROM site")
    return str(name)


def wait_for_hold(member: Member, words: str) -> None:
    assert words in wait_until(lambda: hold(member), SECONDS, "sending is stopped")


def received_ids(receiver: Member, origin: Member) -> list[str]:
    """The ids of an origin's movements that a site has, in the order in which they came."""
    return [
        str(each) for (each,) in receiver.rows("SELECT id FROM movement WHERE origin = ? ORDER BY seq", origin.auth)
    ]


def record_and_confirm(a: Member, b: Member, choice: str) -> None:
    """A movement that was recorded while sending was stopped arrives after the admin's answer, and nothing before."""
    before = received_ids(b, a)
    recorded = a.record(ALICE, 3)["id"]
    assert recorded not in before
    assert hold(a)
    assert received_ids(b, a) == before
    assert a.site.cli("confirm", choice)["hold"] is None
    wait_until(lambda: recorded in received_ids(b, a), SECONDS, "the movement arrives")
    assert received_ids(b, a)[: len(before)] == before
    assert not hold(a)


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[list[SiteProcess]]:
    """The test's other installations, which are stopped at its end."""
    started: list[SiteProcess] = []
    yield started
    for each in started:
        each.kill()


def start_copy(original: Member, data_dir: Path, started: list[SiteProcess], **env: str) -> Member:
    """Another installation on a copy of the original's database."""
    site = SiteProcess(data_dir, env={"POINTSYNC_SITE_NAME": "staging", **env})
    copy = Member.__new__(Member)
    copy.name, copy.site, copy.auth, copy.key = "staging", site, original.auth, original.key
    started.append(site)
    site.start()
    return copy


def test_a_snapshot_of_the_folder_with_its_marker_was_put_back(tmp_path: Path):
    with pair(tmp_path) as (a, b):
        kept = snapshot(a.site.data_dir, tmp_path / "kept")
        for points in range(5):
            a.record(ALICE, points + 1)
            wait_in_step([a, b], SECONDS)
        a.site.terminate()
        roll_back(a.site.data_dir, kept)
        a.site.start()
        wait_for_hold(a, "set back to an earlier state")
        lost = set(received_ids(b, a)) - set(received_ids(a, a))
        assert len(lost) == 5
        record_and_confirm(a, b, "restored")
        wait_until(lambda: lost <= set(received_ids(a, a)), SECONDS, "the lost movements come back")
        assert len(set(received_ids(b, a))) == len(received_ids(b, a)) == 7


def test_nothing_is_sent_while_one_remote_has_not_answered(tmp_path: Path):
    """The remote that knows better is slow. Another one does not know the site's key, so it would take everything."""
    with pair(tmp_path) as (a, b), family(tmp_path, "c") as (c,):
        a.list_other(c)
        kept = snapshot(a.site.data_dir, tmp_path / "kept")
        a.record(ALICE, 1)
        wait_until(lambda: len(received_ids(b, a)) == 2 and received_ids(c, a), SECONDS, "both have it")
        a.site.terminate()
        roll_back(a.site.data_dir, kept)
        assert b.site.process
        b.site.process.send_signal(signal.SIGSTOP)
        try:
            a.site.start()
            a.record(ALICE, 100)
            query = "SELECT checked_run = run FROM remote, site WHERE remote.url = ?"
            wait_until(lambda: a.rows(query, c.site.url) == [(1,)], SECONDS, "one remote has answered")
            wait_until(lambda: a.rows("SELECT count(*) FROM attempt WHERE ended_at IS NULL") == [(0,)], 5, "no attempt")
        finally:
            b.site.process.send_signal(signal.SIGCONT)
        wait_for_hold(a, "set back to an earlier state")
        assert (len(received_ids(b, a)), len(received_ids(c, a))) == (2, 1)


@pytest.mark.parametrize(
    "is_same_file", [pytest.param(True, id="same file"), pytest.param(False, id="new file", marks=pytest.mark.long)]
)
def test_yesterdays_file_was_copied_back(tmp_path: Path, is_same_file: bool):
    with pair(tmp_path) as (a, b):
        kept = snapshot(a.site.data_dir, tmp_path / "kept")
        (kept / "marker").unlink()
        a.record(ALICE, 5)
        wait_in_step([a, b], SECONDS)
        a.site.terminate()
        if not is_same_file:
            (a.site.data_dir / DATABASE).rename(a.site.data_dir / "broken.db")
        roll_back(a.site.data_dir, kept)
        a.site.start()
        assert "restored from a backup" in (hold(a) or "")
        record_and_confirm(a, b, "restored")


@pytest.mark.parametrize("url", ["same", "none"])
def test_a_copied_folder_beside_production_sends_nothing(tmp_path: Path, url: str, staging: list[SiteProcess]):
    """The ordinary staging shop: the files were copied, so its database is another file."""
    with pair(tmp_path) as (a, b):
        env = {"POINTSYNC_PUBLIC_URL": a.site.url} if url == "same" else {}
        test_shop = start_copy(a, snapshot(a.site.data_dir, tmp_path / "staging"), staging, **env)
        assert "is another file" in (hold(test_shop) or "")
        production_run = run(a)
        test_shop.record("test@shop.example", 100)
        a.record(ALICE, 5)
        wait_in_step([a, b], SECONDS)
        assert (hold(a), run(a)) == (None, production_run)
        assert b.points("test@shop.example") is None
        assert test_shop.site.cli("confirm", "copy")["auth"] != a.auth
        assert (hold(test_shop), hold(a)) == (None, None)
        assert b.points("test@shop.example") is None


def test_a_cloned_volume_beside_a_busy_production_is_behind(tmp_path: Path, staging: list[SiteProcess]):
    with pair(tmp_path) as (a, b):
        kept = snapshot(a.site.data_dir, tmp_path / "kept")
        for _ in range(3):
            a.record(ALICE, 5)
            wait_in_step([a, b], SECONDS)
        test_shop = start_copy(a, clone_volume(kept, tmp_path / "staging"), staging)
        wait_for_hold(test_shop, "it is a copy")
        test_shop.record("test@shop.example", 100)
        a.record(ALICE, 5)
        wait_in_step([a, b], SECONDS)
        assert hold(a) is None
        assert b.points("test@shop.example") is None
        test_shop.site.cli("confirm", "copy")
        assert hold(test_shop) is None


def test_a_cloned_volume_beside_an_idle_production_stops_at_its_next_ping(tmp_path: Path, staging: list[SiteProcess]):
    """Until then nobody can know which one is the real one, and the manual says so."""
    with pair(tmp_path) as (a, b):
        production_run = run(a)
        test_shop = start_copy(
            a, clone_volume(snapshot(a.site.data_dir, tmp_path / "kept"), tmp_path / "staging"), staging
        )
        wait_for_hold(test_shop, "another running installation")
        recorded = test_shop.record("test@shop.example", 100)["id"]
        mine = a.record(ALICE, 5)["id"]
        wait_until(lambda: mine in received_ids(b, a), SECONDS, "production goes on")
        assert (hold(a), run(a)) == (None, production_run)
        assert recorded not in received_ids(b, a)
        assert b.rows("SELECT run FROM origin WHERE auth = ?", a.auth) == [(production_run,)]


def test_two_installations_of_one_state_start(tmp_path: Path, staging: list[SiteProcess]):
    """Both continue the same run of a stopped site. One of them stops; the other goes on."""
    with pair(tmp_path) as (a, b):
        a.site.terminate()
        clone = clone_volume(snapshot(a.site.data_dir, tmp_path / "kept"), tmp_path / "clone")
        a.site.start()
        other = start_copy(a, clone, staging)
        wait_until(lambda: bool(hold(a)) != bool(hold(other)), SECONDS, "one of them stops")
        live, stopped = (other, a) if hold(a) else (a, other)
        refused = stopped.record("test@shop.example", 100)["id"]
        accepted = live.record(ALICE, 5)["id"]
        wait_until(lambda: accepted in received_ids(b, a), SECONDS, "the other goes on")
        assert refused not in received_ids(b, a)
        stopped.site.terminate()
        live.site.terminate()
        stopped.site.cli("confirm", "restored")
        stopped.site.start()
        wait_until(lambda: refused in received_ids(b, a), SECONDS, "the stopped one goes on after the other has ended")


def test_a_folder_that_is_put_back_under_a_running_process(tmp_path: Path):
    """Such as a file that is restored into place. The process knows what it had committed."""
    with pair(tmp_path) as (a, b):
        [(last_id, call)] = a.rows("SELECT last_id, call FROM site")
        a.record(ALICE, 5)
        wait_in_step([a, b], SECONDS)
        wait_until(lambda: a.rows("SELECT last_id > ? FROM site", last_id) == [(1,)], SECONDS, "the heartbeat saw it")
        marker = (a.site.data_dir / "marker").read_text().split()[0]
        with closing(sqlite3.connect(a.site.data_dir / DATABASE, timeout=10)) as database, database:
            database.execute("UPDATE site SET last_id = ?, call = ?", (last_id, call))
        (a.site.data_dir / "marker").write_text(f"{marker} {last_id} 0 {call}\n")
        wait_for_hold(a, "has lost what this site had stored")
        record_and_confirm(a, b, "restored")
