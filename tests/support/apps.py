"""A site in this process on either database, created fast enough for each test to have its own."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cache
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import pytest
from flask import Flask
from sqlalchemy import select

from pointsync import clock, config, create_app, db
from pointsync.models import Reserve
from pointsync.runtime import get_runtime
from pointsync.sync.site import local_site
from pointsync.sync.site.marker import MARKER_FILE
from tests.support import new_tables, postgres

TIMEOUT_SECONDS = 60
BOTH_DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
"""For tests in which the database could make a difference."""
ALSO_POSTGRES = ["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.long])]
"""For tests of what uses functions that have tests of their own on both databases."""

T = TypeVar("T")


def create_application(database_url: str, folder: Path, **settings: str) -> Flask:
    """Create the application for a database, with its data in `folder`."""
    environ = {"POINTSYNC_DATA": str(folder), "POINTSYNC_DATABASE_URL": database_url}
    return create_app(config.load(environ | settings, root=folder))


@contextmanager
def open_context(app: Flask) -> Iterator[Flask]:
    """Enter the application context; afterwards its database connections are closed."""
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.get_engine().dispose()


def create_site() -> None:
    """Create the site in the current application's database, as the first start does."""
    (get_runtime().config.data / MARKER_FILE).unlink(missing_ok=True)
    with db.transaction() as session:
        local_site.get_or_create(session, get_runtime().vault, clock.now())


def delete_all_rows() -> None:
    """Delete all rows and reset the ids, which is much faster than a new database."""
    engine = db.get_engine()
    with closing(engine.raw_connection()) as pooled:
        connection: Any = pooled.driver_connection
        if engine.dialect.name == "postgresql":
            connection.execute(postgres.deletion_script(table.name for table in db.Base.metadata.sorted_tables))
            connection.commit()
            return
        schema = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
        [[version]] = connection.execute("SELECT version_num FROM alembic_version")
        _empty_database(";\n".join(sql for (sql,) in schema), version).backup(connection)


@cache
def _empty_database(schema: str, version: str) -> sqlite3.Connection:
    """An empty SQLite database in memory with this schema, to copy over other databases."""
    empty = sqlite3.connect(":memory:", check_same_thread=False)
    empty.executescript(schema)
    empty.execute("INSERT INTO alembic_version VALUES (?)", (version,))
    empty.commit()
    return empty


def run_concurrently(app: Flask, *jobs: Callable[[], T]) -> list[T]:
    """Run `jobs` at the same time, each in a thread with the application context; returns their results."""
    gate = Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        with app.app_context():
            gate.wait(TIMEOUT_SECONDS)
            try:
                return job()
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [done.result(TIMEOUT_SECONDS) for done in [pool.submit(run, job) for job in jobs]]


def get_reserve(session: Any, key: str = "default") -> Reserve:
    """The points reserve with this key."""
    return session.scalars(select(Reserve).where(Reserve.key == key)).one()


@pytest.fixture(scope="session")
def sqlite_app(sqlite_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An application on SQLite, shared by the tests of a session."""
    folder = tmp_path_factory.mktemp("sqlite")
    shutil.copy(sqlite_tables, folder / "pointsync.db")
    yield from _session_app(f"sqlite:///{folder}/pointsync.db", folder)


@pytest.fixture(scope="session")
def postgres_app(
    postgres_cluster: postgres.Cluster, postgres_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """An application on PostgreSQL, shared by the tests of a session."""
    url = postgres_cluster.create_database(template=postgres_template)
    yield from _session_app(url, tmp_path_factory.mktemp("postgresql"))


@pytest.fixture(params=BOTH_DATABASES)
def app(request: pytest.FixtureRequest) -> Iterator[Flask]:
    """A new site, on each database in turn, with its context pushed. Tests must not change the tables."""
    app = request.getfixturevalue("sqlite_app" if request.param == "sqlite" else "postgres_app")
    with app.app_context():
        create_site()
        yield app
        db.session.remove()
        delete_all_rows()


@pytest.fixture(scope="session")
def sqlite_tables() -> Path:
    """A database file with all tables and no rows."""
    return new_tables.sqlite_file()


@pytest.fixture
def sqlite_url(sqlite_tables: Path, tmp_path: Path) -> str:
    """The test's own SQLite database, with all tables and no rows."""
    shutil.copy(sqlite_tables, tmp_path / "pointsync.db")
    return f"sqlite:///{tmp_path}/pointsync.db"


@pytest.fixture(params=BOTH_DATABASES)
def tables_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The test's own database, of each kind in turn, with all tables and no rows."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    cluster: postgres.Cluster = request.getfixturevalue("postgres_cluster")
    url = cluster.create_database(template=request.getfixturevalue("postgres_template"))
    yield url
    cluster.drop(url)


@pytest.fixture(scope="session")
def sqlite_sites(
    sqlite_tables: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], AbstractContextManager[Flask]]:
    """A function that creates a site on SQLite; its context is not pushed."""

    @contextmanager
    def make() -> Iterator[Flask]:
        folder = tmp_path_factory.mktemp("site")
        shutil.copy(sqlite_tables, folder / "pointsync.db")
        app = create_application(f"sqlite:///{folder}/pointsync.db", folder)
        with open_context(app):
            create_site()
        yield app
        with open_context(app):
            pass

    return make


def _session_app(database_url: str, folder: Path) -> Iterator[Flask]:
    """The context is not pushed, since tests push and pop their own."""
    app = create_application(database_url, folder)
    yield app
    with app.app_context():
        db.get_engine().dispose()
