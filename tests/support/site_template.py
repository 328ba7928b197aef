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
from pointsync.net.http_client import HttpClient
from pointsync.runtime import EXTENSION_KEY, Runtime, get_runtime
from pointsync.sync.site import local_site
from tests.support import new_tables
from tests.support.postgres import Cluster

T = TypeVar("T")

TEMPLATE_CACHE = FileSystemBytecodeCache()
"""Templates are compiled once for all sites: it takes longer than everything else that a page does."""

_REUSED_APPS: dict[tuple[object, ...], Flask] = {}


@contextmanager
def open_site(folder: Path, *, settles: bool = True, **settings: str) -> Iterator[Flask]:
    """A site at its first start in `folder`, or its tables alone; no context is pushed, as requests would share it."""
    yield from _run_site(_create_app(folder, settings), settles, upgrades=True)


@contextmanager
def reuse_app(folder: Path, settings: dict[str, str]) -> Iterator[Flask]:
    """The same in a copy of the template, or on a PostgreSQL database with tables and no row.

    The application is kept for the next site in that folder with those settings: what it has compiled, pages and
    statements, costs more than most tests.
    """
    known = (folder, *sorted(settings.items()))
    if known not in _REUSED_APPS:
        _REUSED_APPS[known] = _create_app(folder, settings)
    app = _REUSED_APPS[known]
    here = get_runtime(app)
    client, shop_client = (HttpClient(allow_private=here.config.private_remotes) for _ in range(2))
    app.extensions[EXTENSION_KEY] = Runtime(
        config=here.config, vault=here.vault, client=client, shop_client=shop_client
    )
    yield from _run_site(app, settles="POINTSYNC_DATABASE_URL" in settings, upgrades=False)


def _create_app(folder: Path, settings: dict[str, str]) -> Flask:
    environ = {"POINTSYNC_DATA": str(folder), "POINTSYNC_SITE_NAME": "Shop one"}
    app = create_app(config.load(environ | settings, root=folder))
    app.jinja_env.bytecode_cache = TEMPLATE_CACHE
    return app


def _run_site(app: Flask, settles: bool, upgrades: bool) -> Iterator[Flask]:
    with app.app_context():
        if upgrades and not db.is_current():
            db.upgrade()
        if settles:
            db.run_in_transaction(lambda session: local_site.get_or_create(session, get_runtime().vault, clock.now()))
    yield app
    with app.app_context():
        db.get_engine().dispose()


def run_in_transaction(app: Flask, work: Callable[[Session], T]) -> T:
    """What `work` makes of the site's database."""
    with app.app_context(), db.transaction() as session:
        return work(session)


@pytest.fixture(scope="session")
def site_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site on SQLite that has just begun, to be copied."""
    folder = tmp_path_factory.mktemp("first")
    shutil.copy(new_tables.sqlite_file(), folder / "pointsync.db")
    with open_site(folder):
        pass
    return folder


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each test's site is, one after the other."""
    return tmp_path_factory.mktemp("place") / "data"


@pytest.fixture
def data_folder(site_template: Path, site_folder: Path) -> Path:
    """The folder of another one."""
    shutil.rmtree(site_folder, ignore_errors=True)
    return shutil.copytree(site_template, site_folder)


@pytest.fixture(scope="session")
def postgres_tables(postgres_cluster: Cluster, postgres_template: str) -> str:
    """A PostgreSQL database with every table and no row, lent to one test after the other."""
    return postgres_cluster.create_database(template=postgres_template)


@pytest.fixture
def database_settings(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings that say which database: SQLite, unless a test asks for another."""
    with empty_database(request, getattr(request, "param", "sqlite")) as settings:
        yield settings


@contextmanager
def empty_database(request: pytest.FixtureRequest, kind: str) -> Iterator[dict[str, str]]:
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
