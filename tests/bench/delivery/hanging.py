"""Nine healthy remotes while a tenth accepts calls and never answers: how much of their rate the nine lose."""

from functools import partial
from typing import Any

from tests.bench.output.figure import Figure
from tests.bench.sizes import size
from tests.bench.two_sites import TwoSites, list_remote, measure_sending, record_backlog, two_sites
from tests.support.scripted_server import ScriptedServer

REMOTES = 10
BACKLOG = size(3_000, quick=100)
"""For each remote."""
CUSTOMERS = 500
PATIENCE_SECONDS = 300
LAST_SQL = "(SELECT max(id) FROM remote)"
HEALTHY_PENDING_SQL = f"SELECT 1 FROM delivery WHERE state = 'pending' AND remote_id <> {LAST_SQL} LIMIT 1"


def run() -> list[Figure]:
    """The rate of the nine together, beside their rate while the tenth is paused.

    The remotes are reserves of one other site. For the site that sends, that is as much work as ten sites.
    """
    with two_sites() as sites:
        sites.a.cli("remote", "remove", "1")
        for number in range(1, REMOTES + 1):
            for site in (sites.a, sites.b):
                site.cli("reserve", "add", f"r{number}")
            list_remote(sites.a, sites.b, target=f"r{number}", observed=f"r{number}")
        without = _measure(sites, f"UPDATE remote SET paused_at = NULL WHERE id <> {LAST_SQL}")
        hanging = ScriptedServer(_hang)
        try:
            sites.a_database.execute(f"UPDATE remote SET url = '{hanging.url}' WHERE id = {LAST_SQL}")
            during = _measure(sites, "UPDATE remote SET paused_at = NULL")
            assert hanging.got_request.is_set()
        finally:
            hanging.stop()
    return [
        Figure(
            f"{REMOTES - 1} healthy remotes while one hangs",
            during,
            "deliveries/s",
            without,
            "the same with the tenth paused",
            note=f"they lose {1 - during / without:.0%}",
        )
    ]


def _hang(server: ScriptedServer, connection: Any) -> None:
    server.read(connection)
    server.stopping.wait()


def _measure(sites: TwoSites, resume: str) -> float:
    """Deliveries per second of all remotes but the last."""
    sites.a_database.execute("UPDATE remote SET paused_at = CURRENT_TIMESTAMP")
    for number in range(1, REMOTES + 1):
        record_backlog(sites.a, sites.key, BACKLOG, CUSTOMERS, reserve=f"r{number}")
    seconds = measure_sending(
        sites.a_database, partial(sites.a_database.execute, resume), PATIENCE_SECONDS, HEALTHY_PENDING_SQL
    )
    return BACKLOG * (REMOTES - 1) / seconds
