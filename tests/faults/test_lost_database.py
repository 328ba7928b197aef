"""A running site's database file is deleted or replaced: nothing it has confirmed is lost, and it says what to do."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.family import Member, family, wait_in_step
from tests.support.process import SiteProcess, wait_until

ALICE = "alice@shop.example"
WRITERS = 6


def database_files(site: SiteProcess) -> list[Path]:
    """The database, and SQLite's files beside it."""
    return [Path(f"{site.data_dir}/pointsync.db{suffix}") for suffix in ("", "-wal", "-shm")]


def delete(site: SiteProcess) -> None:
    for each in database_files(site):
        each.unlink()


def put_a_copy_in_place(site: SiteProcess) -> None:
    """As an admin may do with yesterday's file."""
    path, copy = database_files(site)[0], site.data_dir / "copy.db"
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    copy.rename(path)


def delete_the_last_commits(site: SiteProcess) -> None:
    database_files(site)[1].unlink()


CHANGES = [delete, put_a_copy_in_place, delete_the_last_commits]


def health(site: SiteProcess) -> str | None:
    """Why the site is not healthy; None if it is."""
    answer = site.api("GET", "/healthz")
    return None if answer.status == 200 else str(answer.body["reason"])


@pytest.mark.parametrize("change", CHANGES)
def test_a_site_at_rest_notices_it(tmp_path: Path, change: Callable[[SiteProcess], None]) -> None:
    with family(tmp_path, "a", "b") as (a, b):
        a.record(ALICE, 5)
        wait_in_step([a, b], 20)
        change(a.site)
        wait_until(lambda: "was deleted or replaced" in a.site.log_tail(), 5, "the log says so, without any request")
        assert "was deleted or replaced" in (health(a.site) or "")
        for method, path, body in (
            ("POST", "/api/v1/movements", {"customer": ALICE, "points": 1}),
            ("GET", f"/api/v1/customers/{ALICE}", None),
            ("GET", "/", None),
            ("POST", "/pointsync/v1/ping", {}),
        ):
            assert a.site.api(method, path, body, a.key).status == 503, path
        b.record(ALICE, 7)
        wait_until(lambda: b.status_for(a) == "warning", 30, "the other site sees that it does not answer")
        assert b.waiting() == 1
        assert [each for each in a.site.log.read_text().splitlines() if " ERROR " in each][1:] == [], "said once"
        a.site.terminate()
        if change is delete:
            assert not database_files(a.site)[0].exists(), "nothing has created another one"
            refused = a.site.run("serve", "--port", str(a.site.port))
            assert (refused.returncode, "shows that there was one" in refused.stderr) == (2, True)


@pytest.mark.parametrize("change", CHANGES)
def test_under_load_nothing_confirmed_is_lost(tmp_path: Path, change: Callable[[SiteProcess], None]) -> None:
    """The procedure of the manual saves the files from the process that still has them open."""
    with family(tmp_path, "a", "b") as (a, b):
        confirmed, other_answers = record_until_refused(a, lambda: change(a.site))
        assert other_answers <= {503}, other_answers
        assert len(confirmed) > WRITERS
        assert a.site.process
        saved = save_open_files(a.site, a.site.process.pid, tmp_path / "saved")
        a.site.kill()
        for each in database_files(a.site):
            each.unlink(missing_ok=True)
        for suffix, path in saved.items():
            shutil.copy(path, f"{a.site.data_dir}/pointsync.db{suffix}")
        a.site.start()
        refs = {each["ref"] for each in a.history(ALICE)}
        assert confirmed <= refs, confirmed - refs
        if a.site.cli("site")["hold"]:
            a.site.cli("confirm", "moved")
        assert wait_in_step([a, b], 30) == {ALICE: len(refs)}
        for member in (a, b):
            assert member.site.cli("verify")["ok"]


def record_until_refused(member: Member, change: Callable[[], None]) -> tuple[set[str], set[int]]:
    """Record from several threads, make the change in between; the refs that were confirmed, and the other answers.

    Each thread ends with the first call that is not confirmed.
    """

    def run(number: int) -> tuple[set[str], int]:
        refs: set[str] = set()
        while True:
            ref = f"{number}-{len(refs)}"
            answer = member.site.api(
                "POST", "/api/v1/movements", {"customer": ALICE, "points": 1, "ref": ref}, member.key
            )
            if answer.status != 201:
                return refs, answer.status
            refs.add(ref)

    with ThreadPoolExecutor(WRITERS) as pool:
        running = [pool.submit(run, number) for number in range(WRITERS)]
        wait_until(lambda: (member.points(ALICE) or 0) >= 5 * WRITERS, 30, "some movements")
        change()
        results = [each.result(60) for each in running]
    return {ref for refs, _ in results for ref in refs}, {status for _, status in results}


def save_open_files(site: SiteProcess, pid: int, folder: Path) -> dict[str, Path]:
    """Copy the files that the process has open, by their suffix."""
    folder.mkdir()
    saved = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        # Connections that are not needed are closed meanwhile.
        with suppress(FileNotFoundError):
            name = os.readlink(f"/proc/{pid}/fd/{number}").removesuffix(" (deleted)")
            for suffix in ("", "-wal"):
                if name == f"{site.data_dir}/pointsync.db{suffix}":
                    shutil.copy(f"/proc/{pid}/fd/{number}", folder / f"saved{suffix}")
                    saved[suffix] = folder / f"saved{suffix}"
    return saved


def test_a_file_that_was_only_moved_away_is_used_again(tmp_path: Path) -> None:
    with family(tmp_path, "a", "b") as (a, b):
        a.record(ALICE, 5)
        path, aside = database_files(a.site)[0], tmp_path / "aside.db"
        path.rename(aside)
        wait_until(lambda: health(a.site), 10, "unhealthy")
        aside.rename(path)
        wait_until(lambda: health(a.site) is None, 10, "healthy again, without a restart")
        a.record(ALICE, 2)
        assert wait_in_step([a, b], 30) == {ALICE: 7}
