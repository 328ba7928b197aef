"""A site of this process on either database, made from a template so that many tests stay quick."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
import pytest
from flask import Flask
from psycopg import sql
from sqlalchemy import select

from pointsync import clock, config, create_app, db
from pointsync.models import Reserve
from pointsync.runtime import runtime
from pointsync.sync import site
from tests.support import postgres

PATIENCE_SECONDS = 60
FILE_COPY_SINCE = 15

T = TypeVar("T")

__all__ = ["app", "postgres_template", "ready_url", "sqlite_template"]


@contextmanager
def opened(database_url: str, folder: Path, **settings: str) -> Iterator[Flask]:
    """An application on that database, its context pushed; nothing of it stays open."""
    environ = {"POINTSYNC_DATA": str(folder), "POINTSYNC_DATABASE_URL": database_url}
    app = create_app(config.load(environ | settings, root=folder))
    with app.app_context():
        try:
            yield app
        finally:
            db.db.session.remove()
            db.db.engine.dispose()


def settle_in() -> None:
    """Make the current application's database a site's, as a first start does."""
    with db.write() as session:
        site.ensure(session, runtime().vault, clock.now())


def together(app: Flask, *jobs: Callable[[], T]) -> list[T]:
    """What `jobs` return, run at the same time, each on its own thread within the application."""
    gate = Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        with app.app_context():
            gate.wait(PATIENCE_SECONDS)
            try:
                return job()
            finally:
                db.db.session.remove()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [done.result(PATIENCE_SECONDS) for done in [pool.submit(run, job) for job in jobs]]


def reserve(session: Any, key: str = "default") -> Reserve:
    """A points reserve by its key."""
    return session.scalars(select(Reserve).where(Reserve.key == key)).one()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with every table and no row."""
    folder = tmp_path_factory.mktemp("template")
    with opened(f"sqlite:///{folder}/pointsync.db", folder):
        db.upgrade()
    return folder / "pointsync.db"


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: postgres.Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a PostgreSQL database with every table and no row."""
    url = postgres_cluster.create_database()
    with opened(url, tmp_path_factory.mktemp("template")):
        db.upgrade()
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def ready_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind in turn, with every table and no row."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "pointsync.db")
        yield f"sqlite:///{tmp_path}/pointsync.db"
        return
    cluster = request.getfixturevalue("postgres_cluster")
    url = _copy_of(request.getfixturevalue("postgres_template"), f"copy_{tmp_path.name}_{id(tmp_path)}")
    yield url
    cluster.drop(url)


@pytest.fixture
def app(ready_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A site at its first start, on each database, its context pushed."""
    with opened(ready_url, tmp_path) as app:
        settle_in()
        yield app


def _copy_of(template: str, name: str) -> str:
    """A new database with the tables of `template`: its URL."""
    parts = urlsplit(template)
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True, connect_timeout=10) as connection:
        is_recent = connection.info.server_version >= FILE_COPY_SINCE * 10_000
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} {}").format(
                sql.Identifier(name),
                sql.Identifier(parts.path.lstrip("/")),
                sql.SQL("STRATEGY FILE_COPY" if is_recent else ""),
            )
        )
    return parts._replace(path=f"/{name}").geturl()
