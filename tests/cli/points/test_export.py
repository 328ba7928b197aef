"""`pointsync export`: CSV to stdout or to a file, which is complete or not written at all."""

import csv
import io
import stat
from pathlib import Path

import pytest

from tests.cli.command_batch import run_commands
from tests.cli.conftest import DumpDatabase
from tests.support.process import SiteProcess

ANNA, BOB = "anna@shop.example", "bob@shop.example"


@pytest.fixture(scope="module")
def filled_site(site: SiteProcess) -> SiteProcess:
    """The site with three movements."""
    run_commands(
        site,
        [
            ("setting", "list"),
            ("record", ANNA, "300", "--reason", '=1+1, "Käse"'),
            ("record", ANNA, "-50"),
            ("record", BOB, "5", "--kind", "opening"),
        ],
    )
    return site


def test_customers_to_stdout_movements_into_a_file(filled_site: SiteProcess, tmp_path: Path) -> None:
    file = tmp_path / "movements.csv"
    file.write_text("old")
    plain, exported, later, deliveries = run_commands(
        filled_site,
        [
            ("export",),
            ("export", "movements", "--output", str(file), "--json"),
            ("export", "movements", "--from", "2999-01-01"),
            ("export", "deliveries"),
        ],
    )
    assert plain.out == f"customer,reserve,points\n{ANNA},default,250\n{BOB},default,5\n"
    assert exported.json == {"what": "movements", "rows": 3, "output": str(file)}
    lines = list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))
    assert [line["points"] for line in lines] == ["300", "-50", "5"]
    assert lines[0]["reason"] == '\'=1+1, "Käse"'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert later.out.count("\n") == deliveries.out.count("\n") == 1


def test_a_real_process_writes_utf_8(filled_site: SiteProcess, tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    done = filled_site.run("export", "movements", "--output", str(file))
    assert done.returncode == 0, done
    assert str(file) in done.stdout
    assert "Käse".encode() in file.read_bytes()


def test_invalid_input_is_refused_and_writes_nothing(
    filled_site: SiteProcess, dump: DumpDatabase, tmp_path: Path
) -> None:
    before = dump(filled_site)
    wrong = {
        ("--json",): "--output FILE",
        ("orders",): "orders",
        ("--from", "2026-01-01"): "only for movements",
        ("movements", "--from", "01.02.2026"): "such as 2026-01-31",
        ("movements", "--to", "2026-02-30"): "such as 2026-01-31",
        ("movements", "--to", "0001-01-01"): "such as 2026-01-31",
        ("movements", "--from", "2026-02-01", "--to", "2026-01-01"): "before",
        ("movements", "--reserve", "gold", "--output", str(tmp_path / "x.csv")): "The reserves are default",
        ("--output", str(tmp_path)): "not a file",
        ("--output", str(tmp_path / "none" / "x.csv")): "cannot be written",
    }
    for args, done in zip(wrong, run_commands(filled_site, [("export", *args) for args in wrong]), strict=True):
        assert done.code == 2, done
        assert wrong[args] in done.err, done
        assert done.err.count("\n") == 1, done
    assert list(tmp_path.iterdir()) == []
    assert dump(filled_site) == before
