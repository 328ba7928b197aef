"""Sixteen clients record movements of one customer at once: the balance is exactly the sum."""

import json
import threading
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic

import pytest

from tests.support.process import SiteProcess

ALICE = "alice@shop.example"
CALLERS = 16


class ShopClient:
    """A shop's software with its own open connection."""

    def __init__(self, site: SiteProcess, key: str, number: int) -> None:
        self.connection = HTTPConnection("127.0.0.1", site.port, timeout=60)
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.number = number
        self.recorded: list[int] = []
        self.failures: list[tuple[int, bytes]] = []

    def record(self, seconds: float) -> None:
        """Record as fast as the site answers, with positive and negative points."""
        end, count = monotonic() + seconds, 0
        while monotonic() < end:
            count += 1
            points = self.number * count % 9 - 3 or 5
            body = json.dumps({"customer": ALICE, "points": points, "kind": "manual"})
            self.connection.request("POST", "/api/v1/movements", body, self.headers)
            answer = self.connection.getresponse()
            text = answer.read()
            if answer.status == 201:
                self.recorded.append(points)
            else:
                self.failures.append((answer.status, text))
        self.connection.close()


def list_points(site: SiteProcess, key: str) -> list[int]:
    """The points of all movements of the customer, read page by page."""
    points: list[int] = []
    cursor = ""
    while True:
        page = site.api("GET", f"/api/v1/customers/{ALICE}/movements?limit=200{cursor}", key=key).body
        points += [each["points"] for each in page["movements"]]
        if page["next"] is None:
            return points
        cursor = f"&cursor={page['next']}"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seconds", [1.0, pytest.param(4.0, marks=pytest.mark.long)])
def test_the_balance_is_the_sum(tmp_path: Path, database_url: str, seconds: float) -> None:
    env = {} if database_url.startswith("sqlite") else {"POINTSYNC_DATABASE_URL": database_url}
    with SiteProcess(tmp_path, env=env) as site:
        key = site.cli("key", "create", "shop")["key"]
        callers = [ShopClient(site, key, number) for number in range(CALLERS)]
        threads = [threading.Thread(target=caller.record, args=(seconds,)) for caller in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        recorded = [points for caller in callers for points in caller.recorded]
        assert [caller.failures for caller in callers] == [[]] * CALLERS
        assert all(caller.recorded for caller in callers)
        assert site.cli("balance", ALICE)["balances"] == [{"reserve": "default", "points": sum(recorded)}]
        assert site.cli("verify") == {"ok": True, "differences": []}
        assert sorted(list_points(site, key)) == sorted(recorded)
        print(f"{len(recorded):,} movements recorded, {sum(recorded):+,} points")
