"""`backup` writes a file completely or not at all. `restore` brings the database back, on hold."""

import json
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.command_batch import run_commands
from tests.cli.conftest import DumpDatabase
from tests.support.paths import CHECKOUT
from tests.support.process import SiteProcess

ALICE = "alice@shop.example"


@pytest.fixture(scope="module")
def site_with_backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data of a site that has a movement, a backup of it, and one without its secret."""
    folder = tmp_path_factory.mktemp("made")
    site = SiteProcess(folder / "site")
    one, bare = str(folder / "one.zip"), str(folder / "bare.zip")
    nothing, _, recorded, whole, left_out = run_commands(
        site,
        [("backup", one), ("upgrade",), ("record", ALICE, "5"), ("backup", one), ("backup", bare, "--without-secret")],
    )
    assert (nothing.code, nothing.err.count("\n"), "no site yet" in nothing.err) == (1, 1, True)
    assert (recorded.code, whole.code, left_out.code) == (0, 0, 0)
    assert "Keep it as safe as a password" in whole.out
    assert "Keep that key in another place" in left_out.out
    return folder


@pytest.fixture
def own_site(site_with_backup: Path, tmp_path: Path) -> SiteProcess:
    """A site for one test that does not run, with a movement, and with backups beside its data."""
    shutil.copytree(site_with_backup, tmp_path, dirs_exist_ok=True)
    return SiteProcess(tmp_path / "site")


def file_names(folder: Path) -> set[str]:
    """All files in a folder, including hidden ones, except those that SQLite keeps while a database is open."""
    return {each.name for each in folder.iterdir() if not each.name.endswith(("-wal", "-shm"))}


def balance_in(file: Path) -> int:
    """Alice's balance in a database's file."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        [[points]] = connection.execute("SELECT points FROM balance")
        return int(points)


