"""`backup` and `restore`: a file that is whole or not there, and a database that comes back and says so."""

import json
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.command_batch import run_many
from tests.cli.conftest import Dump
from tests.support.process import CHECKOUT, SiteProcess

ALICE = "alice@shop.example"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data of a site that has a movement, a backup of it, and one without its secret."""
    folder = tmp_path_factory.mktemp("made")
    site = SiteProcess(folder / "site")
    one, bare = str(folder / "one.zip"), str(folder / "bare.zip")
    nothing, recorded, whole, left_out = run_many(
        site, [("backup", one), ("record", ALICE, "5"), ("backup", one), ("backup", bare, "--without-secret")]
    )
    assert (nothing.code, nothing.err.count("\n"), "no site yet" in nothing.err) == (1, 1, True)
    assert (recorded.code, whole.code, left_out.code) == (0, 0, 0)
    assert "keep it as you would a password" in whole.out
    assert "keep that too" in left_out.out
    return folder


@pytest.fixture
def sold(made: Path, tmp_path: Path) -> SiteProcess:
    """A site of the test's own that does not run, with a movement, and backups of it beside its data."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return SiteProcess(tmp_path / "site")


def names(folder: Path) -> set[str]:
    """All files of a folder, hidden ones too, but for what SQLite keeps while a database is open."""
    return {each.name for each in folder.iterdir() if not each.name.endswith(("-wal", "-shm"))}


