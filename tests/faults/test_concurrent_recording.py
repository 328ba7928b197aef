"""Sixteen at once, ten seconds long, on the same customer of a real site: the balance is the sum, to the point."""

import json
import threading
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic

import pytest

from tests.support.process import SiteProcess

ALICE = "alice@shop.example"
CALLERS = 16
SECONDS = 10.0


class Caller:
    """A shop's software on a connection of its own, kept open."""

    def __init__(self, site: SiteProcess, key: str, number: int) -> None:
        self.connection = HTTPConnection("127.0.0.1", site.port, timeout=60)
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.number = number
        self.given: list[int] = []
        self.other: list[tuple[int, bytes]] = []

    def record(self, seconds: float) -> None:
        """Record as fast as the site answers, points above and below zero."""
        ends, turn = monotonic() + seconds, 0
        while monotonic() < ends:
            turn += 1
            points = self.number * turn % 9 - 3 or 5
            body = json.dumps({"customer": ALICE, "points": points, "kind": "manual"})
            self.connection.request("POST", "/api/v1/movements", body, self.headers)
            answer = self.connection.getresponse()
            text = answer.read()
            if answer.status == 201:
                self.given.append(points)
            else:
                self.other.append((answer.status, text))
        self.connection.close()


def movements_of(site: SiteProcess, key: str) -> list[int]:
    """The points of all of the customer's movements, read page by page."""
    points: list[int] = []
    cursor = ""
    while True:
        page = site.api("GET", f"/api/v1/customers/{ALICE}/movements?limit=200{cursor}", key=key).body
        points += [each["points"] for each in page["movements"]]
        if page["next"] is None:
            return points
        cursor = f"&cursor={page['next']}"


@pytest.mark.timeout(180)
def test_the_balance_is_the_sum(tmp_path: Path, database_url: str) -> None:
    env = {} if database_url.startswith("sqlite") else {"POINTSYNC_DATABASE_URL": database_url}
    with SiteProcess(tmp_path, env=env) as site:
        key = site.cli("key", "create", "shop")["key"]
        callers = [Caller(site, key, number) for number in range(CALLERS)]
        threads = [threading.Thread(target=caller.record, args=(SECONDS,)) for caller in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        given = [points for caller in callers for points in caller.given]
        assert [caller.other for caller in callers] == [[]] * CALLERS
        assert all(caller.given for caller in callers)
        assert site.cli("balance", ALICE)["balances"] == [{"reserve": "default", "points": sum(given)}]
        assert site.cli("verify") == {"ok": True, "differences": []}
        assert sorted(movements_of(site, key)) == sorted(given)
        print(f"{len(given):,} movements recorded, {sum(given):+,} points")
