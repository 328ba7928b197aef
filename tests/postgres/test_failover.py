"""PostgreSQL continues on a server that lacks the last commits: nothing is sent until an admin has decided."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.family import Member
from tests.support.postgres import Cluster, missing_reason
from tests.support.process import SiteProcess, wait_until

ALICE = "alice@shop.example"
SECONDS = 30
COMMITS = 30


class OnPostgres(Member):
    """A member whose database is not a file."""

    url: str

    def row(self, query: str) -> tuple[object, ...]:
        """One row of its database."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            found = connection.execute(query).fetchone()
            assert found
            return found

    def hold(self) -> str | None:
        """Why it sends nothing."""
        return self.row("SELECT hold FROM site")[0]  # type: ignore[return-value]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A server of the test's own, because the test crashes it."""
    if reason := missing_reason():
        pytest.skip(reason)
    with Cluster() as started:
        yield started


def received_count(receiver: Member, origin: Member) -> int:
    [(count,)] = receiver.rows("SELECT count(*) FROM movement WHERE origin = ?", origin.auth)
    return int(count)


@pytest.mark.parametrize(
    "is_restarted",
    [pytest.param(False, id="running"), pytest.param(True, id="restarted with its marker", marks=pytest.mark.long)],
)
def test_a_failover_that_lost_commits(tmp_path: Path, cluster: Cluster, is_restarted: bool) -> None:
    url = cluster.create_database()
    env = {"POINTSYNC_DATABASE_URL": url, "POINTSYNC_SITE_NAME": "a"}
    with SiteProcess(tmp_path / "a", env=env) as first, SiteProcess(tmp_path / "b") as second:
        a, b = OnPostgres("a", first), Member("b", second)
        a.url = url
        assert a.list_other(b)["ping"]["ok"]
        assert b.list_other(a)["ping"]["ok"]
        a.record(ALICE, 10)
        wait_until(lambda: received_count(b, a) == 1, SECONDS, "the first movement arrives")
        marker = (first.data_dir / "marker").read_bytes()
        kept = cluster.keep_data()
        for _ in range(COMMITS):
            wait_until(lambda: a.site.api("GET", "/healthz").status == 200, SECONDS, "it has reconnected")
            a.record(ALICE, 1)
        wait_until(lambda: received_count(b, a) == 1 + COMMITS, SECONDS, "everything arrives")
        if is_restarted:
            first.terminate()
            cluster.fail_over(kept)
            (first.data_dir / "marker").write_bytes(marker)
            first.start()
        else:
            cluster.fail_over(kept)
        words = "set back to an earlier state"
        assert words in wait_until(a.hold, SECONDS, "sending is stopped")
        first.cli("record", ALICE, "100")
        assert received_count(b, a) == 1 + COMMITS
        assert first.cli("confirm", "restored")["hold"] is None
        wait_until(lambda: received_count(b, a) == 2 + COMMITS, SECONDS, "the new movement arrives")
        assert a.hold() is None
        assert b.points(ALICE) == 110 + COMMITS


def test_a_restarted_server_without_losses_goes_on_in_a_new_run(tmp_path: Path, cluster: Cluster) -> None:
    url = cluster.create_database()
    env = {"POINTSYNC_DATABASE_URL": url, "POINTSYNC_SITE_NAME": "a"}
    with SiteProcess(tmp_path / "a", env=env) as first, SiteProcess(tmp_path / "b") as second:
        a, b = OnPostgres("a", first), Member("b", second)
        a.url = url
        assert a.list_other(b)["ping"]["ok"]
        [run] = a.row("SELECT run FROM site")
        cluster.restart("immediate")
        [later_run] = wait_until(
            lambda: (found := a.row("SELECT run FROM site")) != (run,) and found, SECONDS, "a new run begins"
        )
        wait_until(lambda: a.site.api("GET", "/healthz").status == 200, SECONDS, "it has reconnected")
        a.record(ALICE, 10)
        wait_until(lambda: received_count(b, a) == 1, SECONDS, "it arrives")
        assert b.rows("SELECT run FROM origin WHERE auth = ?", a.auth) in ([(later_run,)], [(None,)])
        assert a.hold() is None
        first.terminate()
        first.start()
        assert a.row("SELECT run FROM site") == (later_run,), "the server was not started again"
