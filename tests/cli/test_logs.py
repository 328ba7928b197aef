"""The log of a running site: one line of JSON per event, and no secrets."""

import json
import socket
from pathlib import Path
from typing import Any

from pointsync import clock
from tests.cli.command_batch import run_commands
from tests.support.process import SiteProcess, call, free_port, wait_until

CANARY = "canary.anna@canary.example"
PASSWORD = "a canary password"


def test_the_log_of_a_running_site(tmp_path: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    with SiteProcess(tmp_path / "site", env={"POINTSYNC_LOG_FORMAT": "json"}) as site:
        line = ("--url", dead, "--auth", "wrk_00000000000000aa", "--pass", "wrs_canarycanarycana")
        secrets, key, *_ = run_commands(
            site,
            [
                ("site", "--secrets", "--json"),
                ("key", "create", "shop", "--json"),
                ("setting", "set", "delay_seconds", "1"),
                ("remote", "add", *line, "--target", "default", "--observed", "default"),
                ("admin", "create", CANARY, "--password-stdin"),
                ("record", CANARY, "1"),
            ],
            stdin=f"{PASSWORD}\n",
        )
        recorded = site.api("POST", "/api/v1/movements", {"customer": CANARY, "points": 5}, key.json["key"])
        assert recorded.status == 201
        spend = {"customer": CANARY, "points": -50, "kind": "redeem"}
        assert site.api("POST", "/api/v1/movements", spend, key.json["key"]).status == 409
        assert site.api("GET", f"/api/v1/customers/not.{CANARY}", key=key.json["key"]).status == 404
        assert site.api("GET", f"/{CANARY}").status == 404
        assert site.api("GET", "/api/v1/reserves", key="psk_canary").status == 401
        woo = f"{site.url}/wp-json/woorewards/v1/pointsync/sync/default/{CANARY}/5/add?source=x&transaction_id=1"
        assert call("GET", woo).status >= 400
        wait_until(lambda: "check failed" in site.log_tail(), 30, "the ping of the remote")
        assert site.terminate() == 0
    text = site.log.read_text()
    printed, logged = (
        [each for each in text.splitlines() if each.startswith("{") == is_logged] for is_logged in (False, True)
    )
    assert [each.split(" http")[0] for each in printed] == [
        f"{socket.gethostname()} listens at",
        "Create the first admin. This link works once:",
    ]
    secret_values = (secrets.json["pass"], (site.data_dir / "secret_key").read_text(), key.json["key"])
    for secret in ("canary", "@", "psk_", printed[1].rpartition("/")[2], *secret_values):
        assert secret not in "\n".join(logged), secret

    events: list[dict[str, Any]] = [json.loads(each) for each in logged]
    for event in events:
        assert {"time", "level", "logger", "message"} <= set(event)
        assert event["time"].endswith("Z")
        clock.from_text(event["time"])
        assert event["level"] in ("info", "warning")
    by_message = {event["message"]: event for event in events}
    movement = recorded.body["movement"]["id"]
    assert by_message[f"movements recorded: 1, last id {movement}"]["movement"] == movement
    calls = [(event["method"], event["path"], event["status"]) for event in events if "method" in event]
    assert ("POST", "/api/v1/movements", 409) in calls
    assert ("GET", "(no such address)", 404) in calls
    assert ("GET", "/api/v1/reserves", 401) in calls
    failed = next(event for event in events if "check failed" in event["message"])
    assert (failed["remote"], failed["code"]) == (1, "refused_connection")
    assert [event["message"].partition(",")[0] for event in events][-2:] == ["serve is stopping", "serve stopped"]
