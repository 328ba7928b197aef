"""A whole site in this process, with one API key, and ways to ask it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from pointsync import clock, config, create_app, db
from pointsync.ledger.verify import differences
from pointsync.models import Hook, HookDelivery, Reserve
from pointsync.runtime import runtime
from pointsync.sync import hooks, site
from tests.api.callers import SECRET, SHOP, Shop, Woo, shop_of


def opened(folder: Path, database_url: str) -> Flask:
    """A site whose data live in `folder`."""
    return create_app(config.load({"POINTSYNC_DATA": str(folder), "POINTSYNC_DATABASE_URL": database_url}, folder))


def prepared(folder: Path, database_url: str) -> Flask:
    """A site whose database is made."""
    app = opened(folder, database_url)
    with app.app_context():
        db.upgrade()
        db.in_write(lambda session: site.ensure(session, runtime().vault, clock.now()))
    return app


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site that has just begun, to be copied."""
    folder = tmp_path_factory.mktemp("site")
    app = prepared(folder, f"sqlite:///{folder}/pointsync.db")
    with app.app_context():
        db.db.engine.dispose()
    return folder


@pytest.fixture
def app(tmp_path: Path, template: Path) -> Iterator[Flask]:
    """A site on SQLite; afterwards every balance is the sum of its movements, whatever the test did."""
    folder = shutil.copytree(template, tmp_path / "data")
    app = opened(folder, f"sqlite:///{folder}/pointsync.db")
    yield app
    with app.app_context():
        assert differences(db.db.session()) == []
        db.db.engine.dispose()


@pytest.fixture
def any_app(tmp_path: Path, database_url: str) -> Iterator[Flask]:
    """The same on each kind of database in turn."""
    app = prepared(tmp_path / "data", database_url)
    yield app
    with app.app_context():
        assert differences(db.db.session()) == []
        db.db.session.remove()
        db.db.engine.dispose()


@pytest.fixture
def shop(app: Flask) -> Shop:
    """A caller with a key."""
    return shop_of(app)


@pytest.fixture
def stranger(app: Flask) -> Shop:
    """A caller without one."""
    return Shop(app.test_client(), None)


@pytest.fixture
def add_reserve(app: Flask) -> Callable[..., None]:
    """Make a points reserve."""

    def add(key: str, **fields: Any) -> None:
        with app.app_context():
            db.in_write(lambda session: session.add(Reserve(key=key, name=key, created_at=clock.now(), **fields)))

    return add


@pytest.fixture
def add_hook(app: Flask) -> Callable[..., Woo]:
    """Make a hook, and the shop that delivers to it."""

    def add(name: str = "shop", *, shop: str = SHOP, reserve: str = "default", **fields: Any) -> Woo:
        with app.app_context():
            made: Hook = db.in_write(
                lambda session: hooks.add(
                    session,
                    runtime().vault,
                    name=name,
                    secret=SECRET,
                    reserve_key=reserve,
                    now=clock.now(),
                    **({"rate": "1", "status": "completed", "by_movements": False} | fields),
                )
            )
            return Woo(app, name, shop, path=hooks.url(made, None))

    return add


@pytest.fixture
def outcomes(app: Flask) -> Callable[[], list[tuple[str, str]]]:
    """What came of all deliveries to hooks, oldest first: outcome and sentence."""

    def read() -> list[tuple[str, str]]:
        with app.app_context():
            rows = db.db.session.scalars(db.db.select(HookDelivery).order_by(HookDelivery.id))
            return [(row.outcome, row.message) for row in rows]

    return read
