"""Two real sites, set up only with commands."""

from pathlib import Path

from tests.support.process import SiteProcess, wait_until

LINE = ("--target", "default", "--observed", "default")


def test_recorded_movements_arrive_at_the_other_site(tmp_path: Path) -> None:
    with (
        SiteProcess(tmp_path / "mugs", env={"POINTSYNC_SITE_NAME": "Mug shop"}) as mugs,
        SiteProcess(tmp_path / "teas", env={"POINTSYNC_SITE_NAME": "Tea shop"}) as teas,
    ):
        mugs.cli("record", "alice@example.com", "5", "--reason", "Before Tea shop was listed")
        key = teas.cli("site", "--secrets")["sharing_key"]
        added = mugs.cli("remote", "add", "--sharing-key", key, "--url", teas.url, *LINE)
        assert (added["ping"]["ok"], added["ping"]["code"]) == (True, "ok")
        mugs.cli("record", "alice@example.com", "30")
        wait_until(lambda: _points(teas, "alice@example.com") == 30, 20, "it arrives")
        mugs.cli("remote", "history", str(added["id"]))
        wait_until(lambda: _points(teas, "alice@example.com") == 35, 20, "earlier movements arrive")

        [line] = wait_until(lambda: _in_step(mugs), 20, "the list says that all is delivered")
        assert (line["name"], line["dialect"], line["status"]) == ("Tea shop", "pointsync", "green")
        assert line["url"] == teas.url
        assert line["last_success_at"]
        assert "Tea shop" in mugs.run("remote", "list").stdout

        teas.kill()
        mugs.cli("record", "alice@example.com", "1")
        waiting = mugs.cli("remote", "list")[0]["waiting"]
        assert waiting == 1
        refused = mugs.run("remote", "remove", "1")
        assert refused.returncode == 1
        assert "1 movement is waiting for this remote" in refused.stderr
        assert "1 movements" not in refused.stderr
        assert mugs.cli("remote", "remove", "1", "--drop", "1")["dropped"] == 1
        assert mugs.cli("remote", "list") == []


def _points(site: SiteProcess, email: str) -> int:
    done = site.run("balance", email)
    return int(done.stdout.split()[-1].replace(",", "")) if done.returncode == 0 else 0


def _in_step(site: SiteProcess) -> list[dict[str, object]] | None:
    remotes = site.cli("remote", "list")
    return remotes if all(each["waiting"] == 0 and each["status"] == "green" for each in remotes) else None
