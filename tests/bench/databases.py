"""The databases of a benchmark's sites: SQLite files, or databases of a PostgreSQL server with `fsync`."""

import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.support.postgres import Cluster
from tests.support.process import SiteProcess

BUSY_SECONDS = 30
SQLITE, POSTGRES = "SQLite", "PostgreSQL"


@dataclass(frozen=True)
class Database:
    """A database, read and written by its bare driver. `place` is a file or a URL."""

    kind: str
    place: str

    def connect(self) -> Any:
        """A connection of the driver that commits each statement, unless it is told to begin a transaction."""
        if self.kind == POSTGRES:
            return psycopg.connect(self.place, autocommit=True)
        connection = sqlite3.connect(
            self.place, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def sql(self, statement: str) -> str:
        """`statement`, with a `?` for each parameter, as the driver wants it."""
        return statement.replace("?", "%s") if self.kind == POSTGRES else statement

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database answers, on a connection of its own."""
        with closing(self.connect()) as connection:
            found: list[tuple[Any, ...]] = connection.execute(self.sql(statement), values).fetchall()
            return found

    def execute(self, statement: str) -> None:
        """Execute a statement on a connection of its own, and commit it."""
        with closing(self.connect()) as connection:
            connection.execute(statement)

    def copy_to(self, place: str) -> "Database":
        """Copy it to a file that does not exist, or to a database without tables; it may be in use."""
        if self.kind == POSTGRES:
            _copy_postgres(self.place, place)
        else:
            with closing(sqlite3.connect(self.place)) as source, closing(sqlite3.connect(place)) as target:
                source.backup(target)
        return Database(self.kind, place)


class Databases:
    """Where the databases of a benchmark are. Use `open_databases`."""

    def __init__(self, kind: str, folder: Path, cluster: Cluster | None) -> None:
        self.kind, self._folder, self._cluster = kind, folder, cluster
        self._clones = 0

    def new_site(self, name: str) -> SiteProcess:
        """A site with an empty database, which is not started yet."""
        url = {"POINTSYNC_DATABASE_URL": self._cluster.create_database()} if self._cluster else {}
        return SiteProcess(self._folder / name, env=url)

    def of(self, site: SiteProcess) -> Database:
        """The database of a site."""
        return Database(self.kind, site.env.get("POINTSYNC_DATABASE_URL") or str(site.data_dir / "pointsync.db"))

    def clone(self, original: Database) -> Database:
        """A copy of a database with its rows and indexes as they are now. It may be in use."""
        self._clones += 1
        file = str(self._folder / f"clone-{self._clones}.db")
        return original.copy_to(self._cluster.create_database() if self._cluster else file)


@contextmanager
def open_databases(kind: str, *, is_replicating: bool = False) -> Iterator[Databases]:
    """A folder on disk for SQLite files, or also a server; with the log that PostgreSQL's own replication needs."""
    with tempfile.TemporaryDirectory(prefix="pointsync-bench-") as folder:
        if kind == SQLITE:
            yield Databases(kind, Path(folder), None)
        else:
            with Cluster(fsync=True) as cluster:
                if is_replicating:
                    Database(kind, cluster.create_database()).execute("ALTER SYSTEM SET wal_level = 'logical'")
                    cluster.restart()
                yield Databases(kind, Path(folder), cluster)


def _copy_postgres(source: str, target: str) -> None:
    with subprocess.Popen(["pg_dump", "--dbname", source], stdout=subprocess.PIPE) as dumping:
        subprocess.run(
            ["psql", "--dbname", target, "--quiet", "--set", "ON_ERROR_STOP=1"],
            stdin=dumping.stdout,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    assert dumping.returncode == 0, f"pg_dump of {urlsplit(source).path} failed"
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("ANALYZE")
