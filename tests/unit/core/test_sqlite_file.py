"""SQLite files: copying them during writes, and detecting open connections."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pointsync.db import sqlite_file

ROWS = 3_000
WRITE = "INSERT INTO movement (note) VALUES (zeroblob(4000))"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with more pages than one step copies, in WAL mode."""
    path = tmp_path / "a #1?.db"  # must be escaped in a URI
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE movement (seq INTEGER PRIMARY KEY, note BLOB)")
        connection.execute("BEGIN")
        connection.executemany(WRITE, [()] * ROWS)
        connection.execute("COMMIT")
    return path


def count(path: Path) -> int:
    """The number of rows."""
    with closing(sqlite3.connect(path)) as connection:
        [[rows]] = connection.execute("SELECT count(*) FROM movement")
        return int(rows)


def test_concurrent_writes_neither_stop_the_copy_nor_are_in_it(database: Path, tmp_path: Path) -> None:
    steps: list[int] = []
    writer = sqlite3.connect(database, isolation_level=None, timeout=5)

    def on_progress(done: int, total: int) -> None:
        assert 0 < done <= total
        writer.execute(WRITE)
        steps.append(done)

    with closing(writer):
        sqlite_file.copy(database, tmp_path / "copy.db", on_progress)
    assert len(steps) > 1, "one step would prove nothing"
    assert steps == sorted(set(steps)), "the copy started again"
    assert count(tmp_path / "copy.db") == ROWS
    assert count(database) == ROWS + len(steps)
    assert sqlite_file.find_damage(tmp_path / "copy.db") is None
    assert {each.name for each in tmp_path.glob("copy*")} == {"copy.db"}


def test_an_exception_of_the_progress_callback_ends_the_copy(database: Path, tmp_path: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyError("stopped")

    with pytest.raises(KeyError, match="stopped"):
        sqlite_file.copy(database, tmp_path / "copy.db", stop)


def test_a_missing_database_is_not_created(tmp_path: Path) -> None:
    for function in (sqlite_file.is_in_use, lambda path: sqlite_file.copy(path, tmp_path / "copy.db", lambda *_: None)):
        with pytest.raises(sqlite3.OperationalError):
            function(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    assert sqlite_file.find_damage(tmp_path / "none.db")


@pytest.mark.parametrize("what", ["PRAGMA user_version", "SELECT * FROM movement", WRITE])
def test_an_open_connection_is_a_use(database: Path, what: str) -> None:
    script = f"import sqlite3, sys; c = sqlite3.connect({str(database)!r}, isolation_level=None); " + (
        f"c.execute({what!r}).fetchone(); print(1, flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout
    assert other.stdin
    assert other.stdout.read(1) == b"1"
    assert sqlite_file.is_in_use(database)
    assert count(database) >= ROWS
    other.communicate()
    assert not sqlite_file.is_in_use(database)


def test_the_log_of_a_killed_process_is_merged_into_the_file(database: Path) -> None:
    script = f"import os, sqlite3; c = sqlite3.connect({str(database)!r}, isolation_level=None); c.execute({WRITE!r}); "
    subprocess.run([sys.executable, "-c", f"{script}os._exit(0)"], check=True, timeout=60)
    log = Path(f"{database}-wal")
    assert log.stat().st_size > 0
    assert not sqlite_file.is_in_use(database)
    assert not log.exists()
    assert count(database) == ROWS + 1


def is_broken(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(os.urandom(4096))


@pytest.mark.parametrize(
    "spoil", [is_broken, lambda path: path.write_bytes(b"no database" * 1000), lambda path: os.truncate(path, 40_960)]
)
def test_damage_is_found(database: Path, spoil: Callable[[Path], object]) -> None:
    assert sqlite_file.find_damage(database) is None
    spoil(database)
    assert sqlite_file.find_damage(database)
