"""The SQLite file that a process has open: deleted or replaced, it is written to no more."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.models import Setting
from tests.support.apps import create_application, open_context


@pytest.fixture
def app(sqlite_url: str, tmp_path: Path) -> Flask:
    """An application that has its database open."""
    with open_context(create_application(sqlite_url, tmp_path)) as app:
        write("before")
        yield app


def write(name: str) -> None:
    with db.transaction() as session:
        session.add(Setting(name=name, value="yes"))


def names() -> list[str]:
    with db.get_engine().connect() as connection:
        return [name for (name,) in connection.exec_driver_sql("SELECT name FROM setting ORDER BY name")]


def delete(path: Path) -> None:
    path.unlink()


def delete_all(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink()


def delete_wal(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def rename_over(path: Path) -> None:
    shutil.copy(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").rename(path)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def delete_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


CHANGES = [delete, delete_all, delete_wal, rename_over, replace_by_folder, delete_folder]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.usefixtures("app")
def test_nothing_is_written_any_more(tmp_path: Path, change: Callable[[Path], None]) -> None:
    assert db.file_problem() is None
    change(tmp_path / "pointsync.db")
    assert "was deleted or replaced while this site ran" in db.file_problem()
    with pytest.raises(db.DatabaseFileGone):
        write("after")


@pytest.mark.usefixtures("app")
def test_a_file_that_goes_between_begin_and_commit_acknowledges_nothing(tmp_path: Path) -> None:
    def write_and_delete(session: Session) -> None:
        session.add(Setting(name="during", value="yes"))
        (tmp_path / "pointsync.db").unlink()

    with pytest.raises(db.DatabaseFileGone):
        db.run_in_transaction(write_and_delete)


@pytest.mark.parametrize("change", [delete, rename_over])
def test_a_new_connection_is_refused(app: Flask, tmp_path: Path, change: Callable[[Path], None]) -> None:
    with db.get_engine().connect():  # so that the pool has no other one
        change(tmp_path / "pointsync.db")
        with pytest.raises(OperationalError, match="unable to open") as refusal:
            db.get_engine().connect()
    assert db.is_transient(refusal.value)
    assert (tmp_path / "pointsync.db").exists() is (change is rename_over), "nothing creates it"


@pytest.mark.usefixtures("app")
def test_a_file_that_is_moved_back_is_used_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, aside = tmp_path / "pointsync.db", tmp_path / "aside.db"
    path.rename(aside)
    for _ in range(3):
        assert db.file_problem()
    aside.rename(path)
    for _ in range(3):
        assert db.file_problem() is None
    write("after")
    assert names() == ["after", "before"]
    assert [(each.levelname, "pointsync.db" in each.message) for each in caplog.records] == [
        ("ERROR", True),
        ("WARNING", True),
    ], "each change once"


@pytest.mark.usefixtures("app")
def test_after_all_connections_are_closed_another_file_may_be_opened(tmp_path: Path) -> None:
    """As commands do after a restore."""
    db.session.remove()
    db.get_engine().dispose()
    assert not (tmp_path / "pointsync.db-wal").exists()
    assert db.file_problem() is None
    rename_over(tmp_path / "pointsync.db")
    write("after")
    assert names() == ["after", "before"]
    (tmp_path / "pointsync.db").unlink()
    assert db.file_problem()


def test_many_connections_and_other_processes_are_no_alarm(app: Flask, tmp_path: Path) -> None:
    connections = [db.get_engine().connect() for _ in range(5)]
    for each in connections:
        each.exec_driver_sql("SELECT 1")
    for number, each in enumerate(connections):
        each.close()
        write(f"{number}")
        pid = os.fork()
        if not pid:
            os.execlp(
                "python3",
                "python3",
                "-c",
                f"""
import sqlite3
with sqlite3.connect({str(tmp_path / "pointsync.db")!r}) as database:
    database.execute("INSERT INTO setting VALUES ('other {number}', 'yes')")
    database.commit()
database.close()
""",
            )
        assert os.waitpid(pid, 0)[1] == 0
        assert db.file_problem() is None
    assert len(names()) == 11


def test_a_missing_file_is_not_created(tmp_path: Path) -> None:
    with open_context(create_application(f"sqlite:///{tmp_path}/none.db", tmp_path)):
        assert db.get_schema_version() is None
        assert not db.is_current()
        assert db.version_problem() is None
        with pytest.raises(OperationalError):
            db.get_engine().connect()
        assert not (tmp_path / "none.db").exists()
        db.upgrade()
        assert db.is_current()
        assert (tmp_path / "none.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.postgres
def test_postgresql_has_no_file(postgres_app: Flask) -> None:
    with postgres_app.app_context():
        assert db.get_database_file() is None
        assert db.file_problem() is None
