"""A backup of a site on PostgreSQL, by PostgreSQL's own tools."""

import zipfile
from pathlib import Path

from tests.cli.command_batch import run_many
from tests.support.postgres import Cluster
from tests.support.process import SiteProcess

ALICE = "alice@shop.example"


def test_it_comes_back_in_an_empty_database(tmp_path: Path, postgres_cluster: Cluster, postgres_url: str) -> None:
    file, password = tmp_path / "one.zip", postgres_url.replace("@", ":s3cret@")
    site = SiteProcess(tmp_path / "site", env={"POINTSYNC_DATABASE_URL": password})
    bare = SiteProcess(tmp_path / "site", env={"POINTSYNC_DATABASE_URL": password, "PATH": "/nowhere"})
    _, made, _, again = run_many(
        site,
        [
            ("record", ALICE, "5"),
            ("backup", str(file), "--json"),
            ("record", ALICE, "6"),
            ("restore", str(file)),
        ],
    )
    assert (made.json["database"], made.json["secret"]) == ("postgresql", True)
    assert (again.code, again.err.count("\n"), "createdb" in again.err) == (1, 1, True)
    [missing] = run_many(bare, [("backup", str(tmp_path / "two.zip"))])
    assert (missing.code, missing.err.count("\n"), "pg_dump is missing" in missing.err) == (1, 1, True)
    assert {each.name for each in tmp_path.iterdir()} == {"site", "one.zip"}
    assert b"s3cret" not in zipfile.ZipFile(file).read("database")

    empty = postgres_cluster.create_database()
    try:
        new = SiteProcess(tmp_path / "site", env={"POINTSYNC_DATABASE_URL": empty})
        restored, shown, balance, confirmed = run_many(
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
        postgres_cluster.drop(empty)
    rotated, there = run_many(site, [("rotate-key",), ("balance", ALICE, "--json")])
    assert (rotated.code, f"copy {tmp_path}/site/secret_key" in rotated.out) == (0, True)
    assert there.json["balances"] == [{"reserve": "default", "points": 11}]
