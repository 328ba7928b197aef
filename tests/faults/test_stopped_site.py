"""One site of three is stopped for a while: the others continue, its status shows it, and nothing is lost."""

from pathlib import Path

from tests.support.family import family, wait_in_step
from tests.support.process import wait_until

MAX_ATTEMPTS = 3


def test_orange_then_red_then_everything_arrives_and_orange_again(tmp_path: Path):
    with family(tmp_path, "a", "b", "c") as (a, b, c):
        for member in (a, b):
            member.site.cli("setting", "set", "delay_seconds", "1")
            member.site.cli("setting", "set", "max_attempts", str(MAX_ATTEMPTS))
        a.record("first@shop.example", 5)
        wait_in_step([a, b, c], 10)
        wait_until(lambda: a.status_for(c) == "green", 30, "green while it runs")

        c.site.terminate()
        a.record("alice@shop.example", 10)
        wait_until(lambda: a.status_for(c) == "warning", 30, "orange")
        query = "SELECT count(*) FROM delivery JOIN remote ON remote.id = remote_id WHERE state = 'pending' AND url = ?"
        assert a.rows(query, c.site.url) == [(1,)]

        b.record("alice@shop.example", 7)
        wait_until(
            lambda: a.points("alice@shop.example") == b.points("alice@shop.example") == 17, 30, "A and B continue"
        )
        wait_until(lambda: a.status_for(c) == "error", 30, "red at max attempts")
        assert ": error, was warning: " in a.site.log_tail()
        remote = a.remote_for(c)
        assert str(MAX_ATTEMPTS) in remote["status_text"]
        assert "connection" in remote["last_error"]
        [(attempts,)] = a.rows("SELECT max(attempts) FROM delivery WHERE state = 'pending'")
        assert attempts == MAX_ATTEMPTS, "once red, it gets pings, not attempts"
        a.record("alice@shop.example", -2, reason="Recorded while red")

        c.site.start()
        wait_in_step([a, b, c], 30)
        assert c.points("alice@shop.example") == 15
        wait_until(lambda: a.status_for(c) == "warning", 30, "orange again")
        remote = a.remote_for(c)
        assert remote["waiting"] == 0
        assert "Last error" in remote["status_text"]
