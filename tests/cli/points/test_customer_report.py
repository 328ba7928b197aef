"""`pointsync customer report`: on the screen, and as a file."""

import csv
from pathlib import Path

from tests.cli.command_batch import run_commands
from tests.support.process import SiteProcess


def test_on_the_screen_and_as_a_file(site: SiteProcess, tmp_path: Path) -> None:
    file = tmp_path / "alice.csv"
    results = run_commands(
        site,
        [
            ("record", "alice@example.com", "5", "--reason", "Tea"),
            ("customer", "report", "alice@example.com"),
            ("customer", "report", "alice@example.com", "--all-sites", "--csv", str(file)),
            ("customer", "report", "alice@example.com", "--csv", str(tmp_path)),
            ("customer", "report", "alice@example.com", "--csv", str(file), "--json"),
            ("customer", "report", "bob@example.com"),
        ],
    )
    assert [each.code for each in results] == [0, 0, 0, 2, 2, 1], results
    assert "  movements:" in results[1].out
    assert "reason: Tea" in results[1].out
    with file.open(newline="") as lines:
        assert [each["points"] for each in csv.DictReader(lines) if each["part"] == "movements"] == ["5"]
    assert file.stat().st_mode & 0o777 == 0o600
