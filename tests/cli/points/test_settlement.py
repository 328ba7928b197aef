"""`pointsync settlement` and `pointsync why`: as tables, JSON and CSV."""

import csv
import io

from tests.cli.command_batch import run_commands
from tests.cli.conftest import DumpDatabase
from tests.support.process import SiteProcess

ANNA = "anna@shop.example"


def test_months_by_site_and_a_balance_explained(site: SiteProcess) -> None:
    recorded, *_, table, whole, lines, why, explained = run_commands(
        site,
        [
            ("record", ANNA, "300", "--json"),
            ("record", ANNA, "-50"),
            ("record", ANNA, "5", "--kind", "opening"),
            ("settlement",),
            ("settlement", "--json"),
            ("settlement", "--csv"),
            ("why", ANNA),
            ("why", ANNA, "--reserve", "default", "--json"),
        ],
    )
    auth, month = recorded.json["origin"], recorded.json["at"][:7]
    figures = {"movements": 2, "given": 300, "taken": 50, "difference": 250}
    here = {"site": "Mug shop", "auth": auth, **figures}
    assert len(whole.json["months"]) == 6
    assert whole.json["months"][-1]["month"] == month
    assert whole.json["months"][-1]["sites"] == whole.json["sites"] == [here]
    assert whole.json["all"] == figures
    assert whole.json["months"][-1]["stays"]["opening"]["given"] == 5
    assert list(csv.reader(io.StringIO(lines.out)))[1:] == [
        [month, "default", "Mug shop", auth, "2", "300", "50", "250"]
    ]
    assert [line.split() for line in table.out.splitlines()][1] == [month, "Mug", "shop", "2", "300", "50", "250"]
    assert why.out.startswith("default: 255. The 3 movements add up to the balance.\n")
    [reserve] = explained.json["reserves"]
    assert (reserve["balance"], reserve["sum"], reserve["adds_up"]) == (255, 255, True)
    assert {(each["kind"], each["points"]) for each in reserve["parts"]} == {
        ("earn", 300),
        ("spend", -50),
        ("opening", 5),
    }


def test_invalid_input_is_refused(site: SiteProcess, dump: DumpDatabase) -> None:
    run_commands(site, [("setting", "list")])
    before = dump(site)
    wrong = {
        ("settlement", "--from", "2026"): "such as 2026-01",
        ("settlement", "--to", "2026-13"): "--to: Type a month",
        ("settlement", "--from", "2026-02", "--to", "2026-01"): "--to: 2026-01 lies before",
        ("settlement", "--from", "2000-01", "--to", "2026-01"): "at most 36",
        ("settlement", "--csv", "--json"): "one of --csv and --json",
        ("settlement", "--reserve", "silver"): "silver",
        ("why", "nobody"): "nobody",
    }
    for done, words in zip(run_commands(site, list(wrong)), wrong.values(), strict=True):
        assert (done.code, done.out) == (2, ""), done
        assert words in done.err
        assert done.err.count("\n") == 1
    [unknown] = run_commands(site, [("why", "nobody@shop.example")])
    assert unknown.code == 1
    assert dump(site) == before
