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
from pointsync.runtime import runtime
from pointsync.sync import admins, site
from pointsync.sync.admins import METHOD

T = TypeVar("T")

COMPILED = FileSystemBytecodeCache()
"""Templates are compiled once for all sites: it takes longer than everything else that a page does."""

QUICK = "scrypt:1024:8:1"


@contextmanager
def opened(folder: Path, *, settles: bool = True, **settings: str) -> Iterator[Flask]:
    """A site at its first start in `folder`, or its tables alone; no context is pushed, as requests would share it."""
    environ = {"POINTSYNC_DATA": str(folder), "POINTSYNC_SITE_NAME": "Shop one"}
    app = create_app(config.load(environ | settings, root=folder))
    app.jinja_env.bytecode_cache = COMPILED
    with app.app_context():
        if not db.is_current():
            db.upgrade()
        if settles:
            db.in_write(lambda session: site.ensure(session, runtime().vault, clock.now()))
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


@pytest.fixture
def data(first_start: Path, tmp_path: Path) -> Path:
    """The folder of another one."""
    return shutil.copytree(first_start, tmp_path / "data")


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords hashed at a cost that many tests can pay."""
    monkeypatch.setattr(admins, "METHOD", QUICK)
    monkeypatch.setattr(admins, "NOBODY", admins.NOBODY.replace(METHOD, QUICK))
