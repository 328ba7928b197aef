"""Commands with a database of another version, with another secret, and after a restore."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.command_batch import run_commands
from tests.support.process import SiteProcess, free_port

FIRST_TABLES = "da1ae12bb3e8"


def test_another_version_is_refused_and_named(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path).create()
    with closing(sqlite3.connect(tmp_path / "pointsync.db", isolation_level=None)) as connection:
        [[head]] = connection.execute("SELECT version_num FROM alembic_version")
        connection.execute("UPDATE alembic_version SET version_num = ?", (FIRST_TABLES,))
        [earlier] = run_commands(site, [("site", "--json")])
        assert (earlier.code, earlier.out, earlier.err.count("\n")) == (1, "", 1)
        assert "pointsync upgrade" in earlier.err
        connection.execute("UPDATE alembic_version SET version_num = 'of_the_future'")
        port = str(free_port())
        commands = [("site",), ("record", "a@b.example", "5"), ("upgrade",), ("worker",), ("serve", "--port", port)]
        for newer in run_commands(site, [*commands, ("backup", str(tmp_path / "one.zip"))]):
            assert (newer.code, newer.out, newer.err.count("\n")) == (newer.code or 3, "", 1), newer
            assert "newer PointSync (this one does not know its version of_the_future" in newer.err, newer
        connection.execute("UPDATE alembic_version SET version_num = ?", (head,))
    assert not [each.name for each in tmp_path.iterdir() if "before" in each.name or each.suffix == ".zip"]
    assert site.cli("site")["auth"]


def test_a_database_that_cannot_be_reached_is_named_by_its_setting(tmp_path: Path, postgres_url: str) -> None:
    dead = f"postgresql://points:s3cret@127.0.0.1:{free_port()}/points"
    # An unknown database is refused like a wrong password, at the first connection.
    refused = f"{postgres_url.replace('@', ':s3cret@')}_gone"
    for url in (dead, refused):
        site = SiteProcess(tmp_path, env={"POINTSYNC_DATABASE_URL": url})
        for command in ("serve", "worker", "upgrade", "site"):
            done = site.run(command)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
            assert "POINTSYNC_DATABASE_URL names a database that cannot be reached" in done.stderr
            assert "s3cret" not in done.stderr
            assert not (site.data_dir / "marker").exists()


def test_another_secret(tmp_path: Path) -> None:
    SiteProcess(tmp_path).create()
    [done] = run_commands(SiteProcess(tmp_path, env={"POINTSYNC_SECRET_KEY": "x" * 32}), [("site",)])
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "POINTSYNC_SECRET_KEY" in done.err


def test_a_restored_backup_is_on_hold_until_confirmed(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path / "site").create()
    site.cli("record", "alice@example.com", "5")
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(site.data_dir / "pointsync.db")) as now, closing(sqlite3.connect(backup)) as copy:
        now.backup(copy)
    site.cli("record", "alice@example.com", "6")
    for each in site.data_dir.glob("pointsync.db*"):
        each.unlink()
    shutil.copy(backup, site.data_dir / "pointsync.db")

    recorded, shown, confirmed, again = run_commands(
        site,
        [
            ("record", "alice@example.com", "7", "--json"),
            ("site", "--json"),
            ("confirm", "restored", "--json"),
            ("confirm", "restored"),
        ],
    )
    assert recorded.json["balance"] == 12
    assert "Nothing is sent" in recorded.err
    assert "restored from a backup" in shown.json["hold"]
    assert confirmed.json["hold"] is None
    assert again.code == 1
    assert site.cli("site")["hold"] is None


def test_verify_finds_a_balance_that_is_not_its_sum(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path).create()
    site.cli("record", "alice@example.com", "5")
    with closing(sqlite3.connect(tmp_path / "pointsync.db", isolation_level=None)) as connection:
        connection.execute("UPDATE balance SET points = 6")
    answer = site.cli("verify", expect=1)
    difference = {"customer": "alice@example.com", "reserve": "default", "balance": 6, "movements": 5}
    assert answer == {"ok": False, "differences": [difference]}


def test_no_command_begins_a_second_site(tmp_path: Path) -> None:
    """Without a database, only those that create one work, and not beside the marker of a lost one."""
    site = SiteProcess(tmp_path / "site")
    commands = [("site",), ("record", "a@b.example", "5"), ("verify",), ("admin", "list"), ("worker",)]
    for done in run_commands(site, [*commands, ("backup", str(tmp_path / "one.zip"))]):
        assert (done.code != 0, done.out, done.err.count("\n")) == (True, "", 1), done
        assert "no site" in done.err, done
    assert not list(site.data_dir.glob("pointsync.db*"))
    site.create()
    [recorded] = run_commands(site, [("record", "a@b.example", "5")])
    assert recorded.code == 0

    backup = tmp_path / "one.zip"
    assert run_commands(site, [("backup", str(backup))])[0].code == 0
    for each in site.data_dir.glob("pointsync.db*"):
        each.unlink()
    before = {each.name for each in site.data_dir.iterdir()}
    again = [*commands, ("upgrade",), ("serve", "--port", str(free_port()))]
    for done in run_commands(site, again):
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
        assert f"{site.data_dir / 'marker'} shows that there was one" in done.err, done
        assert "pointsync restore FILE" in done.err
    assert {each.name for each in site.data_dir.iterdir()} == before
    [forced] = run_commands(site, [("backup", str(backup), "--force")])
    assert (forced.code, "no site yet" in forced.err) == (1, True)

    restored, shown = run_commands(site, [("restore", str(backup), "--json"), ("balance", "a@b.example", "--json")])
    assert restored.code == 0
    assert shown.json["balances"] == [{"reserve": "default", "points": 5}]

    for each in site.data_dir.glob("pointsync.db*"):
        each.unlink()
    (site.data_dir / "pointsync.db").touch()
    assert "shows that there was one" in site.run("upgrade").stderr, "an empty file is no database either"
    (site.data_dir / "marker").unlink()
    assert site.create().cli("site")["hold"] is None, "a new site"
