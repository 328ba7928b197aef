"""A site of this process on either database: quick enough that each test can have one to itself."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import pytest
from flask import Flask
from sqlalchemy import select, text

from pointsync import clock, config, create_app, db
from pointsync.models import Reserve
from pointsync.runtime import get_runtime
from pointsync.sync.site import local_site
from tests.support import postgres

TIMEOUT_SECONDS = 60
BOTH_DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]

T = TypeVar("T")


def create_application(database_url: str, folder: Path, **settings: str) -> Flask:
    """The application on that database, with its data in `folder`."""
    environ = {"POINTSYNC_DATA": str(folder), "POINTSYNC_DATABASE_URL": database_url}
    return create_app(config.load(environ | settings, root=folder))


@contextmanager
def open_context(app: Flask) -> Iterator[Flask]:
    """Within the application; nothing of its database stays open."""
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.get_engine().dispose()


def create_site() -> None:
    """Make the current application's database a site's, as a first start does."""
    with db.transaction() as session:
        local_site.get_or_create(session, get_runtime().vault, clock.now())


def delete_all_rows() -> None:
    """Delete every row: quicker by far than a new database for each test."""
    with db.transaction() as session:
        guards = []
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SET LOCAL session_replication_role = replica"))  # no trigger holds it up
        else:
            guards = session.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        for name, _sql in guards:
            session.execute(text(f"DROP TRIGGER {name}"))
        for table in reversed(db.Base.metadata.sorted_tables):
            session.execute(table.delete())
        for _name, made_by in guards:
            session.connection().exec_driver_sql(made_by)
        if session.get_bind().dialect.name == "postgresql":  # SQLite begins with 1 again by itself
            session.execute(text("SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'"))


def run_concurrently(app: Flask, *jobs: Callable[[], T]) -> list[T]:
    """What `jobs` return, run at the same time, each on its own thread within the application."""
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
    """A points reserve by its key."""
    return session.scalars(select(Reserve).where(Reserve.key == key)).one()


@pytest.fixture(scope="session")
def sqlite_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An application on SQLite, for one test after the other."""
    folder = tmp_path_factory.mktemp("sqlite")
    yield from _session_app(f"sqlite:///{folder}/pointsync.db", folder)


@pytest.fixture(scope="session")
def postgres_app(postgres_cluster: postgres.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An application on PostgreSQL, for one test after the other."""
    yield from _session_app(postgres_cluster.create_database(), tmp_path_factory.mktemp("postgresql"))


@pytest.fixture(params=BOTH_DATABASES)
def app(request: pytest.FixtureRequest) -> Iterator[Flask]:
    """A site at its first start, on each database in turn, its context pushed. Tables must be left as they are."""
    app = request.getfixturevalue("sqlite_app" if request.param == "sqlite" else "postgres_app")
    with app.app_context():
        create_site()
        yield app
        db.session.remove()
        delete_all_rows()


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with every table and no row."""
    folder = tmp_path_factory.mktemp("tables")
    with open_context(create_application(f"sqlite:///{folder}/pointsync.db", folder)):
        db.upgrade()
    return folder / "pointsync.db"


@pytest.fixture
def sqlite_url(sqlite_tables: Path, tmp_path: Path) -> str:
    """An SQLite database of the test's own, with every table and no row."""
    shutil.copy(sqlite_tables, tmp_path / "pointsync.db")
    return f"sqlite:///{tmp_path}/pointsync.db"


@pytest.fixture(scope="session")
def sqlite_sites(
    sqlite_tables: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], AbstractContextManager[Flask]]:
    """Makes a site of its own on SQLite, each time it is called; its context is not kept pushed."""

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
    """The context is not kept pushed: tests push and pop theirs meanwhile."""
    app = create_application(database_url, folder)
    with app.app_context():
        db.upgrade()
    yield app
    with app.app_context():
        db.get_engine().dispose()
