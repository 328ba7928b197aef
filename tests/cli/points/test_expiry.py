"""`pointsync expiry`: list, preview, set and end rules."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.command_batch import run_commands
from tests.cli.conftest import DumpDatabase
from tests.support.process import SiteProcess

ANNA, BOB = "anna@shop.example", "bob@shop.example"


def test_a_rule_from_its_preview_to_its_end(tmp_path: Path, dump: DumpDatabase) -> None:
    fresh = SiteProcess(tmp_path).create()
    day = datetime.now(UTC).date()
    empty, *_, preview = run_commands(
        fresh,
        [
            ("expiry", "list"),
            ("record", ANNA, "300", "--json"),
            ("record", BOB, "-5", "--kind", "manual", "--json"),
            ("expiry", "preview", "default", "--transactional", "10d", "--json"),
        ],
    )
    assert "pointsync expiry set" in empty.out
    lost_on = (day + timedelta(days=10)).isoformat()
    assert preview.json["losses"] == [{"customer": ANNA, "day": lost_on, "points": 300}]
    assert preview.json["points"] == 300
    assert "INSERT INTO expiry" not in dump(fresh)

    created, listed, shown, yearly, off, gone = run_commands(
        fresh,
        [
            ("expiry", "set", "default", "--transactional", "9m", "--json"),
            ("expiry", "list", "--json"),
            ("expiry", "preview", "default"),
            ("expiry", "set", "default", "--yearly", "02-29", "--json"),
            ("expiry", "set", "default", "--none", "--json"),
            ("expiry", "list", "--json"),
        ],
    )
    expected = {"reserve": "default", "kind": "transactional", "after": "9 months", "on": None, "done": None}
    assert created.json == expected | {"since": day.isoformat()}
    assert listed.json == [created.json]
    assert ANNA in shown.out
    assert "300" in shown.out
    assert (yearly.json["kind"], yearly.json["on"], yearly.json["after"]) == ("yearly", "02-29", None)
    assert off.json == {"reserve": "default", "kind": "none"}
    assert gone.json == []


def test_invalid_input_is_refused_and_changes_nothing(site: SiteProcess, dump: DumpDatabase) -> None:
    run_commands(site, [("reserve", "list")])
    before = dump(site)
    wrong = {
        ("set", "default"): "one of --transactional",
        ("set", "default", "--none", "--yearly", "12-31"): "one of --transactional",
        ("set", "default", "--transactional", "9m", "--inactivity", "9m"): "only one",
        ("set", "default", "--transactional", "0d"): "from 1 to 36,500",
        ("set", "default", "--inactivity", "1201m"): "from 1 to 1,200",
        ("set", "default", "--transactional", "9 months"): "such as 90d or 9m",
        ("set", "default", "--yearly", "02-30"): "no such day",
        ("set", "default", "--yearly", "december"): "such as 12-31",
        ("set", "gold", "--none"): "The reserves are default",
        ("preview", "default"): "has no rule",
    }
    for args, done in zip(wrong, run_commands(site, [("expiry", *args) for args in wrong]), strict=True):
        assert done.code in (1, 2), done
        assert wrong[args] in done.err, done
        assert done.out == ""
    assert dump(site) == before