def test_a_restored_site_is_on_hold_and_the_replaced_database_is_kept(own_site: SiteProcess, tmp_path: Path) -> None:
    file = tmp_path / "one.zip"
    assert file.stat().st_mode & 0o777 == 0o600
    before = file_names(own_site.data_dir)
    _, restored, shown, balance, _, site = run_commands(
        own_site,
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
    assert file_names(own_site.data_dir) == before | {Path(kept).name}
    assert balance_in(Path(kept)) == 11
    assert balance.json["balances"] == [{"reserve": "default", "points": 5}]
    assert shown.json["hold"] == restored.json["hold"]
    assert "restored from the backup of 20" in shown.json["hold"]
    assert (own_site.data_dir / "pointsync.db").stat().st_mode & 0o777 == 0o600
    assert site.json["hold"] is None
    assert site.json["auth"] == shown.json["auth"]


def test_a_lost_server_is_restored_from_the_backup_alone(own_site: SiteProcess, tmp_path: Path) -> None:
    new = SiteProcess(tmp_path / "new")
    bare, restored, site, again = run_commands(
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
    with closing(sqlite3.connect(own_site.data_dir / "pointsync.db")) as connection:
        assert connection.execute("SELECT auth FROM site").fetchall() == [(site.json["auth"],)]
    assert (new.data_dir / "secret_key").read_text() == (own_site.data_dir / "secret_key").read_text()
    assert (new.data_dir / "secret_key").stat().st_mode & 0o777 == 0o600
    [unused] = restored.json["kept"]
    assert Path(unused).name.startswith("secret_key.before-restore-")


def test_a_configured_secret_is_never_backed_up_and_never_replaced(own_site: SiteProcess, tmp_path: Path) -> None:
    own = SiteProcess(tmp_path / "new", env={"POINTSYNC_SECRET_KEY": (tmp_path / "site/secret_key").read_text()})
    another = SiteProcess(tmp_path / "another", env={"POINTSYNC_SECRET_KEY": "a secret of my very own"})
    restored, backed_up = run_commands(
        own, [("restore", str(tmp_path / "bare.zip"), "--json"), ("backup", str(tmp_path / "own.zip"))]
    )
    assert (restored.json["secret"], restored.json["kept"]) == (False, [])
    assert "Keep that key in another place" in backed_up.out
    assert "secret_key" not in zipfile.ZipFile(tmp_path / "own.zip").namelist()
    [refused] = run_commands(another, [("restore", str(tmp_path / "one.zip"))])
    assert (refused.code, refused.err.count("\n"), "Remove that setting" in refused.err) == (1, 1, True)
    assert not (another.data_dir / "pointsync.db").exists()


def test_restore_and_key_rotation_are_refused_while_the_site_runs(own_site: SiteProcess, tmp_path: Path) -> None:
    """Also if nothing in the database shows that it runs."""
    with SiteProcess(own_site.data_dir, env={"POINTSYNC_SCHEDULER": "off"}) as running:
        *refused, recorded = run_commands(
            running, [("restore", str(tmp_path / "one.zip")), ("rotate-key",), ("record", ALICE, "1")]
        )
        for each in refused:
            assert (each.code, each.out, each.err.count("\n")) == (1, "", 1)
            assert "Stop pointsync serve" in each.err
        assert recorded.code == 0
        assert running.api("GET", "/healthz").status == 200
    assert not [each for each in file_names(own_site.data_dir) if "before" in each or each.endswith((".part", ".new"))]
    assert balance_in(own_site.data_dir / "pointsync.db") == 6


def test_invalid_backup_paths(own_site: SiteProcess, tmp_path: Path, dump: DumpDatabase) -> None:
    existing_files = tmp_path / "one.zip"
    before, old_content = dump(own_site), existing_files.read_bytes()
    (tmp_path / "link.zip").symlink_to(own_site.data_dir / "pointsync.db")
    database = str(own_site.data_dir / "pointsync.db")
    cases = (
        ((str(existing_files),), 1, "--force"),
        ((str(tmp_path),), 2, "is not a file"),
        ((str(tmp_path), "--force"), 2, "is not a file"),
        (("/dev/null", "--force"), 2, "is not a file"),
        ((str(tmp_path / "nowhere" / "one.zip"),), 2, "nothing can be written"),
        (("/proc/one.zip",), 1, "/proc/one.zip"),
        ((database, "--force"), 2, "belongs to the site itself"),
        ((str(tmp_path / "link.zip"), "--force"), 2, "belongs to the site itself"),
        ((str(own_site.data_dir / "secret_key"), "--force"), 2, "belongs to the site itself"),
        ((), 2, "FILE"),
    )
    done = run_commands(own_site, [("backup", *args) for args, _, _ in cases])
    for each, (_, code, word) in zip(done, cases, strict=True):
        assert (each.code, each.out, each.err.count("\n")) == (code, "", 1), each
        assert word in each.err, each
    assert dump(own_site) == before
    assert not [each for each in file_names(tmp_path) if each.startswith(".")]
    [forced] = run_commands(own_site, [("backup", str(existing_files), "--force", "--json")])
    assert forced.json["bytes"] == existing_files.stat().st_size
    assert existing_files.read_bytes() != old_content


def test_force_never_replaces_what_cannot_be_made_again(own_site: SiteProcess, tmp_path: Path) -> None:
    """The site's database was lost, put back from long ago, or another one runs in its place."""
    good, other = tmp_path / "one.zip", tmp_path / "other.zip"
    stranger = SiteProcess(tmp_path / "stranger").create()
    first_version, text = tmp_path / "first.zip", tmp_path / "notes.txt"
    shutil.copy(good, first_version)
    rewrite_manifest(lambda about: {name: about[name] for name in about if name not in ("auth", "last_seq")})(
        first_version
    )
    text.write_text("not a backup")
    shutil.copy(own_site.data_dir / "pointsync.db", tmp_path / "kept.db")
    [newer, *_] = run_commands(own_site, [("record", ALICE, "1"), ("backup", str(other))])
    assert newer.code == 0
    kept = {each: each.read_bytes() for each in (good, other, first_version, text, tmp_path / "kept.db")}

    refusals = {
        good: "is a backup of another site",
        first_version: "may be a backup of another site",
        text: "is not a backup",
        tmp_path / "kept.db": "is a backup of another site",
    }
    done = run_commands(stranger, [("backup", str(file), "--force") for file in refusals])
    for each, word in zip(done, refusals.values(), strict=True):
        assert (each.code, each.out, each.err.count("\n")) == (1, "", 1), each
        assert word in each.err, each
        assert "Give another name" in each.err

    restored, older, same, fresh = run_commands(
        own_site,
        [
            ("restore", str(good)),
            ("backup", str(other), "--force"),
            ("backup", str(good), "--force"),
            ("backup", str(first_version), "--force"),
        ],
    )
    assert (restored.code, older.code) == (0, 1)
    assert "It has movements that this database no longer has (up to 2)" in older.err
    assert (same.code, fresh.code) == (0, 0)
    changed = {each for each, content in kept.items() if each.read_bytes() != content}
    assert changed == {good, first_version}


def test_force_replaces_an_empty_or_damaged_file(own_site: SiteProcess, tmp_path: Path) -> None:
    empty, damaged = tmp_path / "empty.zip", tmp_path / "one.zip"
    empty.write_bytes(b"")
    truncate(damaged)
    for done in run_commands(own_site, [("backup", str(each), "--force") for each in (empty, damaged)]):
        assert done.code == 0, done


def test_an_export_never_replaces_the_site_itself(own_site: SiteProcess) -> None:
    files = [own_site.data_dir / name for name in ("pointsync.db", "secret_key", "marker")]
    for done in run_commands(own_site, [("export", "--output", str(each)) for each in files]):
        assert (done.code, "--output: " in done.err, "belongs to the site itself" in done.err) == (2, True, True), done


def rewrite_manifest(change: Callable[[dict], dict]) -> Callable[[Path], None]:
    """A function that changes the manifest of a backup."""

    def rewrite(file: Path) -> None:
        with zipfile.ZipFile(file) as old:
            parts = {name: old.read(name) for name in old.namelist()}
        parts["about.json"] = json.dumps(change(json.loads(parts["about.json"]))).encode()
        with zipfile.ZipFile(file, "w") as new:
            for name, content in parts.items():
                new.writestr(name, content)

    return rewrite


def truncate(file: Path) -> None:
    """Cut the end off, as an interrupted copy would."""
    file.write_bytes(file.read_bytes()[:-2000])


def flip_byte(file: Path) -> None:
    """Change one byte in the middle."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def damage_content(file: Path) -> None:
    """Damage the database inside the backup, with correct checksums."""
    with zipfile.ZipFile(file) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    parts["database"] = parts["database"][:20_000] + b"\xff" * 40_000 + parts["database"][60_000:]
    with zipfile.ZipFile(file, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)


def create_foreign_database(file: Path) -> None:
    """Replace it with a database of another program."""
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE site (name TEXT)")


def create_newer_database(file: Path) -> None:
    """Replace it with a database that a newer PointSync has kept."""
    file.write_bytes(zipfile.ZipFile(file).read("database"))
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of_the_future'")


NOT_A_BACKUP, DAMAGED, NEWER = "is not a backup", "is damaged", "newer PointSync (9.9)"
INVALID_BACKUPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda file: file.write_bytes(b""), NOT_A_BACKUP),
    "text": (lambda file: file.write_text("points\n" * 1000), NOT_A_BACKUP),
    "another database": (create_foreign_database, "is not the database of a site"),
    "a newer database": (create_newer_database, "newer PointSync (unknown)"),
    "a database's head": (lambda file: file.write_bytes(b"SQLite format 3\0" * 100), "is not the database of a site"),
    "another zip": (rewrite_manifest(lambda about: {"what": "holiday"}), NOT_A_BACKUP),
    "no dict": (rewrite_manifest(lambda about: [1]), NOT_A_BACKUP),  # type: ignore[arg-type,return-value]
    "half of it": (rewrite_manifest(lambda about: {name: about[name] for name in ("what", "format")}), NOT_A_BACKUP),
    "cut": (truncate, DAMAGED),
    "flipped": (flip_byte, DAMAGED),
    "holed": (damage_content, DAMAGED),
    "newer format": (rewrite_manifest(lambda about: about | {"format": 2, "version": "9.9"}), NEWER),
    "newer schema": (rewrite_manifest(lambda about: about | {"schema": "of_the_future", "version": "9.9"}), NEWER),
    "postgresql": (rewrite_manifest(lambda about: about | {"database": "postgresql"}), "POINTSYNC_DATABASE_URL"),
}


def test_an_invalid_backup_changes_nothing(own_site: SiteProcess, tmp_path: Path, dump: DumpDatabase) -> None:
    before, existing_files = dump(own_site), file_names(own_site.data_dir) | {"pointsync.db.upgrade"}
    for number, (damage, _) in enumerate(INVALID_BACKUPS.values()):
        shutil.copy(tmp_path / "one.zip", tmp_path / f"{number}.zip")
        damage(tmp_path / f"{number}.zip")
    own = ("restore", str(own_site.data_dir / "pointsync.db"))
    missing = [("restore", str(tmp_path / "none.zip")), ("restore", str(tmp_path)), ("restore",), own]
    commands = [("restore", str(tmp_path / f"{number}.zip")) for number in range(len(INVALID_BACKUPS))]
    done = run_commands(own_site, [*commands, *missing])
    for each, (name, (_, word)) in zip(done, INVALID_BACKUPS.items(), strict=False):
        assert (each.code, each.out, each.err.count("\n")) == (1, "", 1), (name, each)
        assert word in each.err, (name, each)
    for each in done[len(INVALID_BACKUPS) :]:
        assert (each.code, each.out, each.err.count("\n")) == (2, "", 1), each
        assert "FILE" in each.err
    assert dump(own_site) == before
    assert file_names(own_site.data_dir) == existing_files


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_full_disk_leaves_no_partial_file(
    own_site: SiteProcess, tmp_path: Path, dump: DumpDatabase, command: str
) -> None:
    before, existing_files = dump(own_site), file_names(own_site.data_dir) | {"pointsync.db.upgrade"}
    file = tmp_path / ("two.zip" if command == "backup" else "one.zip")
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 200; exec "$@"', "-", *own_site.command, command, str(file)],
        cwd=CHECKOUT,
        env=own_site.env,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    assert str(file) in done.stderr
    assert dump(own_site) == before
    assert file_names(own_site.data_dir) == existing_files
    assert file_names(tmp_path) == {"site", "one.zip", "bare.zip"}


def test_a_backup_replaces_a_damaged_database(own_site: SiteProcess, tmp_path: Path) -> None:
    (own_site.data_dir / "pointsync.db").write_bytes(b"not any more" * 1000)
    (own_site.data_dir / "secret_key.new").write_text("perhaps the key of what was there")
    restored, balance = run_commands(
        own_site, [("restore", str(tmp_path / "one.zip"), "--json"), ("balance", ALICE, "--json")]
    )
    kept, key = map(Path, restored.json["kept"])
    assert kept.read_bytes().startswith(b"not any more")
    assert key.read_text() == "perhaps the key of what was there"
    assert "secret_key.new" not in file_names(own_site.data_dir)
    assert balance.json["balances"] == [{"reserve": "default", "points": 5}]


def test_a_kept_database_is_restored_by_the_same_command(own_site: SiteProcess, tmp_path: Path) -> None:
    place, kept = own_site.data_dir / "pointsync.db", tmp_path / "pointsync.db.before-upgrade"
    shutil.copy(place, kept)
    _, restored, shown, balance = run_commands(
        own_site,
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
    [stranger] = run_commands(SiteProcess(tmp_path / "new"), [("restore", str(kept))])
    assert (stranger.code, "POINTSYNC_SECRET_KEY" in stranger.err) == (1, True)
