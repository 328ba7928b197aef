"""A backup of a site on PostgreSQL, made with PostgreSQL's own tools."""

import zipfile
from pathlib import Path

from tests.cli.command_batch import run_commands
from tests.support.postgres import Cluster
from tests.support.process import SiteProcess

ALICE = "alice@shop.example"


def test_it_is_restored_into_an_empty_database(tmp_path: Path, postgres_cluster: Cluster, postgres_url: str) -> None:
    file, password = tmp_path / "one.zip", postgres_url.replace("@", ":s3cret@")
    site = SiteProcess(tmp_path / "site", env={"POINTSYNC_DATABASE_URL": password}).create()
    without_tools = SiteProcess(tmp_path / "site", env={"POINTSYNC_DATABASE_URL": password, "PATH": "/nowhere"})
    _, backup, _, second_restore = run_commands(
        site,
        [
            ("record", ALICE, "5"),
            ("backup", str(file), "--json"),
            ("record", ALICE, "6"),
            ("restore", str(file)),
        ],
    )
    assert (backup.json["database"], backup.json["secret"]) == ("postgresql", True)
    assert (second_restore.code, second_restore.err.count("\n"), "createdb" in second_restore.err) == (1, 1, True)
    [missing] = run_commands(without_tools, [("backup", str(tmp_path / "two.zip"))])
    assert (missing.code, missing.err.count("\n"), "pg_dump is missing" in missing.err) == (1, 1, True)
    assert {each.name for each in tmp_path.iterdir()} == {"site", "one.zip"}
    assert b"s3cret" not in zipfile.ZipFile(file).read("database")

    empty_url = postgres_cluster.create_database()
    try:
        new = SiteProcess(tmp_path / "site", env={"POINTSYNC_DATABASE_URL": empty_url})
        restored, shown, balance, confirmed = run_commands(
            new,
            [
                ("restore", str(file), "--json"),
                ("site", "--json"),
                ("balance", ALICE, "--json"),
                ("confirm", "restored", "--json"),
            ],
        )
        assert (restored.json["kept"], restored.json["secret"]) == ([], False)
        assert "restored from the backup" in shown.json["hold"]
        assert balance.json["balances"] == [{"reserve": "default", "points": 5}]
        assert confirmed.json["hold"] is None
    finally:
        postgres_cluster.drop(empty_url)
    rotated, balance = run_commands(site, [("rotate-key",), ("balance", ALICE, "--json")])
    assert (rotated.code, f"other machines of this site: {tmp_path}/site/secret_key" in rotated.out) == (0, True)
    assert balance.json["balances"] == [{"reserve": "default", "points": 11}]
