"""An SQLite database is copied before an upgrade, and the last copies are kept."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import alembic.command
import pytest
from sqlalchemy import text

from pointsync import db
from pointsync.errors import ConfigError
from tests.support.apps import create_application, open_context
from tests.support.moving_clock import START, MovingClock

FIRST_TABLES = "da1ae12bb3e8"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file of the first version."""
    folder = tmp_path_factory.mktemp("earlier")
    with open_context(create_application(f"sqlite:///{folder}/pointsync.db", folder)) as app:
        db.get_database_file().create()
        alembic.command.upgrade(db.init_migrations(app).get_config(), FIRST_TABLES)
        with db.transaction() as session:
            session.execute(text("INSERT INTO setting (name, value) VALUES ('kept', 'so')"))
    return folder / "pointsync.db"


@pytest.fixture
def app(earlier: Path, tmp_path: Path, moving_clock: MovingClock):
    """An application on a copy of that database."""
    shutil.copy(earlier, tmp_path / "pointsync.db")
    with open_context(create_application(f"sqlite:///{tmp_path}/pointsync.db", tmp_path)) as app:
        yield app


def list_copies(folder: Path) -> list[str]:
    """The copies beside the database."""
    known = ("pointsync.db", "pointsync.db-wal", "pointsync.db-shm", "pointsync.db.upgrade", "secret_key")
    return sorted(each.name for each in folder.iterdir() if each.name not in known)


NAME = f"pointsync.db.before-upgrade-{FIRST_TABLES}-{START:%Y%m%dT%H%M%SZ}"


def test_the_old_database_is_kept_beside_the_upgraded_one(app, tmp_path):
    db.upgrade()
    assert db.is_current()
    assert list_copies(tmp_path) == [NAME]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(tmp_path / NAME)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(FIRST_TABLES,)]
        assert connection.execute("SELECT value FROM setting").fetchall() == [("so",)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.upgrade()
    assert list_copies(tmp_path) == [NAME], "nothing was upgraded"


def test_the_last_three_copies_are_kept_of_any_versions(app, tmp_path):
    older = [
        f"pointsync.db.before-upgrade-{name}-2020010{day}T000000Z" for day, name in ((1, "f0"), (2, "a0"), (3, "c0"))
    ]
    for name in (*older, "pointsync.db.before-restore-20200101T000000Z"):
        (tmp_path / name).write_text("")
    db.upgrade()
    assert list_copies(tmp_path) == sorted([*older[1:], NAME, "pointsync.db.before-restore-20200101T000000Z"])


def test_a_new_database_is_not_copied(tmp_path):
    with open_context(create_application(f"sqlite:///{tmp_path}/pointsync.db", tmp_path)):
        db.upgrade()
    assert list_copies(tmp_path) == []


def test_without_room_for_the_copy_nothing_is_upgraded(app, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 * 2**20))
    with pytest.raises(ConfigError, match=r"it needs \d+ MB, but only 5 MB are free. Nothing was upgraded"):
        db.upgrade()
    assert (db.get_schema_version(), list_copies(tmp_path)) == (FIRST_TABLES, [])


def test_a_damaged_database_is_not_upgraded(app, tmp_path):
    with db.get_engine().connect() as connection:
        [[page]] = connection.execute(text("SELECT rootpage FROM sqlite_master WHERE name = 'setting'"))
        [[size]] = connection.execute(text("PRAGMA page_size"))
    db.get_engine().dispose()
    with (tmp_path / "pointsync.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(ConfigError, match="restore a backup"):
        db.upgrade()
    assert (db.get_schema_version(), list_copies(tmp_path)) == (FIRST_TABLES, [])
