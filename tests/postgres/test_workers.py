"""One site on PostgreSQL with several processes: web processes without a scheduler, and workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.family import Member, wait_in_step
from tests.support.process import TERMINATE_SECONDS, AnyProcess, SiteProcess, wait_until

MOVEMENTS = 3_000


@contextmanager
def worker(site: SiteProcess) -> Iterator[AnyProcess]:
    """A worker of that site, killed at the end if it still runs."""
    with site.log.open("ab") as log:
        process = site.spawn("worker", output=log, env={"POINTSYNC_SCHEDULER": "on"})
    try:
        yield process
    finally:
        process.kill()
        process.wait(TERMINATE_SECONDS)


class OnPostgres(Member):
    """A member whose data is read with commands, because its database is not a file."""

    def waiting(self) -> int:
        return sum(int(remote["waiting"]) for remote in self.remotes())

    def balances(self) -> dict[str, int]:
        return {email: points for email in self.customers if (points := self.points(email)) is not None}

    customers: tuple[str, ...] = ()


def test_two_workers_send_everything_once_even_if_one_is_killed(tmp_path: Path, postgres_url: str) -> None:
    env = {"POINTSYNC_DATABASE_URL": postgres_url, "POINTSYNC_SCHEDULER": "off", "POINTSYNC_SITE_NAME": "a"}
    with SiteProcess(tmp_path / "a", env=env) as first, SiteProcess(tmp_path / "b") as second:
        a, b = OnPostgres("a", first), Member("b", second)
        a.customers = tuple(f"c{number}@shop.example" for number in range(7))
        assert a.list_other(b)["ping"]["ok"]
        assert b.list_other(a)["ping"]["ok"]
        b.record(a.customers[0], 1000)
        movements = [{"customer": a.customers[number % 7], "points": 1} for number in range(MOVEMENTS)]
        with worker(first) as killed_worker, worker(first):
            a.record_many(movements[:1000])
            wait_until(
                lambda: b.rows("SELECT count(*) FROM movement WHERE origin = ?", a.auth)[0][0],
                30,
                "sending has started",
            )
            a.record_many(movements[1000:])
            killed_worker.kill()
            wait_in_step([a, b], 60)
        [(rows, ids)] = b.rows("SELECT count(*), count(DISTINCT id) FROM movement WHERE origin = ?", a.auth)
        assert rows == ids == MOVEMENTS
        assert sum(b.balances().values()) == MOVEMENTS + 1000
        assert a.site.cli("verify")["ok"]
        assert b.site.cli("verify")["ok"]


def test_a_terminated_worker_ends_in_time(tmp_path: Path, postgres_url: str) -> None:
    site = SiteProcess(tmp_path / "a", env={"POINTSYNC_DATABASE_URL": postgres_url, "POINTSYNC_SCHEDULER": "on"})
    site.create()
    with worker(site) as process:
        wait_until(lambda: " is running." in site.log_tail(), 30, "the worker runs")
        assert site.run("balance", "nobody@shop.example").returncode == 1
        process.terminate()
        assert process.wait(TERMINATE_SECONDS) == 0
