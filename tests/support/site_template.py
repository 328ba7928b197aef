"""Sites for visitors: made from a template, so that many tests stay quick."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy.orm import Session

from pointsync import clock, config, create_app, db
from pointsync.accounts import admins
from pointsync.accounts.admins import METHOD
from pointsync.net.http_client import Client
from pointsync.runtime import NAME, Runtime, of, runtime
from pointsync.sync.site import local_site
from tests.support.postgres import Cluster

T = TypeVar("T")

COMPILED = FileSystemBytecodeCache()
"""Templates are compiled once for all sites: it takes longer than everything else that a page does."""

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
"""For `where`: tests in which the database could make a difference."""

_LENT: dict[tuple[object, ...], Flask] = {}

QUICK = "scrypt:1024:8:1"


@contextmanager
def opened(folder: Path, *, settles: bool = True, **settings: str) -> Iterator[Flask]:
    """A site at its first start in `folder`, or its tables alone; no context is pushed, as requests would share it."""
    yield from _running(_made(folder, settings), settles)


@contextmanager
def lent(folder: Path, settings: dict[str, str]) -> Iterator[Flask]:
    """The same, by an application that is kept for the next site in that folder with those settings: what it has
    compiled, pages and statements, costs more than most tests."""
    known = (folder, *sorted(settings.items()))
    if known not in _LENT:
        _LENT[known] = _made(folder, settings)
    app = _LENT[known]
    here = of(app)
    client = Client(allow_private=here.config.private_remotes)
    app.extensions[NAME] = Runtime(config=here.config, vault=here.vault, client=client)
    yield from _running(app, settles=True)


def _made(folder: Path, settings: dict[str, str]) -> Flask:
    environ = {"POINTSYNC_DATA": str(folder), "POINTSYNC_SITE_NAME": "Shop one"}
    app = create_app(config.load(environ | settings, root=folder))
    app.jinja_env.bytecode_cache = COMPILED
    return app


def _running(app: Flask, settles: bool) -> Iterator[Flask]:
    with app.app_context():
        if not db.is_current():
            db.upgrade()
        if settles:
            db.in_write(lambda session: local_site.ensure(session, runtime().vault, clock.now()))
    yield app
    with app.app_context():
        db.db.engine.dispose()


def change(app: Flask, work: Callable[[Session], T]) -> T:
    """What `work` makes of the site's database."""
    with app.app_context(), db.write() as session:
        return work(session)


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site on SQLite that has just begun, to be copied."""
    folder = tmp_path_factory.mktemp("first")
    with opened(folder):
        pass
    return folder


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each test's site is, one after the other."""
    return tmp_path_factory.mktemp("place") / "data"


@pytest.fixture
def data(first_start: Path, place: Path) -> Path:
    """The folder of another one."""
    shutil.rmtree(place, ignore_errors=True)
    return shutil.copytree(first_start, place)


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords hashed at a cost that many tests can pay."""
    monkeypatch.setattr(admins, "METHOD", QUICK)
    monkeypatch.setattr(admins, "NOBODY", admins.NOBODY.replace(METHOD, QUICK))


@pytest.fixture(scope="session")
def postgres_tables(postgres_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PostgreSQL database with every table and no row, lent to one test after the other."""
    url = postgres_cluster.create_database()
    with opened(tmp_path_factory.mktemp("tables"), POINTSYNC_DATABASE_URL=url, settles=False):
        pass
    return url


@pytest.fixture
def where(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings that say which database: SQLite, unless a test asks for another."""
    with database(request, getattr(request, "param", "sqlite")) as settings:
        yield settings


@contextmanager
def database(request: pytest.FixtureRequest, kind: str) -> Iterator[dict[str, str]]:
    """The settings of an empty database of that kind."""
    if kind == "sqlite":
        yield {}
        return
    cluster: Cluster = request.getfixturevalue("postgres_cluster")
    url = request.getfixturevalue("postgres_tables")
    try:
        yield {"POINTSYNC_DATABASE_URL": url}
    finally:
        cluster.empty(url)
