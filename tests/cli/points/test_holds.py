"""`pointsync hold`: list and release holds. And a real site that lets a call wait for the next movement."""

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path
from typing import Any

from pointsync import clock
from tests.cli.command_batch import run_commands
from tests.support.process import SiteProcess

ANNA = "anna@shop.example"
WAITING_CALLS = 2
"""As many as may wait at a server with 8 threads."""


def call(site: SiteProcess, key: str, path: str, body: Any = None) -> Any:
    """The decoded answer of the shop API."""
    answer = site.api("POST" if body else "GET", f"/api/v1{path}", body, key, timeout_seconds=60)
    assert answer.status < 300, answer
    return answer.body


def test_holds_are_listed_and_released(served: SiteProcess) -> None:
    created, _, empty = run_commands(
        served,
        [("key", "create", "shop", "--scope", "shop", "--json"), ("record", ANNA, "300"), ("hold", "list", ANNA)],
    )
    assert empty.out == "No points of this customer are held.\n"
    key = created.json["key"]
    body = {"customer": ANNA, "points": 60, "ref": "cart-1", "until": clock.to_text(clock.now() + timedelta(hours=1))}
    hold = call(served, key, "/holds", body)["hold"]
    listed, table, spent = run_commands(
        served, [("hold", "list", ANNA, "--json"), ("hold", "list", ANNA), ("record", ANNA, "-241")]
    )
    [row] = listed.json
    assert row == {
        "id": row["id"],
        "ref": "cart-1",
        "source": "api:shop",
        "reserve": "default",
        "points": 60,
        "until": hold["until"],
    }
    assert "cart-1" in table.out
    assert (spent.code, "60 of them are held" in spent.err) == (1, True)
    released, again, unknown, nobody, wrong = run_commands(
        served,
        [
            ("hold", "release", str(row["id"]), "--json"),
            ("hold", "release", str(row["id"])),
            ("hold", "release", "999"),
            ("hold", "list", "nobody@shop.example"),
            ("hold", "release", "0"),
        ],
    )
    assert (released.json["state"], again.code) == ("released", 0)
    assert (unknown.code, nobody.code, wrong.code) == (1, 1, 2)


def start_waiting_call(pool: ThreadPoolExecutor, site: SiteProcess, key: str, position: str) -> Future[Any]:
    """A call that waits for the next movement. One more than may wait is answered at once: then the others wait."""
    path = f"/movements/feed?after={position}&wait=30"
    calls = [pool.submit(call, site, key, path) for _ in range(WAITING_CALLS + 1)]
    answered, waiting = wait(calls, 20, return_when=FIRST_COMPLETED)
    assert [each.result()["movements"] for each in answered] == [[]]
    return waiting.pop()


def test_a_waiting_call_hears_of_a_movement_of_another_process_and_ends_with_the_site(tmp_path: Path) -> None:
    with SiteProcess(tmp_path) as site, ThreadPoolExecutor(2 * WAITING_CALLS + 1) as pool:
        [created] = run_commands(site, [("key", "create", "follower", "--scope", "read", "--json")])
        key = created.json["key"]
        position = call(site, key, "/movements/feed?after=latest")["next"]
        waiting = start_waiting_call(pool, site, key, position)
        run_commands(site, [("record", ANNA, "5", "--ref", "later")])
        document = waiting.result(20)
        assert [(each["ref"], each["points"]) for each in document["movements"]] == [("later", 5)]

        waiting = start_waiting_call(pool, site, key, document["next"])
        started_at = time.monotonic()
        site.terminate()
        assert waiting.result(20)["movements"] == []
        assert time.monotonic() - started_at < 10
