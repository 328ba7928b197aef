"""`pointsync import`: its output, its exit codes, and that recorded movements stay after a signal."""

import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.command_batch import run_commands
from tests.cli.conftest import DumpDatabase
from tests.support.paths import CHECKOUT
from tests.support.process import TERMINATE_SECONDS, SiteProcess, wait_until

LINES = 20_000
FILE = "email;points;name\nanna@shop.example;300;Käse\nbob@shop.example;-5;x\n"


@pytest.fixture(scope="module")
def new_site(site: SiteProcess) -> SiteProcess:
    """The site with its database created."""
    run_commands(site, [("setting", "list")])
    return site


def test_a_dry_run_then_opening_balances_then_the_same_file_again(
    new_site: SiteProcess, dump: DumpDatabase, tmp_path: Path
) -> None:
    file = tmp_path / "points.csv"
    file.write_bytes(FILE.encode("cp1252"))
    before = dump(new_site)
    [dry_run] = run_commands(new_site, [("import", str(file), "--dry-run")])
    assert dry_run.code == 0, dry_run
    for words in (
        "Nothing was recorded",
        "2 lines as opening balances: 2 new",
        "Opening balances are not sent",
        "Windows-1252",
        "name",
    ):
        assert words in dry_run.out, dry_run
    assert dry_run.out.splitlines()[-1].split() == ["default", "0", "295", "295"]
    assert dump(new_site) == before
    imported, again, as_new, anna = run_commands(
        new_site,
        [
            ("import", str(file), "--opening", "--json"),
            ("import", str(file), "--json"),
            ("import", str(file), "--new", "--json"),
            ("balance", "anna@shop.example", "--json"),
        ],
    )
    assert (imported.json["state"], imported.json["recorded"], imported.json["ignored"]) == ("recorded", 2, ["name"])
    assert imported.json["sums"] == [{"reserve": "default", "before": 0, "points": 295, "after": 295}]
    assert (again.json["recorded"], again.json["tally"]["known"]) == (0, 2)
    assert (as_new.json["recorded"], as_new.json["tally"]["known_otherwise"]) == (0, 2)
    assert anna.json["balances"] == [{"reserve": "default", "points": 300}]


def test_invalid_lines_stop_the_import_or_are_skipped(new_site: SiteProcess, dump: DumpDatabase) -> None:
    before = dump(new_site)
    lines = "customer,points\ncarl@shop.example,7\nno address,5\n"
    refused, dry_run = run_commands(new_site, [("import", "-"), ("import", "-", "--dry-run", "--json")], stdin=lines)
    assert (refused.code, dry_run.code) == (1, 1)
    assert "Nothing was recorded" in refused.out
    assert '3  "no address" is not a valid e-mail address' in refused.out
    assert json.loads(dry_run.out)["faults"][0]["line"] == 3
    assert dump(new_site) == before
    [good, carl] = run_commands(
        new_site, [("import", "-", "--good-lines"), ("balance", "carl@shop.example")], stdin=lines
    )
    assert (good.code, carl.code) == (0, 0), good
    assert "1 line recorded" in good.out


def test_invalid_input_is_refused_and_changes_nothing(
    new_site: SiteProcess, dump: DumpDatabase, tmp_path: Path
) -> None:
    before = dump(new_site)
    wrong = {
        ("import",): "FILE",
        ("import", str(tmp_path)): "cannot be read",
        ("import", str(tmp_path / "none.csv")): "cannot be read",
        ("import", "a\x00b"): "cannot be read",
        ("import", "-", "--new", "--opening"): "either",
        ("import", "-", "--format", "xlsx"): "--format",
        ("import", "-", "--reserve", "gold"): "The reserves are default",
    }
    for done, words in zip(run_commands(new_site, list(wrong), stdin="email,points\n"), wrong.values(), strict=True):
        assert done.code == 2, done
        assert words in done.err, done
        assert done.err.count("\n") == 1, done
    [broken] = run_commands(new_site, [("import", "-")], stdin=f"email,points\na@x.example,5\n{'x' * 30_000}\n")
    assert (broken.code, broken.out) == (1, "")
    assert "Line 3: it is longer than 20,000 characters" in broken.err
    assert dump(new_site) == before


def test_a_signal_stops_it_and_recorded_movements_stay(served: SiteProcess, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("email,points\n" + "".join(f"c{n}@many.example,5\n" for n in range(LINES)))
    command = [*served.command, "import", str(file), "--json"]
    with subprocess.Popen(command, cwd=CHECKOUT, env=served.env, stdout=subprocess.PIPE, text=True) as process:
        wait_until(lambda: _movement_count(served), 60, "the first lines to be recorded")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=TERMINATE_SECONDS)
    assert process.returncode == 1
    report = json.loads(out)
    assert report["state"] == "stopped"
    assert report["recorded"] == report["done"] == _movement_count(served) < LINES


def _movement_count(site: SiteProcess) -> int:
    with closing(sqlite3.connect(f"file:{site.data_dir}/pointsync.db?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM movement WHERE source = 'import'").fetchone()[0]
