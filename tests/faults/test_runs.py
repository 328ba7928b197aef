"""The processes of one site share a run; the one that opens the database first begins it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.family import Member, wait_in_step
from tests.support.process import TERMINATE_SECONDS, AnyProcess, SiteProcess, free_port, wait_until

SECONDS = 30


@contextmanager
def start(site: SiteProcess, *command: str) -> Iterator[AnyProcess]:
    """Another process on the site's data, killed at the end if it still runs."""
    with site.log.open("ab") as log:
        process = site.spawn(*command, output=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(TERMINATE_SECONDS)


def run(member: Member) -> str:
    [(name,)] = member.rows("SELECT run FROM site")
    return str(name)


def worker_count(member: Member) -> int:
    [(count,)] = member.rows("SELECT count(*) FROM worker")
    return int(count)


def test_several_workers_share_one_run(tmp_path: Path):
    with SiteProcess(tmp_path / "a") as first, SiteProcess(tmp_path / "b") as second:
        a, b = Member("a", first), Member("b", second)
        assert a.list_other(b)["ping"]["ok"]
        assert b.list_other(a)["ping"]["ok"]
        first_run = run(a)
        with start(first, "worker"), start(first, "worker"):
            wait_until(lambda: worker_count(a) == 3, SECONDS, "both workers run")
            assert run(a) == first_run
            for points in range(20):
                a.record("alice@shop.example", points + 1)
            wait_in_step([a, b], SECONDS)
            first.restart()
            wait_until(lambda: worker_count(a) >= 3, SECONDS, "it runs again")
            assert run(a) == first_run, "the workers were running all the time"
            a.record("alice@shop.example", 1)
            wait_in_step([a, b], SECONDS)
        first.restart()
        assert run(a) != first_run
        a.record("alice@shop.example", 1)
        wait_in_step([a, b], SECONDS)
        assert b.rows("SELECT run, previous_run FROM origin WHERE auth = ?", a.auth) == [(run(a), first_run)]
        assert a.rows("SELECT hold FROM site") == [(None,)]


def test_processes_that_start_at_once_begin_one_run(tmp_path: Path):
    site = SiteProcess(tmp_path / "a")
    site.cli("upgrade")
    with start(site, "serve", "--port", str(free_port())), start(site, "worker"), start(site, "worker"):
        wait_until(
            lambda: b"listens at" in site.log.read_bytes() and site.log.read_bytes().count(b" is running.") == 2,
            SECONDS,
            "all of them run",
        )
    assert site.log.read_bytes().count(b"a new run begins") == 1


def test_commands_begin_no_run(tmp_path: Path):
    site = SiteProcess(tmp_path / "a")
    site.cli("upgrade")
    site.cli("record", "alice@shop.example", "5")
    with site:
        member = Member("a", site)
        first_run = run(member)
        site.cli("record", "alice@shop.example", "5")
        assert run(member) == first_run
    site.cli("upgrade")
    site.cli("record", "alice@shop.example", "5")
    assert run(member) == first_run
