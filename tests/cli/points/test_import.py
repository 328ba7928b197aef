"""`pointsync import`: what it says, its exit codes, and that a signal ends it with what is recorded kept."""

import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.command_batch import run_many
from tests.cli.conftest import Dump
from tests.support.process import CHECKOUT, TERMINATE_SECONDS, SiteProcess, wait_until

LINES = 20_000
FILE = "email;points;name\nanna@shop.example;300;Käse\nbob@shop.example;-5;x\n"


@pytest.fixture(scope="module")
def begun(site: SiteProcess) -> SiteProcess:
    """The site with its database made."""
    run_many(site, [("setting", "list")])
    return site


def test_a_dry_run_then_opening_balances_then_the_same_file_again(
    begun: SiteProcess, dump: Dump, tmp_path: Path
) -> None:
    file = tmp_path / "points.csv"
    file.write_bytes(FILE.encode("cp1252"))
    before = dump(begun)
    [tried] = run_many(begun, [("import", str(file), "--dry-run")])
    assert tried.code == 0, tried
    for words in (
        "nothing was recorded",
        "2 lines as opening balances: 2 new",
        "nothing is sent",
        "Windows-1252",
        "name",
    ):
        assert words in tried.out, tried
    assert tried.out.splitlines()[-1].split() == ["default", "0", "295", "295"]
    assert dump(begun) == before
    made, again, as_new, anna = run_many(
        begun,
        [
            ("import", str(file), "--opening", "--json"),
            ("import", str(file), "--json"),
            ("import", str(file), "--new", "--json"),
            ("balance", "anna@shop.example", "--json"),
        ],
    )
    assert (made.json["state"], made.json["recorded"], made.json["ignored"]) == ("recorded", 2, ["name"])
    assert made.json["sums"] == [{"reserve": "default", "before": 0, "points": 295, "after": 295}]
    assert (again.json["recorded"], again.json["tally"]["known"]) == (0, 2)
    assert (as_new.json["recorded"], as_new.json["tally"]["known_otherwise"]) == (0, 2)
    assert anna.json["balances"] == [{"reserve": "default", "points": 300}]


def test_faulty_lines_stop_all_or_are_left_out(begun: SiteProcess, dump: Dump) -> None:
    before = dump(begun)
    lines = "customer,points\ncarl@shop.example,7\nno address,5\n"
    refused, told = run_many(begun, [("import", "-"), ("import", "-", "--dry-run", "--json")], stdin=lines)
    assert (refused.code, told.code) == (1, 1)
    assert "Nothing was recorded" in refused.out
    assert "3  no address is no e-mail address" in refused.out
    assert json.loads(told.out)["faults"][0]["line"] == 3
    assert dump(begun) == before
    [good, carl] = run_many(begun, [("import", "-", "--good-lines"), ("balance", "carl@shop.example")], stdin=lines)
    assert (good.code, carl.code) == (0, 0), good
    assert "1 line recorded" in good.out


def test_what_cannot_be_is_told_and_changes_nothing(begun: SiteProcess, dump: Dump, tmp_path: Path) -> None:
    before = dump(begun)
    wrong = {
        ("import",): "FILE",
        ("import", str(tmp_path)): "cannot be read",
        ("import", str(tmp_path / "none.csv")): "cannot be read",
        ("import", "a\x00b"): "cannot be read",
        ("import", "-", "--new", "--opening"): "either",
        ("import", "-", "--format", "xlsx"): "--format",
        ("import", "-", "--reserve", "gold"): "there is default",
    }
    for done, words in zip(run_many(begun, list(wrong), stdin="email,points\n"), wrong.values(), strict=True):
        assert done.code == 2, done
        assert words in done.err, done
        assert done.err.count("\n") == 1, done
    [broken] = run_many(begun, [("import", "-")], stdin=f"email,points\na@x.example,5\n{'x' * 30_000}\n")
    assert (broken.code, broken.out) == (1, "")
    assert "Line 3: it is longer than 20,000 characters" in broken.err
    assert dump(begun) == before


def test_a_signal_ends_it_and_what_is_recorded_stays(served: SiteProcess, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("email,points\n" + "".join(f"c{n}@many.example,5\n" for n in range(LINES)))
    command = [*served.command, "import", str(file), "--json"]
    with subprocess.Popen(command, cwd=CHECKOUT, env=served.env, stdout=subprocess.PIPE, text=True) as process:
        wait_until(lambda: _kept(served), 60, "the first lines recorded")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=TERMINATE_SECONDS)
    assert process.returncode == 1
    said = json.loads(out)
    assert said["state"] == "stopped"
    assert said["recorded"] == said["done"] == _kept(served) < LINES


def _kept(site: SiteProcess) -> int:
    with closing(sqlite3.connect(f"file:{site.data_dir}/pointsync.db?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM movement WHERE source = 'import'").fetchone()[0]