def balance_in(file: Path) -> int:
    """Alice's balance in a database's file."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        [[points]] = connection.execute("SELECT points FROM balance")
        return int(points)


def test_what_was_backed_up_comes_back_held_and_what_was_there_is_kept(sold: SiteProcess, tmp_path: Path) -> None:
    file = tmp_path / "one.zip"
    assert file.stat().st_mode & 0o777 == 0o600
    before = names(sold.data_dir)
    _, restored, shown, balance, _, site = run_many(
        sold,
        [
            ("record", ALICE, "6"),
            ("restore", str(file), "--json"),
            ("site", "--json"),
            ("balance", ALICE, "--json"),
            ("confirm", "restored"),
            ("site", "--json"),
        ],
    )
    [kept] = restored.json["kept"]
    assert names(sold.data_dir) == before | {Path(kept).name}
    assert balance_in(Path(kept)) == 11
    assert balance.json["balances"] == [{"reserve": "default", "points": 5}]
    assert shown.json["hold"] == restored.json["hold"]
    assert "restored from the backup of 20" in shown.json["hold"]
    assert (sold.data_dir / "pointsync.db").stat().st_mode & 0o777 == 0o600
    assert site.json["hold"] is None
    assert site.json["auth"] == shown.json["auth"]


def test_a_lost_server_comes_back_from_that_file_alone(sold: SiteProcess, tmp_path: Path) -> None:
    new = SiteProcess(tmp_path / "new")
    bare, restored, site, again = run_many(
        new,
        [
            ("restore", str(tmp_path / "bare.zip")),
            ("restore", str(tmp_path / "one.zip"), "--json"),
            ("site", "--json"),
            ("confirm", "restored"),
        ],
    )
    assert (bare.code, bare.out, bare.err.count("\n")) == (1, "", 1)
    assert "POINTSYNC_SECRET_KEY" in bare.err
    assert str(new.data_dir / "secret_key") in bare.err
    assert set(zipfile.ZipFile(tmp_path / "bare.zip").namelist()) == {"about.json", "database"}
    assert restored.json["secret"] is True
    assert again.code == 0
    with closing(sqlite3.connect(sold.data_dir / "pointsync.db")) as connection:
        assert connection.execute("SELECT auth FROM site").fetchall() == [(site.json["auth"],)]
    assert (new.data_dir / "secret_key").read_text() == (sold.data_dir / "secret_key").read_text()
    assert (new.data_dir / "secret_key").stat().st_mode & 0o777 == 0o600
    [unused] = restored.json["kept"]
    assert Path(unused).name.startswith("secret_key.before-restore-")


def test_a_secret_of_ones_own_is_never_packed_and_never_replaced(sold: SiteProcess, tmp_path: Path) -> None:
    own = SiteProcess(tmp_path / "new", env={"POINTSYNC_SECRET_KEY": (tmp_path / "site/secret_key").read_text()})
    another = SiteProcess(tmp_path / "another", env={"POINTSYNC_SECRET_KEY": "a secret of my very own"})
    restored, backed_up = run_many(
        own, [("restore", str(tmp_path / "bare.zip"), "--json"), ("backup", str(tmp_path / "own.zip"))]
    )
    assert (restored.json["secret"], restored.json["kept"]) == (False, [])
    assert "keep that too" in backed_up.out
    assert "secret_key" not in zipfile.ZipFile(tmp_path / "own.zip").namelist()
    [refused] = run_many(another, [("restore", str(tmp_path / "one.zip"))])
    assert (refused.code, refused.err.count("\n"), "take the setting away" in refused.err) == (1, 1, True)
    assert not (another.data_dir / "pointsync.db").exists()


def test_beside_a_running_site_no_restore_is_made_and_no_key_changed(sold: SiteProcess, tmp_path: Path) -> None:
    """Not even where nothing in the database tells that it runs."""
    with SiteProcess(sold.data_dir, env={"POINTSYNC_SCHEDULER": "off"}) as running:
        *refused, recorded = run_many(
            running, [("restore", str(tmp_path / "one.zip")), ("rotate-key",), ("record", ALICE, "1")]
        )
        for each in refused:
            assert (each.code, each.out, each.err.count("\n")) == (1, "", 1)
            assert "stop pointsync serve" in each.err
        assert recorded.code == 0
        assert running.api("GET", "/healthz").status == 200
    assert not [each for each in names(sold.data_dir) if "before" in each or each.endswith((".part", ".new"))]
    assert balance_in(sold.data_dir / "pointsync.db") == 6


def test_where_a_backup_cannot_lie(sold: SiteProcess, tmp_path: Path, dump: Dump) -> None:
    there = tmp_path / "one.zip"
    before, stood = dump(sold), there.read_bytes()
    (tmp_path / "link.zip").symlink_to(sold.data_dir / "pointsync.db")
    database = str(sold.data_dir / "pointsync.db")
    cases = (
        ((str(there),), 1, "--force"),
        ((str(tmp_path),), 2, "is no file"),
        ((str(tmp_path), "--force"), 2, "is no file"),
        (("/dev/null", "--force"), 2, "is no file"),
        ((str(tmp_path / "nowhere" / "one.zip"),), 2, "nothing can be written"),
        (("/proc/one.zip",), 1, "/proc/one.zip"),
        ((database, "--force"), 2, "belongs to the site itself"),
        ((str(tmp_path / "link.zip"), "--force"), 2, "belongs to the site itself"),
        ((str(sold.data_dir / "secret_key"), "--force"), 2, "belongs to the site itself"),
        ((), 2, "FILE"),
    )
    *done, forced = run_many(
        sold, [*(("backup", *args) for args, _, _ in cases), ("backup", str(there), "--force", "--json")]
    )
    for each, (_, code, word) in zip(done, cases, strict=True):
        assert (each.code, each.out, each.err.count("\n")) == (code, "", 1), each
        assert word in each.err, each
    assert dump(sold) == before
    assert not [each for each in names(tmp_path) if each.startswith(".")]
    assert forced.json["bytes"] == there.stat().st_size
    assert there.read_bytes() != stood


def rewritten(change: Callable[[dict], dict]) -> Callable[[Path], None]:
    """Says something else of the backup than what is true."""

    def work(file: Path) -> None:
        with zipfile.ZipFile(file) as old:
            parts = {name: old.read(name) for name in old.namelist()}
        parts["about.json"] = json.dumps(change(json.loads(parts["about.json"]))).encode()
        with zipfile.ZipFile(file, "w") as new:
            for name, content in parts.items():
                new.writestr(name, content)

    return work


def cut(file: Path) -> None:
    """As a copy that was broken off."""
    file.write_bytes(file.read_bytes()[:-2000])


def flipped(file: Path) -> None:
    """One byte in the middle is another one."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def holed(file: Path) -> None:
    """What it holds is whole, and was damaged when it was packed."""
    with zipfile.ZipFile(file) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    parts["database"] = parts["database"][:20_000] + b"\xff" * 40_000 + parts["database"][60_000:]
    with zipfile.ZipFile(file, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)


def another_database(file: Path) -> None:
    """Of another program."""
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE site (name TEXT)")


def newer_database(file: Path) -> None:
    """Such as a newer PointSync has kept."""
    file.write_bytes(zipfile.ZipFile(file).read("database"))
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of_the_future'")


