"""The files of a site: all in its folder, private, and of the folder's owner even if root has created them."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from pointsync import config, create_app, db, files, key_file, startup
from pointsync.db.sqlite_file import create_copy
from pointsync.errors import ConfigError
from pointsync.imports.scratch import Scratch
from pointsync.ops import backup
from pointsync.runtime import get_runtime
from pointsync.sync.site import installation
from tests.support.moving_clock import START as NOW

NOBODY = 65534


@contextmanager
def running_site(data: Path) -> Iterator[None]:
    """A site with its data in this folder, as a process that sends has it."""
    app = create_app(config.load({"POINTSYNC_DATA": str(data)}, root=data))
    with app.app_context():
        startup.prepare_database()
        startup.join_run()
        installation.save_marker(db.session(), get_runtime().config)
        yield
        db.run_lock.release()
        db.close_connections()


@pytest.mark.parametrize("name", ["a?b=%20c#d 'e", "file:x?mode=ro", ":memory:"])
def test_all_files_are_in_the_folder_and_private(tmp_path: Path, name: str) -> None:
    with running_site(tmp_path / name):
        created = {path.name: path for path in (tmp_path / name).iterdir()}
        assert {"pointsync.db", "pointsync.db-wal", "marker", "secret_key"} <= set(created)
        assert {stat.S_IMODE(path.stat().st_mode) for path in created.values()} == {0o600}
        assert [path.name for path in tmp_path.iterdir()] == [name]
    with running_site(tmp_path / name):
        assert startup.prepare_database() is None, "it is the same site at the next start"


@pytest.fixture
def folder_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """`tmp_path` belongs to another account than root, which runs this process. Collects what root gives away.

    Without root's rights, this process only believes that it has them, and gives everything to its own account.
    """
    given: list[str] = []
    chown = os.chown

    def note(target: int | Path, user_id: int, group_id: int) -> None:
        path = Path(f"/proc/self/fd/{target}").readlink() if isinstance(target, int) else target
        given.append(path.name)
        chown(target, user_id, group_id)

    if os.geteuid() == 0:
        chown(tmp_path, NOBODY, NOBODY)
    monkeypatch.setattr(os, "chown", note)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    yield given
    if os.getuid() == 0:
        owners = {path.name: path.stat().st_uid for path in tmp_path.rglob("*")}
        assert set(owners.values()) == {NOBODY}, owners


def test_what_root_creates_belongs_to_the_owner_of_the_folder(tmp_path: Path, folder_of_another: list[str]) -> None:
    data = tmp_path / "new" / "data"
    with running_site(data):
        assert backup.create(tmp_path / "backup.zip", "1", NOW, lambda *_: None)
        database = data / "pointsync.db"
        create_copy(database, "before-upgrade-x", NOW + timedelta(days=1))
        key_file.write_next(data)
        files.make_temporary_folder(data, "upload-")
        Scratch(data / "scratch").close()
        names = {path.name for path in tmp_path.rglob("*")}
        assert {"new", "data", "pointsync.db", "marker", "backup.zip", "secret_key.new", "scratch"} <= names
        by_sqlite = {name for name in names if name.endswith(("-wal", "-shm"))}
        renamed = {"marker", "secret_key", "backup.zip", *(name for name in names if ".before-upgrade-" in name)}
        assert names - by_sqlite - renamed <= set(folder_of_another)
        assert len([name for name in folder_of_another if name.startswith("marker.")]) >= 1


def test_an_existing_file_keeps_its_owner(tmp_path: Path, folder_of_another: list[str]) -> None:
    (tmp_path / "mine").write_text("x")
    with open(tmp_path / "mine", "w", opener=files.open_private):
        assert folder_of_another == []
    os.chown(tmp_path / "mine", NOBODY if os.getuid() == 0 else os.getuid(), -1)


def test_root_keeps_what_it_creates_in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "chown", None)
    with open(tmp_path / "file", "w", opener=files.open_private):
        pass
    files.make_private_folder(tmp_path / "a" / "b", parents=True)
    with pytest.raises(FileExistsError):
        files.make_private_folder(tmp_path / "file")


# What cannot be read


@pytest.mark.parametrize("name", ["pointsync.db", "marker"])
def test_a_file_of_another_account_is_named_with_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with running_site(tmp_path / "data"):
        pass
    access, path = os.access, tmp_path / "data" / name
    monkeypatch.setattr(os, "access", lambda target, mode: Path(target) != path and access(target, mode))
    owner, user = files.account_name(path.stat().st_uid), files.account_name(os.geteuid())
    expected = f"{path} cannot be used: it belongs to {owner} (mode 600), and this process runs as {user}. "
    with pytest.raises(ConfigError, match="cannot be used") as caught, running_site(tmp_path / "data"):
        pass
    assert str(caught.value).startswith(expected)
    assert f"chown {user} {path}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "noun"),
    [("pointsync.db.upgrade", "a lock of the database"), ("pointsync.db.run.lock", "a lock of the database")],
)
def test_a_lock_that_cannot_be_opened_is_named_with_its_owner(tmp_path: Path, name: str, noun: str) -> None:
    with running_site(tmp_path):
        pass
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir(mode=0o700)
    with pytest.raises(ConfigError) as caught, running_site(tmp_path):
        pass
    owner = files.account_name(os.getuid())
    assert str(caught.value).startswith(
        f"{tmp_path / name}, {noun}, cannot be opened: it belongs to {owner} (mode 700)"
    )


def test_a_marker_that_cannot_be_read_is_named_with_its_owner(tmp_path: Path) -> None:
    with running_site(tmp_path):
        pass
    (tmp_path / "marker").unlink()
    (tmp_path / "marker").mkdir(mode=0o700)
    problem = r"marker, the marker of the database, cannot be read: it belongs to \w+ \("
    with pytest.raises(ConfigError, match=problem), running_site(tmp_path):
        pass


def test_a_secret_that_cannot_be_read_is_named_with_its_owner(tmp_path: Path) -> None:
    (tmp_path / "secret_key").mkdir(mode=0o700)
    with pytest.raises(ConfigError, match=r"secret key, cannot be read: it belongs to \w+ \(mode 700\), and this"):
        config.load({"POINTSYNC_DATA": str(tmp_path)}, root=tmp_path)


def test_a_folder_of_another_account_is_named_with_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match=r"which is not writable: it belongs to \w+ \(mode 700\), and this process"):
        config.load({"POINTSYNC_DATA": str(tmp_path / "data")}, root=tmp_path)
