"""A database with all tables and no row: created once for all workers of a run, because that takes longer than most
tests."""

import fcntl
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from pointsync import config, create_app, db
from tests.support import run_folder
from tests.support.postgres import Cluster


@cache
def sqlite_file() -> Path:
    """An SQLite file, to be copied."""
    return _once("tables.db", _create_sqlite_file)


def postgres_url(cluster: Cluster) -> str:
    """A PostgreSQL database of the cluster of all workers, to be copied: nobody stays connected to it."""

    def create(file: Path) -> None:
        url = cluster.create_database()
        with tempfile.TemporaryDirectory() as folder:
            _create_tables(Path(folder), POINTSYNC_DATABASE_URL=url)
        file.write_text(url)

    return _once("tables_url", create).read_text()


def _create_sqlite_file(file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _create_tables(Path(folder))
        shutil.copy(Path(folder) / "pointsync.db", file)


def _create_tables(folder: Path, **settings: str) -> None:
    app = create_app(config.load({"POINTSYNC_DATA": str(folder)} | settings, folder))
    with app.app_context():
        db.upgrade()
        db.get_engine().dispose()


def _once(name: str, create: Callable[[Path], None]) -> Path:
    """A file of this run; the first process that asks for it creates it."""
    folder = run_folder.path() if run_folder.is_created() else Path(_own_folder().name)
    file = folder / name
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            create(file)
    return file


@cache
def _own_folder() -> tempfile.TemporaryDirectory[str]:
    """For what is not a run of tests, such as a benchmark; removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="tables-")