NO_BACKUP, DAMAGED, NEWER = "is no backup", "is damaged", "newer PointSync (9.9)"
SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda file: file.write_bytes(b""), NO_BACKUP),
    "text": (lambda file: file.write_text("points\n" * 1000), NO_BACKUP),
    "another database": (another_database, "is no database of a site"),
    "a newer database": (newer_database, "newer PointSync (unknown)"),
    "a database's head": (lambda file: file.write_bytes(b"SQLite format 3\0" * 100), "is no database of a site"),
    "another zip": (rewritten(lambda about: {"what": "holiday"}), NO_BACKUP),
    "no dict": (rewritten(lambda about: [1]), NO_BACKUP),  # type: ignore[arg-type,return-value]
    "half of it": (rewritten(lambda about: {name: about[name] for name in ("what", "format")}), NO_BACKUP),
    "cut": (cut, DAMAGED),
    "flipped": (flipped, DAMAGED),
    "holed": (holed, DAMAGED),
    "newer format": (rewritten(lambda about: about | {"format": 2, "version": "9.9"}), NEWER),
    "newer schema": (rewritten(lambda about: about | {"schema": "of_the_future", "version": "9.9"}), NEWER),
    "postgresql": (rewritten(lambda about: about | {"database": "postgresql"}), "POINTSYNC_DATABASE_URL"),
}


def test_what_is_no_backup_changes_nothing(sold: SiteProcess, tmp_path: Path, dump: Dump) -> None:
    before, there = dump(sold), names(sold.data_dir) | {"pointsync.db.upgrade"}
    for number, (spoil, _) in enumerate(SPOILT.values()):
        shutil.copy(tmp_path / "one.zip", tmp_path / f"{number}.zip")
        spoil(tmp_path / f"{number}.zip")
    own = ("restore", str(sold.data_dir / "pointsync.db"))
    missing = [("restore", str(tmp_path / "none.zip")), ("restore", str(tmp_path)), ("restore",), own]
    commands = [("restore", str(tmp_path / f"{number}.zip")) for number in range(len(SPOILT))]
    done = run_many(sold, [*commands, *missing])
    for each, (name, (_, word)) in zip(done, SPOILT.items(), strict=False):
        assert (each.code, each.out, each.err.count("\n")) == (1, "", 1), (name, each)
        assert word in each.err, (name, each)
    for each in done[len(SPOILT) :]:
        assert (each.code, each.out, each.err.count("\n")) == (2, "", 1), each
        assert "FILE" in each.err
    assert dump(sold) == before
    assert names(sold.data_dir) == there


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_full_disk_leaves_nothing_half(sold: SiteProcess, tmp_path: Path, dump: Dump, command: str) -> None:
    before, there = dump(sold), names(sold.data_dir) | {"pointsync.db.upgrade"}
    file = tmp_path / ("two.zip" if command == "backup" else "one.zip")
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 200; exec "$@"', "-", *sold.command, command, str(file)],
        cwd=CHECKOUT,
        env=sold.env,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    assert str(file) in done.stderr
    assert dump(sold) == before
    assert names(sold.data_dir) == there
    assert names(tmp_path) == {"site", "one.zip", "bare.zip"}


def test_a_damaged_database_gives_way_to_a_backup(sold: SiteProcess, tmp_path: Path) -> None:
    (sold.data_dir / "pointsync.db").write_bytes(b"not any more" * 1000)
    (sold.data_dir / "secret_key.new").write_text("perhaps the key of what was there")
    restored, balance = run_many(sold, [("restore", str(tmp_path / "one.zip"), "--json"), ("balance", ALICE, "--json")])
    kept, key = map(Path, restored.json["kept"])
    assert kept.read_bytes().startswith(b"not any more")
    assert key.read_text() == "perhaps the key of what was there"
    assert "secret_key.new" not in names(sold.data_dir)
    assert balance.json["balances"] == [{"reserve": "default", "points": 5}]


def test_what_was_kept_comes_back_by_the_same_command(sold: SiteProcess, tmp_path: Path) -> None:
    place, kept = sold.data_dir / "pointsync.db", tmp_path / "pointsync.db.before-upgrade"
    shutil.copy(place, kept)
    _, restored, shown, balance = run_many(
        sold,
        [
            ("record", ALICE, "6"),
            ("restore", str(kept), "--json"),
            ("site", "--json"),
            ("balance", ALICE, "--json"),
        ],
    )
    assert balance_in(Path(restored.json["kept"][0])) == 11
    assert balance.json["balances"] == [{"reserve": "default", "points": 5}]
    assert "restored" in shown.json["hold"]
    [stranger] = run_many(SiteProcess(tmp_path / "new"), [("restore", str(kept))])
    assert (stranger.code, "POINTSYNC_SECRET_KEY" in stranger.err) == (1, True)
