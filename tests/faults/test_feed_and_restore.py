"""A cursor of the feed survives a kill and a new start. After a restore it is refused, with what to do."""

from pathlib import Path

from tests.support.process import SiteProcess

FEED = "/api/v1/movements/feed"


def test_a_cursor_over_a_kill_and_a_restore(tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    with SiteProcess(tmp_path / "site") as site:
        key = site.cli("key", "create", "follower", "--scope", "read")["key"]

        def read(after: str) -> tuple[int, dict]:
            answer = site.api("GET", f"{FEED}?after={after}", key=key)
            return answer.status, answer.body

        _, document = read("latest")
        early = document["next"]
        site.cli("record", "anna@shop.example", "1")
        site.cli("backup", str(file))
        site.cli("record", "anna@shop.example", "2")
        site.restart()
        status, document = read(early)
        late = document["next"]
        assert (status, [each["points"] for each in document["movements"]]) == (200, [1, 2])

        site.terminate()
        site.cli("restore", str(file))
        site.start()
        assert read(late)[1]["error"]["code"] == "cursor_invalid", "before anybody has said what the database is"
        site.cli("record", "anna@shop.example", "4")
        assert read(late)[1]["error"]["code"] == "cursor_invalid", "another movement has this number now"
        assert [each["points"] for each in read(early)[1]["movements"]] == [1, 4]
        site.cli("confirm", "restored")
        for cursor in (early, late):
            status, document = read(cursor)
            assert (status, document["error"]["code"]) == (409, "cursor_invalid")
        assert "after=latest" in document["error"]["message"]
        assert read("latest")[0] == 200
