"""`pointsync origin`: block a site, and take its movements back while this site runs."""

import sqlite3
from contextlib import closing
from pathlib import Path

from pointsync.ids import new_auth
from tests.support.process import SiteProcess, wait_until

THIEF = "wrk_0123456789abcdef"
ROWS = """
INSERT INTO origin (auth, first_seen_at) VALUES ('wrk_0123456789abcdef', '2026-03-01 12:00:00.000000');
UPDATE movement SET origin = 'wrk_0123456789abcdef' WHERE points > 0;
UPDATE flow SET origin = 'wrk_0123456789abcdef' WHERE given > 0;
"""


def test_an_origin_is_blocked_and_its_movements_are_reversed(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path / "site").create()
    for points in ("100", "-30"):
        site.cli("record", "alice@example.com", points)
    with closing(sqlite3.connect(site.data_dir / "pointsync.db")) as database, database:
        database.executescript(ROWS)
    preview = site.cli("origin", "block", THIEF, "--reverse-from", "2026-01-01", "--dry-run")
    assert (preview["blocked"], preview["preview"]["movements"], preview["preview"]["below_zero"]) == (False, 1, 1)
    assert preview["preview"]["first"] == [
        {"customer": "alice@example.com", "reserve": "default", "points": -100, "after": -30}
    ]
    assert site.cli("origin", "list")[0]["blocked_at"] is None
    refused = site.run("origin", "reverse", THIEF, "--from", "2026-01-01")
    assert (refused.returncode, "Block the site first" in refused.stderr) == (1, True)
    blocked = site.cli("origin", "block", THIEF, "--reason", "Key stolen", "--reverse-from", "2026-01-01")
    assert (blocked["blocked"], blocked["reversal"]["state"], blocked["reversal"]["total"]) == (True, "running", 1)
    with site:
        wait_until(
            lambda: site.cli("origin", "list")[0]["reversal"]["state"] == "finished", 20, "the end of the reversal"
        )
    [listed] = site.cli("origin", "list")
    assert (listed["blocked_reason"], listed["blocked_by"]) == ("Key stolen", "command")
    assert site.cli("balance", "alice@example.com")["balances"] == [{"reserve": "default", "points": -30}]
    assert site.cli("verify")["ok"] is True
    text = site.run("origin", "list").stdout
    assert "finished, 1 of 1" in text
    for arguments, code, words in (
        (("block", "shop"), 2, "16 hex digits"),
        (("block", site.cli("site")["auth"]), 1, "cannot block itself"),
        (("unblock", new_auth()), 1, "No site with that Auth is blocked"),
        (("reverse", new_auth(), "--from", "2026-01-01"), 1, "has ever called"),
        (("reverse", THIEF, "--from", "yesterday"), 2, "A time is a day"),
        (("reverse", THIEF, "--from", "2999-01-01"), 2, "is in the future"),
        (("reverse", THIEF, "--from", "2026-01-01"), 1, "can be reversed"),
    ):
        done = site.run("origin", *arguments)
        assert (done.returncode, done.stdout) == (code, ""), arguments
        assert words in done.stderr
